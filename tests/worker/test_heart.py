from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from shared.job_keys import sign_of_queue, sign_of_worker
from shared.queue import INTERACTIVE
from shared.sealing import Opener
from shared.sign_in_memory import SignInMemory
from tests.worker.jobs import Jobs
from tests.worker.loopback import LOOPBACK_ALLOWED
from worker.heart import Heart
from worker.job import JobRunner
from worker.sign_in_guard import SignInGuard
from worker.site import Site
from worker.trust import Trust

SITE = Site(LOOPBACK_ALLOWED, Trust())


class Listener(JobRunner):
    """A runner that keeps what it was told to cancel."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(
            jobs.store, Opener([]), SITE, SignInGuard(SignInMemory(jobs.redis, b"a key"))
        )
        self.cancelled: list[str] = []
        self.heard = Event()

    def cancel(self, job_id: str) -> None:
        """Keep the job."""
        self.cancelled.append(job_id)
        self.heard.set()


@contextmanager
def beating(jobs: Jobs, listener: Listener) -> Iterator[None]:
    heart = Heart(jobs.store, listener, [INTERACTIVE])
    heart.start()
    try:
        yield
    finally:
        heart.stop()


def is_there(jobs: Jobs, key: str) -> bool:
    """Return whether the key appears within five seconds."""
    pause = Event()
    return any(jobs.redis.exists(key) or pause.wait(0.01) for _ in range(500))


def test_a_worker_gives_signs_of_life() -> None:
    """The API refuses jobs when nobody is there to run them."""
    jobs = Jobs()
    with beating(jobs, Listener(jobs)):
        assert is_there(jobs, sign_of_queue(INTERACTIVE))
        assert is_there(jobs, sign_of_worker("worker-1"))


def test_a_sign_of_life_is_repeated_and_does_not_last() -> None:
    """A worker that died is found out by the silence."""
    jobs = Jobs()
    with beating(jobs, Listener(jobs)):
        assert is_there(jobs, sign_of_worker("worker-1"))
        assert 0 < jobs.redis.pttl(sign_of_worker("worker-1")) <= 5000
        jobs.redis.delete(sign_of_worker("worker-1"))

        assert is_there(jobs, sign_of_worker("worker-1"))


def test_a_worker_hears_of_cancellations() -> None:
    """Every worker is told; the one that has the job ends it."""
    jobs = Jobs()
    listener = Listener(jobs)
    with beating(jobs, listener):
        # A message from before the subscription is heard by nobody.
        for _ in range(500):
            jobs.api(lambda store: store.cancel("4f2a"))
            if listener.heard.wait(0.01):
                break

    assert set(listener.cancelled) == {"4f2a"}
