import gc
import json
import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from threading import Event

import pytest

from shared.ca_certificates import detached
from shared.diagnosis.entries import Closed, StepEnded, StepStarted, begins_sign_in
from shared.diagnosis.outcomes import Finding
from shared.policy.target_policy import UNLIMITED, Allowance, TargetPolicy
from shared.queue.queued_job import QueuedJob
from shared.request import JobRequest
from shared.request.message import JobMessage
from shared.sealing import Opener, Sealer, new_key_pair
from shared.signing import Signer, Verifier, new_signing_pair
from shared.store.batches.batch_keys import batch_id_of, ca_certificates_key
from shared.store.jobs.run import Run
from shared.store.jobs.run_store import RunStore
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.site_keys import DEFAULT_KEYS
from tests.certificates.authority import Authority
from tests.network.loopback import LOOPBACK_ALLOWED
from tests.network.servers import hold, serving
from tests.running.service import a_request
from tests.shared.conftest import turn_limits
from tests.stand_ins.keystone import Keystone
from tests.stand_ins.zstack import ZstackNode, zstack_node
from tests.worker.jobs import JOB, JOB_ID, TTL_S, Jobs, queued_job
from worker.http.exchange import EXCHANGE_S
from worker.job import (
    CANNOT_OPEN,
    CANNOT_READ,
    CLOCKS_AGREE_WITHIN,
    NOT_SIGNED,
    JobRunner,
)
from worker.recorder import INTERNAL_ERROR
from worker.sign_in_guard import SignInGuard
from worker.site import Site
from worker.tls.trust import Trust

PRIVATE_KEY, PUBLIC_KEY = new_key_pair()
SITE = Site(LOOPBACK_ALLOWED, Trust())
SIGNING_KEY, VERIFYING_KEY = new_signing_pair()
SIGNER, VERIFIER = Signer([SIGNING_KEY]), Verifier([VERIFYING_KEY])
A_MINUTE = timedelta(minutes=1)


def runner(jobs: Jobs, verifier: Verifier | None = None, site: Site = SITE) -> JobRunner:
    guard = SignInGuard(SignInMemory(jobs.store.round_trips, b"a key", DEFAULT_KEYS))
    return JobRunner(jobs.store, Opener([PRIVATE_KEY]), site, guard, verifier)


class StoreOfThePast(RunStore):
    """A store whose clock is far behind."""

    def begin(self, job: QueuedJob) -> Run:
        """Begin the next run of a job, two hours ago."""
        run = super().begin(job)
        run.began_at -= 2 * CLOCKS_AGREE_WITHIN
        return run


def sealed(
    port: int,
    *,
    job_id: str = JOB_ID,
    public_key: str = PUBLIC_KEY,
    start_in: timedelta = A_MINUTE,
    budget_s: float = 10,
    product: str = "zstack",
    policy: TargetPolicy = UNLIMITED,
) -> str:
    """Return a job for a platform of ours, as the API seals it."""
    request = JobRequest.model_validate(
        {
            "productType": product,
            "endpoint": f"http://127.0.0.1:{port}",
            "accessKey": "AKID",
            "secretKey": "SECRET",
        }
    )
    start_by = datetime.now(UTC) + start_in
    message = JobMessage(request=request, budget_s=budget_s, start_by=start_by, policy=policy)
    return Sealer(public_key).seal(message.to_bytes(), job_id)


def status(jobs: Jobs) -> str:
    last = jobs.entries()[-1]
    assert isinstance(last, Closed)
    return last.status


def test_a_job_runs_to_its_end() -> None:
    """This is what the service is for."""
    with zstack_node() as (node, port):
        jobs = queued_job(sealed(port))
        runner(jobs).run(JOB)

    assert status(jobs) == "finished"
    assert jobs.report().success is True
    assert [item.status for item in jobs.report().items] == ["success"] * 6
    assert node.judged == ["AKID"]
    assert "SECRET" not in jobs.raw()


def test_a_failed_test_is_a_finished_job() -> None:
    """The failure is the answer that the caller wanted."""
    with zstack_node() as (node, port):
        node.keys["AKID"] = "ANOTHER"
        jobs = queued_job(sealed(port))
        runner(jobs).run(JOB)

    report = jobs.report()
    assert (report.status, report.success) == ("finished", False)
    assert report.made[-1].cause == "auth.secret_mismatch"
    assert report.made[-1].error_msg.startswith("x knows the accessKey")  # as the API queued it


def test_the_budget_ends_a_job() -> None:
    """A worker's slot is free again after the time that the caller gave."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port, budget_s=0.3))
        runner(jobs).run(JOB)

    report = jobs.report()
    assert (report.status, report.success) == ("finished", False)
    assert report.made[-1].took_ms < EXCHANGE_S * 1000
    assert report.made[-1].cause != INTERNAL_ERROR.code


def test_a_job_that_waited_too_long_expires_without_a_connection() -> None:
    """Its caller has gone; a sign-in now would surprise somebody."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port, start_in=-A_MINUTE))
        runner(jobs).run(JOB)

        assert server.count_connections() == 0
    assert status(jobs) == "expired"
    assert jobs.kinds() == ["queued", "started", "closed"]


@pytest.mark.parametrize(
    ("own", "again"),
    [
        (TargetPolicy(), TargetPolicy(networks=(ip_network("10.0.0.0/8"),))),
        (TargetPolicy(networks=(ip_network("10.0.0.0/8"),)), TargetPolicy()),
    ],
)
def test_a_repeated_job_runs_under_the_policies_of_both_tokens(
    own: TargetPolicy, again: TargetPolicy
) -> None:
    """Neither may reach through the other what it may not test itself."""
    with serving(hold) as server:
        allowance = Allowance(policy=again).model_dump_json(exclude_defaults=True)
        jobs = queued_job(sealed(server.port, policy=own), allowance)
        runner(jobs).run(JOB)

        assert server.count_connections() == 0
    assert jobs.report().made[-1].cause == "policy.network_blocked"


def test_an_allowance_that_can_not_be_read_closes_the_job() -> None:
    """What nobody can read allows nothing."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port), '{"policy": {"networks": ["x"]}}')
        runner(jobs).run(JOB)

        assert server.count_connections() == 0
    assert jobs.report().made[-1].cause == CANNOT_READ.code


def test_a_job_whose_request_is_gone_expires() -> None:
    """Redis forgets the sealed request when nobody may begin the job any more."""
    jobs = queued_job(sealed(1))
    jobs.redis.delete(DEFAULT_KEYS.sealed(JOB_ID))

    runner(jobs).run(JOB)

    assert status(jobs) == "expired"


@pytest.mark.parametrize(
    "message",
    [
        sealed(1, public_key=new_key_pair()[1]),
        sealed(1, job_id="another"),
        sealed(1)[:-8],
        "not base64!",
    ],
)
def test_a_message_that_cannot_be_opened_is_our_fault(message: str) -> None:
    """A caller must hear that, instead of waiting for ever."""
    jobs = queued_job(message)
    runner(jobs).run(JOB)

    report = jobs.report()
    assert (report.status, report.success) == ("finished", False)
    (item,) = report.items
    assert item.cause == CANNOT_OPEN.code
    assert item.owner == "us"
    assert item.error_msg == Finding(CANNOT_OPEN).summary(known={})


def test_a_worker_with_keys_runs_what_the_api_has_signed() -> None:
    """This is what the service is for."""
    with zstack_node() as (node, port):
        jobs = queued_job(sealed(port), signer=SIGNER)
        runner(jobs, VERIFIER).run(JOB)

    assert jobs.report().success is True
    assert node.judged == ["AKID"]


@pytest.mark.parametrize("signer", [None, Signer([new_signing_pair()[0]])])
def test_a_worker_with_keys_runs_nothing_else(signer: Signer | None) -> None:
    """Whoever can write to Redis can seal a request, and must not have it run."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port), signer=signer)
        runner(jobs, VERIFIER).run(JOB)

        assert server.count_connections() == 0
    (item,) = jobs.report().items
    assert (item.cause, item.owner) == (NOT_SIGNED.code, "us")


@pytest.mark.parametrize("signer", [None, SIGNER])
def test_a_worker_without_keys_runs_both(signer: Signer | None) -> None:
    """An installation of an older version goes on as it did."""
    with zstack_node() as (node, port):
        jobs = queued_job(sealed(port), signer=signer)
        runner(jobs).run(JOB)

    assert node.judged == ["AKID"]


def test_a_signed_job_with_another_request_is_not_run() -> None:
    """Another message that was once sealed for the same job would be a second sign-in."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port), signer=SIGNER)
        jobs.redis.set(DEFAULT_KEYS.sealed(JOB_ID), sealed(server.port))
        runner(jobs, VERIFIER).run(JOB)

        assert server.count_connections() == 0
    assert jobs.report().items[0].cause == NOT_SIGNED.code


def test_a_signed_job_of_which_a_word_was_changed_is_not_run() -> None:
    """The entry says whose limits and policies count."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port), '{"policy": {"ports": [1]}}', signer=SIGNER)
        ((_, fields),) = jobs.rows()
        fields[b"entry"] = fields[b"entry"].replace(b"[1]", b"[1,2]")
        jobs.begin_anew(fields)
        runner(jobs, VERIFIER).run(JOB)

        assert server.count_connections() == 0
    assert jobs.report().items[0].cause == NOT_SIGNED.code


def test_a_job_that_was_signed_for_another_site_is_not_run() -> None:
    """It was to be tested from there, and its key pair is none of this site's business."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port), signer=SIGNER)
        runner(jobs, VERIFIER, replace(SITE, name="fra1")).run(JOB)

        assert server.count_connections() == 0
    assert jobs.report().items[0].cause == NOT_SIGNED.code


def test_a_signed_job_that_is_offered_again_does_not_sign_in_twice() -> None:
    """Whoever can write to Redis can delete its story and begin it anew."""
    with zstack_node() as (node, port):
        jobs = queued_job(sealed(port), signer=SIGNER)
        ((_, fields),) = jobs.rows()
        message = jobs.redis.get(DEFAULT_KEYS.sealed(JOB_ID)) or b""
        worker = runner(jobs, VERIFIER)
        worker.run(JOB)
        jobs.begin_anew(fields)
        jobs.redis.set(DEFAULT_KEYS.sealed(JOB_ID), message)
        worker.run(JOB)

    assert status(jobs) == "lost"
    assert node.judged == ["AKID"]


def test_a_job_is_not_run_long_after_its_time_whatever_the_clock_of_redis_says() -> None:
    """Whoever can write to Redis can also set its clock, and keep what was signed."""
    with serving(hold) as server:
        waiting = sealed(server.port, start_in=-CLOCKS_AGREE_WITHIN - A_MINUTE)
        jobs = queued_job(waiting, signer=SIGNER)
        jobs.store = StoreOfThePast(
            jobs.redis, TTL_S, "worker-1", turn_limits(), bool, DEFAULT_KEYS
        )
        runner(jobs, VERIFIER).run(JOB)

        assert server.count_connections() == 0
    assert status(jobs) == "expired"


@pytest.mark.parametrize(
    "content",
    [
        b"not JSON",
        b"{}",
        json.dumps(
            {
                "request": {
                    "productType": "zstack",
                    "endpoint": "http://127.0.0.1:1",
                    "accessKey": "AKID",
                    "secretKey": "TOPSECRET",
                    "options": {"novel": 1},
                },
                "budgetS": 3,
                "startBy": "2030-01-01T00:00:00Z",
            }
        ).encode(),
    ],
    ids=["garbage", "empty", "newer"],
)
def test_a_message_that_can_not_be_read_closes_the_job(content: bytes) -> None:
    """While a new version is rolled out, an old worker may get a new API's message."""
    jobs = queued_job(Sealer(PUBLIC_KEY).seal(content, JOB_ID))
    runner(jobs).run(JOB)

    report = jobs.report()
    assert (report.status, report.success) == ("finished", False)
    (item,) = report.items
    assert (item.cause, item.owner) == (CANNOT_READ.code, "us")
    assert "TOPSECRET" not in jobs.raw()


def test_a_finished_job_is_not_run_again(caplog: pytest.LogCaptureFixture) -> None:
    """The queue delivers at least once; a sign-in is made once."""
    caplog.set_level(logging.INFO, "worker.job")
    with zstack_node() as (node, port):
        jobs = queued_job(sealed(port))
        runner(jobs).run(JOB)
        before = jobs.raw()
        runner(jobs).run(JOB)

        assert len(node.judged) == 1
    assert jobs.raw() == before
    assert f"job job={JOB_ID} outcome=not_begun" in caplog.messages


def test_a_job_that_another_worker_is_at_is_not_run() -> None:
    """The queue may deliver a second time before the first worker is done."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port))
        jobs.begin()
        runner(jobs).run(JOB)

        assert server.count_connections() == 0
    assert jobs.kinds() == ["queued", "started"]


def test_a_job_that_is_not_known_is_not_run() -> None:
    """Its results have expired, or the message is not the API's."""
    jobs = Jobs()

    runner(jobs).run(JOB)

    assert jobs.entries() == []


def test_the_sealed_request_is_gone_when_the_job_is_over() -> None:
    """Credentials that nobody needs any more must not lie around."""
    with zstack_node() as (_, port):
        jobs = queued_job(sealed(port))
        assert jobs.redis.exists(DEFAULT_KEYS.sealed(JOB_ID))
        runner(jobs).run(JOB)

    assert not jobs.redis.exists(DEFAULT_KEYS.sealed(JOB_ID))


def test_a_job_that_may_have_signed_in_is_lost() -> None:
    """The worker before died in the sign-in; a second attempt could lock the account."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port))
        jobs.begin().append(StepStarted(at=datetime.now(UTC), step="authenticate"))
        jobs.requeue()
        runner(jobs).run(JOB)

        assert server.count_connections() == 0
    assert status(jobs) == "lost"


def test_a_job_that_had_not_come_to_the_sign_in_runs_again() -> None:
    """Looking a second time harms nobody, and the caller gets an answer."""
    now = datetime.now(UTC)
    with zstack_node() as (node, port):
        jobs = queued_job(sealed(port))
        first = jobs.begin()
        first.append(
            StepStarted(at=now, step="dns_lookup"),
            StepEnded(at=now, step="dns_lookup", outcome="passed", took_ms=1),
            StepStarted(at=now, step="product_identify"),
        )
        first.write()
        jobs.requeue()
        runner(jobs).run(JOB)

    assert status(jobs) == "finished"
    assert jobs.report().success is True
    assert node.judged == ["AKID"]


def test_a_cancelled_job_ends_at_once() -> None:
    """Its slot is needed, and nobody waits for the answer."""
    with serving(hold) as server:
        jobs = queued_job(sealed(server.port))
        working = runner(jobs)
        with ThreadPoolExecutor(1) as worker:
            running = worker.submit(working.run, JOB)
            server.peer(0)
            jobs.api(lambda store: store.closer.cancel(JOB_ID))
            working.cancel(JOB_ID)

            running.result(timeout=3)
    assert jobs.report().status == "cancelled"
    assert jobs.kinds()[-1] == "closed"


@contextmanager
def signed_in() -> Iterator[tuple[Keystone, Jobs, JobRunner, Future[None]]]:
    """Give a job that has opened a session and waits for a platform that hangs."""
    keystone = Keystone({"projects": "hangs"})
    with serving(keystone.serve) as server, ThreadPoolExecutor(1) as worker:
        jobs = queued_job(sealed(server.port, product="openstack"))
        working = runner(jobs)
        running = worker.submit(working.run, JOB)
        assert keystone.held.wait(10)
        yield keystone, jobs, working, running


def test_a_cancelled_job_ends_its_session() -> None:
    """Whoever cancels tests must not fill up a platform with sessions."""
    with signed_in() as (keystone, jobs, working, running):
        jobs.api(lambda store: store.closer.cancel(JOB_ID))
        working.cancel(JOB_ID)
        running.result(timeout=5)

    assert keystone.given
    assert keystone.valid == set()
    assert jobs.report().status == "cancelled"


def test_a_worker_that_ends_abandons_its_jobs_and_ends_their_sessions() -> None:
    """The job stays this worker's, so that it is found when the worker's sign of life is gone."""
    with signed_in() as (keystone, jobs, working, running):
        working.abandon()
        running.result(timeout=5)

    assert keystone.given
    assert keystone.valid == set()
    assert jobs.report().status == "running"
    assert begins_sign_in(jobs.entries()[-1])
    assert jobs.redis.smembers(DEFAULT_KEYS.jobs_of("worker-1")) == {JOB_ID.encode()}


def test_a_job_that_begins_as_its_worker_ends_is_abandoned_too() -> None:
    """The process ends in the middle of it: a session that it begins would stay open."""
    node = ZstackNode()
    with zstack_node(node) as (_, port):
        jobs = queued_job(sealed(port))
        working = runner(jobs)

        working.abandon()
        working.run(JOB)

    assert jobs.report().status == "running"
    assert not any(map(begins_sign_in, jobs.entries()))
    assert jobs.redis.smembers(DEFAULT_KEYS.jobs_of("worker-1")) == {JOB_ID.encode()}


def test_a_job_that_was_given_up_may_run_again_in_the_same_worker() -> None:
    """A worker that was cut off for a while is given its own job back, still busy with it."""
    node = ZstackNode(hold_hello=Event())
    with zstack_node(node) as (_, port), ThreadPoolExecutor(2) as worker:
        jobs = queued_job(sealed(port))
        working = runner(jobs)

        def deliver() -> Future[None]:
            node.changed.clear()
            running = worker.submit(working.run, JOB)
            assert node.changed.wait(5)
            return running

        first = deliver()
        jobs.requeue()
        second = deliver()
        assert node.hold_hello
        node.hold_hello.set()
        first.result(5)
        second.result(5)

    assert status(jobs) == "finished"
    assert jobs.report().success is True
    assert node.judged == ["AKID"]


def test_a_job_that_does_not_run_here_cannot_be_cancelled_here() -> None:
    """Every worker hears of every cancellation."""
    jobs = queued_job(sealed(1))

    runner(jobs).cancel(JOB_ID)

    assert jobs.kinds() == ["queued"]


def test_nothing_holds_the_key_pair_once_the_job_is_over() -> None:
    """What only the garbage collector would find stays in memory for minutes."""

    def requests() -> int:
        return sum(isinstance(found, JobRequest) for found in gc.get_objects())

    gc.collect()
    before = requests()
    gc.disable()
    try:
        with zstack_node() as (node, port):
            node.keys["AKID"] = "ANOTHER"
            jobs = queued_job(sealed(port))
            runner(jobs).run(JOB)
        assert jobs.report().success is False
        assert requests() == before
    finally:
        gc.enable()


def named_certificates(pem: str) -> tuple[str, str]:
    """Return a job of a batch that names CA certificates, and their digest."""
    options = {"tls": {"caCertificate": pem}}
    request = JobRequest.model_validate(a_request("https://127.0.0.1:1", options=options))
    start_by = datetime.now(UTC) + A_MINUTE
    message, _ = detached(JobMessage(request=request, budget_s=10, start_by=start_by))
    text = Sealer(PUBLIC_KEY).seal(message.to_bytes(), JOB_ID)
    return text, message.ca_certificate_sha256


def test_a_job_whose_ca_certificates_are_gone_expires(authority: Authority) -> None:
    """Redis forgets them with the sealed request."""
    jobs = queued_job(named_certificates(authority.pem)[0])

    runner(jobs).run(JOB)

    assert status(jobs) == "expired"


def test_a_job_whose_ca_certificates_were_changed_is_not_run(authority: Authority) -> None:
    """Whoever changed them would be trusted with the key pair's signature."""
    text, digest = named_certificates(authority.pem)
    jobs = queued_job(text)
    jobs.redis.hset(ca_certificates_key(batch_id_of(JOB_ID)), digest, "another seal")

    runner(jobs).run(JOB)

    assert jobs.report().items[0].cause == CANNOT_READ.code
