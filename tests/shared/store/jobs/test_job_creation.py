from dataclasses import replace
from typing import cast

import pytest
from redis.asyncio import Redis as AsyncRedis

from shared.queue.queued_job import BULK, QueuedJob
from shared.signing import Signer, Verifier, job_statement, new_signing_pair
from shared.store.gate import RedisGate
from shared.store.idempotency import Claim
from shared.store.jobs.job_creation import NewJob, NoWorkerError, QueueFullError
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.run import NOT_SIGNED
from shared.store.limits.kept_results import TooManyKeptError
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import TTL_S, Backend, forced, turn_limits
from tests.shared.diagnosis.stories import queued
from tests.shared.store.jobs.jobs import (
    JOB,
    MOST_QUEUED,
    QUEUE,
    SEALED,
    begun,
    bulk_job,
    create,
    create_all,
    given_up,
    left,
    new_job,
    report,
)

PRIVATE, PUBLIC = new_signing_pair()


def test_a_created_job_can_be_read(backend: Backend) -> None:
    """The caller asks for it a millisecond later."""
    create(backend)

    job = report(backend)
    assert job.status == "queued"
    assert job.endpoint == queued().endpoint


def test_a_job_that_nobody_would_run_is_not_created(backend: Backend) -> None:
    """The caller is told at once instead of waiting for a worker that is not there."""
    with pytest.raises(NoWorkerError):
        backend.api(lambda store: store.creation.create(new_job(), MOST_QUEUED))

    assert left(backend) == set()


def test_only_a_worker_of_the_same_queue_counts(backend: Backend) -> None:
    """A worker for something else will not run it."""
    backend.sync.set(DEFAULT_KEYS.sign_of_queue("bulk"), 1)

    assert backend.api(lambda store: store.workload.is_served("bulk"))
    assert not backend.api(lambda store: store.workload.is_served(QUEUE))
    with pytest.raises(NoWorkerError):
        backend.api(lambda store: store.creation.create(new_job(), MOST_QUEUED))


def test_no_more_jobs_wait_than_may(backend: Backend) -> None:
    """Whoever comes after ten thousand others would only wait in order to expire."""
    for number in range(MOST_QUEUED):
        create(backend, new_job(f"job-{number}"))
    before = left(backend)

    with pytest.raises(QueueFullError):
        create(backend)

    assert left(backend) == before
    assert backend.sync.zscore(DEFAULT_KEYS.queued, JOB) is None


def test_a_job_that_was_begun_waits_no_more(backend: Backend) -> None:
    """Only jobs without a worker count as waiting, and only they can be overdue."""
    create(backend)
    assert backend.sync.zcard(DEFAULT_KEYS.queued) == 1

    begun(backend)

    assert backend.sync.zcard(DEFAULT_KEYS.queued) == 0


def test_credentials_are_kept_no_longer_than_they_can_be_used(backend: Backend) -> None:
    """A job that no worker takes in time never needs them."""
    create(backend, new_job(start_within_s=20))

    assert backend.sync.ttl(DEFAULT_KEYS.sealed(JOB)) == pytest.approx(20, abs=3)


def test_many_jobs_are_created_together_and_without_a_worker(backend: Backend) -> None:
    """A batch waits for workers; its jobs are not turned away one by one."""
    create_all(backend, *(bulk_job(f"job-{number}", 20 + number) for number in range(3)))

    assert backend.api(lambda store: store.workload.waiting()) == ["job-0", "job-1", "job-2"]
    assert backend.sync.get(DEFAULT_KEYS.sealed("job-1")) == SEALED.encode()
    assert backend.api(lambda store: store.reader.queued_job("job-1")) == QueuedJob(
        "job-1", "t", BULK
    )


def test_creating_a_job_again_leaves_it_as_it_is(backend: Backend) -> None:
    """Who takes up a batch after somebody died does not know how far that one came."""
    create_all(backend, bulk_job("waits"), bulk_job("runs"), bulk_job("closed"))
    backend.worker().begin(forced("runs"))
    backend.api(lambda store: store.closer.close("closed", "cancelled"))
    streams = {
        name: backend.sync.xrange(DEFAULT_KEYS.job(name)) for name in ("waits", "runs", "closed")
    }

    create_all(backend, *(bulk_job(name, 99) for name in (*streams, "new")))

    assert {name: backend.sync.xrange(DEFAULT_KEYS.job(name)) for name in streams} == streams
    assert backend.api(lambda store: store.workload.waiting()) == ["waits", "new"]
    assert not backend.sync.exists(DEFAULT_KEYS.sealed("closed"))


def test_a_job_without_a_request_of_its_own_keeps_none(backend: Backend) -> None:
    """An empty sealed request would read as one that can't be opened, not as one that is gone."""
    create_all(backend, replace(bulk_job("gone"), sealed=""))

    assert not backend.sync.exists(DEFAULT_KEYS.sealed("gone"))
    assert backend.worker().begin(forced("gone")).sealed is None


def test_the_message_of_a_job_is_there_when_the_job_is_and_never_without_it(
    backend: Backend,
) -> None:
    """A worker must find the job; a job that exists already has had its message."""
    job = _with_message(new_job())
    with pytest.raises(NoWorkerError):
        backend.api(lambda store: store.creation.create(job, MOST_QUEUED))
    assert not backend.sync.exists(QUEUE)

    for _ in range(2):
        create(backend, job)

    assert _messages(backend, QUEUE) == [b"message of 4f2a"]


def test_the_messages_of_a_batch_s_jobs_come_after_them(backend: Backend) -> None:
    """Between the two, the batch may be cancelled: a worker must not be faster."""
    jobs = [_with_message(bulk_job(job_id)) for job_id in ("one", "other")]

    create_all(backend, *jobs)
    assert not backend.sync.exists(BULK)

    backend.api(lambda store: store.creation.queue_all(jobs))
    assert _messages(backend, BULK) == [b"message of other", b"message of one"]


def test_a_key_that_has_made_a_job_sends_no_message_of_another(backend: Backend) -> None:
    """It would be a message without a job."""
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(QUEUE), 1)
    claim = Claim("key", "fingerprint")
    for job_id in ("first", "again"):
        _create_within(backend, _with_message(new_job(job_id)), MOST_QUEUED, claim)

    assert _messages(backend, QUEUE) == [b"message of first"]


def test_jobs_that_were_created_together_go_by_themselves(backend: Backend) -> None:
    """Nothing may stay in Redis for ever."""
    create_all(backend, bulk_job("job-0"), bulk_job("job-1"))

    lives_s = {key: backend.sync.ttl(key) for key in left(backend)}
    assert set(lives_s) == {
        *(DEFAULT_KEYS.job(f"job-{number}") for number in range(2)),
        *(DEFAULT_KEYS.sealed(f"job-{number}") for number in range(2)),
        DEFAULT_KEYS.queued,
    }
    assert all(0 < lives <= TTL_S for lives in lives_s.values())


def test_a_tenant_keeps_no_more_jobs_than_it_may(backend: Backend) -> None:
    """One tenant must not fill the store of all; nothing is written of what is refused."""
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(QUEUE), 1)
    for number in range(2):
        _create_within(backend, _of("alice", f"job-{number}"), most_kept=2)
    before = _everything(backend)

    with pytest.raises(TooManyKeptError):
        _create_within(backend, _of("alice"), most_kept=2)

    assert _everything(backend) == before
    _create_within(backend, _of("bob", "of-bob"), most_kept=2)
    for number in range(3):
        _create_within(backend, _of("", f"of-the-operator-{number}"), most_kept=2)


def test_the_job_that_a_key_has_made_is_found_when_there_is_no_room(backend: Backend) -> None:
    """A repeated request makes nothing: it must not be refused."""
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(QUEUE), 1)
    claim = Claim("key", "fingerprint")
    _create_within(backend, _of("alice", "first"), most_kept=1, claim=claim)

    assert _create_within(backend, _of("alice", "again"), most_kept=1, claim=claim) == "first"


def test_an_attempt_that_comes_twice_counts_once(backend: Backend) -> None:
    """After a lost connection the same command is sent again."""
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(QUEUE), 1)
    for _ in range(3):
        _create_within(backend, _of("alice", "once"), most_kept=2)

    _create_within(backend, _of("alice", "another"), most_kept=2)


def _with_message(job: NewJob) -> NewJob:
    """Return the job with a command that queues it."""
    return replace(job, message=[("LPUSH", job.queued.queue, f"message of {job.job_id}")])


def _messages(backend: Backend, queue: str) -> list[bytes]:
    """Return what waits in the queue."""
    return cast("list[bytes]", backend.sync.lrange(queue, 0, -1))


def _of(share_of: str, job_id: str = JOB) -> NewJob:
    """Return a job of a tenant; of the operator's own where the name is empty."""
    job = new_job(job_id)
    owned = {"tenant": share_of or "operator", "share_of": share_of}
    return replace(job, queued=job.queued.model_copy(update=owned))


def _everything(backend: Backend) -> dict[bytes, bytes | None]:
    return {key: backend.sync.dump(key) for key in backend.sync.scan_iter()}


def _create_within(
    backend: Backend, job: NewJob, most_kept: int, claim: Claim | None = None
) -> str:
    def store(redis: AsyncRedis) -> JobStore:
        return JobStore.of(RedisGate(redis), TTL_S, turn_limits(), most_kept)

    return backend.run(lambda redis: store(redis).creation.create(job, MOST_QUEUED, claim))


@pytest.mark.parametrize("is_one_of_many", [False, True])
def test_a_worker_is_given_what_the_api_has_signed(backend: Backend, is_one_of_many: bool) -> None:
    """It runs nothing else, whoever can write to Redis."""
    if is_one_of_many:
        create_all(backend, bulk_job("other"), bulk_job(JOB).signed(Signer([PRIVATE])))
    else:
        create(backend, new_job().signed(Signer([PRIVATE])))

    run = backend.worker().begin(forced(JOB))

    statement = job_statement("default", JOB, run.first_row.entry, SEALED)
    assert run.sealed == SEALED
    assert Verifier([PUBLIC]).is_signed(statement, run.first_row.signature)
    if is_one_of_many:
        assert backend.worker().begin(forced("other")).first_row.signature == ""


def test_a_job_that_is_queued_again_is_still_signed(backend: Backend) -> None:
    """Its worker has died, and nobody signs for the next one."""
    create(backend, new_job().signed(Signer([PRIVATE])))
    first = begun(backend, "w1")
    given_up(backend, "w1")

    assert backend.worker("w2").begin(forced(JOB)).first_row == first.first_row
    assert first.first_row.signature


def test_without_a_key_nothing_is_signed(backend: Backend) -> None:
    """An installation of an older version goes on as it did."""
    create(backend, new_job().signed(None))

    run = backend.worker().begin(forced(JOB))

    assert (run.first_row.signature, run.first_row.entry != "") == ("", True)


def test_a_row_that_the_api_does_not_write_is_not_taken_for_its_own(backend: Backend) -> None:
    """What is signed is the first row alone, and only as the text that it is."""
    entry = queued().model_dump_json()
    backend.sync.xadd(DEFAULT_KEYS.job(JOB), {"entry": entry, "signature": b"\xff"}, id="0-1")
    backend.sync.xadd(DEFAULT_KEYS.job("later"), {"entry": entry, "signature": "x"}, id="0-2")
    backend.sync.xadd(DEFAULT_KEYS.job("later"), {"entry": '{"kind":"requeued"}'}, id="1-1")

    found = {backend.worker().begin(forced(job)).first_row for job in (JOB, "later")}

    assert found == {NOT_SIGNED}
