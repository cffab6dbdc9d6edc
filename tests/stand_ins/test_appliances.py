"""Each product through the whole pipeline, against a stand-in that checks what it is given."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from shared.diagnosis.entries import StepEnded, StepStarted
from shared.diagnosis.outcomes import Failed
from shared.platform.keys.key_pair import LOGIN_REFUSED, SECRET_MISMATCH
from shared.products import PRODUCTS
from shared.products.kubernetes import TOKEN_REFUSED
from shared.request import JobRequest
from tests.certificates.crafted import Authority
from tests.network.loopback import KNOWN, LOOPBACK_ALLOWED, soon
from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.stand_ins.appliances import APPLIANCES, SECRET, USER, Appliance
from tests.worker.jobs import Jobs, queued_job
from worker.deadline import Deadline
from worker.pipeline import run_steps
from worker.recorder import BUDGET_EXHAUSTED, Recorder
from worker.redaction import Redactor
from worker.site import Site
from worker.tls.trust import Trust

EACH = pytest.mark.parametrize("product", APPLIANCES)
WITH_SESSION = pytest.mark.parametrize("product", ["ovirt", "vsphere"])
REFUSALS = {"kubernetes": TOKEN_REFUSED, "proxmox": SECRET_MISMATCH}
SITE = Site(LOOPBACK_ALLOWED, Trust())


@dataclass(frozen=True)
class Place:
    """A stand-in that is up."""

    seen: Appliance
    product: str
    port: int
    authority: str

    def test(
        self, secret: str = SECRET, deadline: Deadline | None = None
    ) -> tuple[Jobs, Failed | None]:
        """Return the job of a test, and how it failed."""
        content = {
            "productType": self.product,
            "endpoint": f"https://127.0.0.1:{self.port}",
            "accessKey": USER,
            "secretKey": secret,
            "options": {"tls": {"caCertificate": self.authority}},
        }
        request, jobs, deadline = (
            JobRequest.model_validate(content),
            queued_job(),
            deadline or soon(),
        )
        known = {**KNOWN, "access_key_is": "a", "secret_key_is": "b"}
        redact = Redactor(request.credentials)
        step = Recorder(jobs.begin(), known, redact, deadline, SITE.investigate)
        failed = None
        try:
            run_steps(request, SITE, lambda: None, step, deadline)
        except Failed as error:
            failed = error
        step.finish()
        return jobs, failed


@contextmanager
def place(product: str, breaks_at: str = "") -> Iterator[Place]:
    """Give the product's stand-in; what is asked of it at `breaks_at` ends in a 500."""
    seen, authority = Appliance(), Authority()

    def rule(asked: Asked) -> Reply:
        seen.calls.append(asked.call)
        if breaks_at and breaks_at in f"{asked.call} {asked.body!r}":
            return Reply(500, "out of order")
        return APPLIANCES[product](seen, asked)

    tls = authority.issue("127.0.0.1").server_context()
    with answering_by(rule, tls) as port:
        yield Place(seen, product, port, authority.pem)


@EACH
def test_the_right_key_pair_passes_all_steps(product: str) -> None:
    """Recorded answers can't show that the request on the wire is one that is taken."""
    with place(product) as there:
        jobs, failed = there.test()

    assert failed is None
    ended = [entry for entry in jobs.entries() if isinstance(entry, StepEnded)]
    assert [entry.outcome for entry in ended] == ["passed"] * 7
    assert [entry.step for entry in ended] == list(PRODUCTS[product].steps_over("https"))
    assert there.seen.judged
    assert all(there.seen.judged)


@EACH
def test_a_wrong_secret_is_presented_once_and_told_as_that(product: str) -> None:
    """Most of them lock after a few."""
    with place(product) as there:
        jobs, failed = there.test("wrong-wrong-wrong")

    assert failed
    assert failed.cause is REFUSALS.get(product, LOGIN_REFUSED)
    assert failed.cause.is_rejection
    assert there.seen.judged == [False]
    last = [entry for entry in jobs.entries() if isinstance(entry, StepStarted)][-1]
    assert last.step == "authenticate"


@EACH
def test_the_secret_is_in_nothing_that_is_kept(product: str) -> None:
    """A session's key is as good as the secret while it lasts."""
    with place(product) as there:
        jobs, _ = there.test()

    for secret in (SECRET, "6a1d3c52", "tok3n", "c00kie", "k3y"):
        assert secret not in jobs.raw()


@WITH_SESSION
def test_the_session_is_closed(product: str) -> None:
    """One that stays open is missing to somebody else."""
    with place(product) as there:
        there.test()

    assert there.seen.judged == [True]
    assert there.seen.sessions == set()


@pytest.mark.parametrize(
    ("product", "breaks_at"), [("ovirt", "/api"), ("vsphere", "HasPrivilegeOnEntities")]
)
def test_the_session_is_closed_when_the_platform_breaks(product: str, breaks_at: str) -> None:
    """A platform that is in trouble has even fewer to spare."""
    with place(product, breaks_at) as there:
        _, failed = there.test()

    assert failed
    assert there.seen.judged == [True]
    assert there.seen.sessions == set()


def test_the_session_is_closed_when_the_time_is_up_after_the_sign_in() -> None:
    """The next step does not even begin then."""
    seen, authority, deadline = Appliance(), Authority(), soon()

    def rule(asked: Asked) -> Reply:
        reply = APPLIANCES["vsphere"](seen, asked)
        if b"<Login " in asked.body:
            deadline.at_s -= 60
        return reply

    tls = authority.issue("127.0.0.1").server_context()
    with answering_by(rule, tls) as port:
        jobs, failed = Place(seen, "vsphere", port, authority.pem).test(deadline=deadline)

    assert failed
    assert failed.cause is BUDGET_EXHAUSTED
    last = [entry for entry in jobs.entries() if isinstance(entry, StepStarted)][-1]
    assert last.step == "authorize"
    assert seen.sessions == set()


def test_every_appliance_has_a_stand_in() -> None:
    """A product that is tested by recorded answers alone was never spoken to."""
    appliances = {"vsphere", "proxmox", "nutanix", "ovirt", "kubernetes"}

    assert set(APPLIANCES) == appliances <= set(PRODUCTS)
