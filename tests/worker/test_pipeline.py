from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import StepEnded, StepStarted
from shared.diagnosis.outcomes import Fact, Failed
from shared.platform.keys.key_pair import SECRET_MISMATCH
from shared.policy.service_policy import TLS_REQUIRED, TLS_VERIFY_REQUIRED, ServicePolicy
from shared.request import JobRequest
from shared.request.message import ComparedPart
from shared.steps import StepName, steps_for
from tests.certificates.crafted import Authority, self_signed
from tests.network.loopback import KNOWN, LOOPBACK_ALLOWED, soon
from tests.network.servers import answering, hang_up_after_reading, hold, reply, serving
from tests.stand_ins.zstack import zstack_node
from tests.worker.jobs import Jobs, queued_job
from worker.http.response_reader import EMPTY_REPLY
from worker.pipeline import run_steps
from worker.recorder import Recorder
from worker.redaction import Redactor
from worker.site import Site
from worker.steps.tls_handshake import IDENTITY_UNCHECKED
from worker.tcp.address_guard import ADDRESS_BLOCKED, AddressGuard
from worker.tcp.connection import fingerprint
from worker.tls.certificate_causes import SELF_SIGNED
from worker.tls.trust import Trust

RIGHT = "SECRET"  # of the stand-in
SITE = Site(LOOPBACK_ALLOWED, Trust())
BEFORE_SIGN_IN = ComparedPart(ends_after="product_identify")


def request_to(endpoint: str, *, secret_key: str = RIGHT, **options: Any) -> JobRequest:
    return JobRequest.model_validate(
        {
            "productType": "zstack",
            "endpoint": endpoint,
            "accessKey": "AKID",
            "secretKey": secret_key,
            "options": options,
        }
    )


def plain(product: str, endpoint: str, **options: Any) -> JobRequest:
    content = {"productType": product, "endpoint": endpoint, "options": options}
    return JobRequest.model_validate(content)


def run(
    request: JobRequest, site: Site = SITE, compared: ComparedPart | None = None
) -> tuple[Jobs, Failed | None]:
    """Run the steps; return the job, and how it failed."""
    jobs = queued_job()
    deadline = soon()
    step = Recorder(jobs.begin(), KNOWN, Redactor(request.credentials), deadline, site.investigate)
    try:
        run_steps(request, site, lambda: None, step, deadline, compared)
    except Failed as failed:
        step.finish()
        return jobs, failed
    step.finish()
    return jobs, None


def steps_of(jobs: Jobs) -> tuple[str, ...]:
    return tuple(entry.step for entry in jobs.entries() if isinstance(entry, StepStarted))


def facts_of(jobs: Jobs, step: StepName) -> Mapping[str, Fact]:
    return next(item.evidence for item in jobs.report().items if item.name == step)


def outcomes_of(jobs: Jobs) -> list[str]:
    return [entry.outcome for entry in jobs.entries() if isinstance(entry, StepEnded)]


def test_over_https_all_steps_happen_in_the_documented_order() -> None:
    """The order is a promise of the interface."""
    authority = Authority()
    with zstack_node(tls=authority.issue("127.0.0.1").server_context()) as (_, port):
        request = request_to(f"https://127.0.0.1:{port}", tls={"caCertificate": authority.pem})
        jobs, failed = run(request)

    assert failed is None
    left_out = ("service_endpoints", "inspect_certificate")
    assert (
        steps_of(jobs)
        == steps_for("https")
        == tuple(name for name in get_args(StepName) if name not in left_out)
    )
    assert outcomes_of(jobs) == ["passed"] * 7


def test_over_http_there_is_no_tls_handshake() -> None:
    """There is nothing to shake hands on, and a skipped step would be taken for a fault."""
    with zstack_node() as (_, port):
        jobs, failed = run(request_to(f"http://127.0.0.1:{port}"))

    assert failed is None
    assert steps_of(jobs) == steps_for("http")
    assert "tls_handshake" not in steps_of(jobs)
    assert outcomes_of(jobs) == ["passed"] * 6


def test_the_product_chooses_the_scheme_of_an_endpoint_without_one() -> None:
    """The documented example is 192.168.1.100:8080."""
    with zstack_node() as (_, port):
        jobs, failed = run(request_to(f"127.0.0.1:{port}"))

    assert failed is None
    assert steps_of(jobs) == steps_for("http")


def test_a_warning_does_not_end_the_test() -> None:
    """The identity was not checked, because the caller wanted it so."""
    with zstack_node(tls=self_signed("x").server_context()) as (node, port):
        jobs, failed = run(request_to(f"https://127.0.0.1:{port}", tls={"verify": False}))

    assert failed is None
    assert outcomes_of(jobs).count("warning") == 1
    assert IDENTITY_UNCHECKED.code in jobs.raw()
    assert node.judged == ["AKID"]


def test_a_failed_step_is_the_last_one() -> None:
    """Each step needs what the one before it found."""
    with serving(hang_up_after_reading) as server:
        jobs, failed = run(request_to(f"http://127.0.0.1:{server.port}"))

    assert failed
    assert failed.cause is EMPTY_REPLY
    assert steps_of(jobs)[-1] == "http_response"
    assert outcomes_of(jobs) == ["passed", "passed", "failed"]


def test_no_credential_goes_to_a_platform_that_is_not_trusted() -> None:
    """The certificate is judged before anything secret can leave."""
    with zstack_node(tls=self_signed("127.0.0.1").server_context()) as (node, port):
        jobs, failed = run(request_to(f"https://127.0.0.1:{port}"))

    assert failed
    assert failed.cause is SELF_SIGNED
    assert steps_of(jobs)[-1] == "tls_handshake"
    assert node.requests == []


def test_a_wrong_secret_fails_the_sign_in() -> None:
    """The steps before it have shown that everything else is right."""
    with zstack_node() as (node, port):
        jobs, failed = run(request_to(f"http://127.0.0.1:{port}", secret_key="WRONG"))

    assert failed
    assert failed.cause is SECRET_MISMATCH
    assert steps_of(jobs)[-1] == "authenticate"
    assert node.judged == ["AKID"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_the_default_policy_refuses_loopback_in_every_spelling(host: str) -> None:
    """A caller must not reach the worker's own machine."""
    jobs, failed = run(request_to(f"http://{host}:6379"), Site(AddressGuard(), SITE.trust))

    assert failed
    assert failed.cause is ADDRESS_BLOCKED
    assert steps_of(jobs) == ("dns_lookup", "tcp_connect")


@pytest.mark.parametrize(
    ("policy", "cause"),
    [
        (ServicePolicy(requires_tls=True), TLS_REQUIRED),
        (ServicePolicy(requires_tls_verify=True), TLS_VERIFY_REQUIRED),
    ],
)
def test_what_the_workers_own_settings_forbid_is_not_tested(
    policy: ServicePolicy, cause: Cause
) -> None:
    """An API that was broken into must not be able to lift it."""
    with serving(hang_up_after_reading) as server:
        scheme = "https" if cause is TLS_VERIFY_REQUIRED else "http"
        request = request_to(f"{scheme}://127.0.0.1:{server.port}", tls={"verify": False})
        jobs, failed = run(request, replace(SITE, rules=policy))

        assert server.count_connections() == 0
    assert failed
    assert failed.cause is cause
    assert steps_of(jobs) == ("dns_lookup",)
    assert jobs.report().items[0].cause == cause.code


def test_a_plain_web_server_is_done_when_it_has_answered() -> None:
    """Whatever its status: something answers, over a certificate that was judged."""
    authority = Authority()
    tls = authority.issue("127.0.0.1").server_context()
    with serving(answering(reply(status="404 Not Found")), tls=tls) as server:
        jobs, failed = run(
            plain("https", f"127.0.0.1:{server.port}", tls={"caCertificate": authority.pem})
        )

        assert server.requests[0].startswith(b"GET / HTTP/1.1\r\n")
    assert failed is None
    assert steps_of(jobs) == ("dns_lookup", "tcp_connect", "tls_handshake", "http_response")


def test_a_plain_web_server_that_answers_with_an_error_passes_with_a_warning() -> None:
    """It works as a web server; whether its answer is wanted is not ours to say."""
    with serving(answering(reply(status="404 Not Found"))) as server:
        jobs, failed = run(plain("http", f"127.0.0.1:{server.port}/health"))

    assert failed is None
    assert outcomes_of(jobs) == ["passed", "passed", "warning"]
    told = [entry for entry in jobs.entries() if isinstance(entry, StepEnded)][-1].causes[0]
    assert told.code == "http.request_rejected"
    assert f"http://127.0.0.1:{server.port}/health" in told.summary


def test_a_plain_port_is_done_when_it_is_open() -> None:
    """Nothing is said on it: what it speaks is not known."""
    with serving(hold) as server:
        jobs, failed = run(plain("tcp", f"127.0.0.1:{server.port}"))

        assert server.requests == []
    assert failed is None
    assert steps_of(jobs) == ("dns_lookup", "tcp_connect")


def test_a_compared_test_can_end_before_the_sign_in() -> None:
    """One site signs in for all: else an account is locked by a comparison."""
    with zstack_node() as (node, port):
        jobs, failed = run(request_to(f"http://127.0.0.1:{port}"), compared=BEFORE_SIGN_IN)

    assert failed is None
    assert steps_of(jobs)[-1] == "product_identify"
    assert not node.judged


def test_a_compared_test_tells_the_certificate() -> None:
    """What differs between two sites is most often the certificate."""
    authority = Authority()
    issued = authority.issue("127.0.0.1")
    with zstack_node(tls=issued.server_context()) as (_, port):
        request = request_to(f"https://127.0.0.1:{port}", tls={"caCertificate": authority.pem})
        compared, _ = run(request, compared=BEFORE_SIGN_IN)
        alone, _ = run(request)

    assert facts_of(compared, "tls_handshake")["sha256"] == fingerprint(issued.der)
    assert "sha256" not in facts_of(alone, "tls_handshake")
