from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from threading import Event
from typing import cast

from shared.diagnosis.entries import StepStarted
from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import BULK, INTERACTIVE, QueuedJob, QueueName
from shared.queue.taken_messages import TakenMessages
from shared.sealing import Opener
from shared.sites.worker_record import WorkerRecord
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.site_keys import DEFAULT_KEYS
from tests.network.loopback import LOOPBACK_ALLOWED
from tests.shared.conftest import SLOTS, turn_limits
from tests.shared.store.limits.turns import Turns
from tests.worker.jobs import Jobs, queued_job
from worker.consumer.background import Background
from worker.consumer.own_record import OwnRecord
from worker.job import JobRunner
from worker.metrics import Metrics
from worker.sign_in_guard import SignInGuard
from worker.site import Site
from worker.tls.trust import Trust

SITE = Site(LOOPBACK_ALLOWED, Trust())
WORKER = "worker-1"
NO_QUEUE = JobQueue("unix:///nowhere/redis.sock")
TAKEN = TakenMessages(DEFAULT_KEYS.taken_by(WORKER), INTERACTIVE, DEFAULT_KEYS)


class Listener(JobRunner):
    """A runner that keeps what it was told to cancel."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(
            jobs.store,
            Opener([]),
            SITE,
            SignInGuard(SignInMemory(jobs.store.round_trips, b"a key", DEFAULT_KEYS)),
        )
        self.cancelled: list[str] = []
        self.heard = Event()

    def cancel(self, job_id: str) -> None:
        """Keep the job."""
        self.cancelled.append(job_id)
        self.heard.set()


@contextmanager
def beating(jobs: Jobs, listener: Listener, queue: QueueName = INTERACTIVE) -> Iterator[None]:
    metrics = Metrics(queue, 200)
    own = OwnRecord(queue)
    background = Background(jobs.store, listener, {queue: SLOTS}, metrics, NO_QUEUE, TAKEN, own)
    background.start()
    try:
        yield
    finally:
        background.stop()


def comes_true(condition: Callable[[], object]) -> bool:
    """Return whether the condition is true within five seconds."""
    pause = Event()
    return any(condition() or pause.wait(0.01) for _ in range(500))


def is_there(jobs: Jobs, key: str) -> bool:
    """Return whether the key appears within five seconds."""
    return comes_true(lambda: jobs.redis.exists(key))


def test_a_worker_gives_signs_of_life() -> None:
    """The API refuses jobs when nobody is there to run them."""
    jobs = Jobs()
    with beating(jobs, Listener(jobs)):
        assert is_there(jobs, DEFAULT_KEYS.sign_of_queue(INTERACTIVE))
        assert is_there(jobs, DEFAULT_KEYS.sign_of_worker(WORKER))


def test_a_sign_of_life_is_repeated_and_does_not_last() -> None:
    """A worker that died is found out by the silence."""
    jobs = Jobs()
    with beating(jobs, Listener(jobs)):
        assert is_there(jobs, DEFAULT_KEYS.sign_of_worker(WORKER))
        assert 0 < jobs.redis.pttl(DEFAULT_KEYS.sign_of_worker(WORKER)) <= 5000
        jobs.redis.delete(DEFAULT_KEYS.sign_of_worker(WORKER))

        assert is_there(jobs, DEFAULT_KEYS.sign_of_worker(WORKER))


def test_a_worker_hears_of_cancellations() -> None:
    """Every worker is told; the one that has the job ends it."""
    jobs = Jobs()
    listener = Listener(jobs)
    with beating(jobs, listener):
        # A message from before the subscription is heard by nobody.
        for _ in range(500):
            jobs.api(lambda store: store.closer.cancel("4f2a"))
            if listener.heard.wait(0.01):
                break

    assert set(listener.cancelled) == {"4f2a"}


def test_what_jobs_have_to_write_is_written() -> None:
    """A caller who watches wants to see a step when it begins, not when the job is over."""
    jobs = queued_job()
    run = jobs.begin()
    with beating(jobs, Listener(jobs)):
        run.append(StepStarted(at=datetime.now(UTC), step="dns_lookup"))
        assert comes_true(lambda: jobs.kinds() == ["queued", "started", "step_started"])

        run.append(StepStarted(at=datetime.now(UTC), step="tcp_connect"))
        assert comes_true(lambda: jobs.kinds()[2:] == ["step_started", "step_started"])


def test_what_a_slow_bulk_test_has_to_write_is_written_on_the_way() -> None:
    """It is not written so often, but a platform may keep it waiting for minutes."""
    jobs = queued_job()
    run = jobs.begin()
    run.append(StepStarted(at=datetime.now(UTC), step="dns_lookup"))
    with beating(jobs, Listener(jobs), BULK):
        assert comes_true(lambda: jobs.kinds() == ["queued", "started", "step_started"])


def test_turns_that_nobody_uses_are_released() -> None:
    """Redis gave it, and its answer was lost."""
    jobs = Jobs()
    limit = Turns(jobs.redis, turn_limits(4), WORKER)
    limit.admit(QueuedJob("a", "cloud.example.com:8080"))
    assert limit.turns()
    with beating(jobs, Listener(jobs)):
        assert comes_true(lambda: not jobs.redis.exists(DEFAULT_KEYS.turns_of(WORKER)))


def test_a_worker_tells_of_itself_and_of_its_clock() -> None:
    """The list of sites shows which version runs where, and whose clock is off."""
    jobs = Jobs()
    with beating(jobs, Listener(jobs)):

        def told() -> WorkerRecord | None:
            return WorkerRecord.read(
                cast("bytes", jobs.redis.get(DEFAULT_KEYS.record(WORKER)) or b"")
            )

        assert comes_true(lambda: (found := told()) and found.clock_ahead_s is not None)
        found = told()

    assert found
    assert (found.queue, found.version) == (INTERACTIVE, version("conncheck"))
