from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from shared.queue import JobQueue
from shared.queued_job import BULK, INTERACTIVE, QueuedJob
from tests.shared.conftest import real_redis, redis_url
from worker.consumer.watchdog import DEAF_S, Watchdog

__all__ = ["real_redis", "redis_url"]

SLOTS = 2


class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time, in seconds."""
        return self.now_s

    def long_after(self) -> None:
        """Let so much time pass that a worker counts as deaf."""
        self.now_s += DEAF_S + 1


@pytest.fixture
def queue(redis_url: str, real_redis: Redis) -> Iterator[JobQueue]:
    """Give an empty queue."""
    jobs = JobQueue(redis_url)
    yield jobs
    jobs.close()


@pytest.fixture
def clock() -> Clock:
    """Give the time."""
    return Clock()


@pytest.fixture
def watchdog(queue: JobQueue, clock: Clock) -> Watchdog:
    """Give what watches a worker with two slots."""
    return Watchdog(queue, INTERACTIVE, SLOTS, clock)


def test_a_worker_that_takes_no_job_is_deaf_after_a_while(
    watchdog: Watchdog, queue: JobQueue, clock: Clock
) -> None:
    """It may be at another job, or hang in the middle of its start."""
    queue.send([QueuedJob("waits", "")])

    assert not watchdog.is_deaf()
    clock.long_after()
    assert watchdog.is_deaf()

    with watchdog.job():
        assert not watchdog.is_deaf()
        clock.long_after()
        assert watchdog.is_deaf()


def test_a_worker_without_work_is_not(watchdog: Watchdog, queue: JobQueue, clock: Clock) -> None:
    """The jobs of the other queue are not meant for it."""
    queue.send([QueuedJob("of a batch", "", BULK)])
    clock.long_after()

    assert not watchdog.is_deaf()


def test_the_time_counts_from_when_a_job_waits(
    watchdog: Watchdog, queue: JobQueue, clock: Clock
) -> None:
    """After a quiet night the first job is not late."""
    clock.long_after()
    assert not watchdog.is_deaf()
    queue.send([QueuedJob("waits", "")])

    assert not watchdog.is_deaf()


def test_a_worker_whose_slots_are_all_taken_is_not(
    watchdog: Watchdog, queue: JobQueue, clock: Clock
) -> None:
    """It can take the next job only when one is over, and gets time for it then."""
    queue.send([QueuedJob("waits", "")])
    with ExitStack() as jobs:
        for _ in range(SLOTS):
            jobs.enter_context(watchdog.job())
        clock.long_after()
        assert not watchdog.is_deaf()
        clock.long_after()

    assert not watchdog.is_deaf()
    clock.long_after()
    assert watchdog.is_deaf()


def test_a_job_that_arrives_shows_that_it_hears(
    watchdog: Watchdog, queue: JobQueue, clock: Clock
) -> None:
    """With many jobs in the queue there is always one that waits."""
    queue.send([QueuedJob("waits", "")])
    for _ in range(3):
        clock.now_s += DEAF_S / 2
        with watchdog.job():
            pass
        assert not watchdog.is_deaf()


def test_a_queue_that_is_away_is_nobody_s_deafness(tmp_path: Path, clock: Clock) -> None:
    """A worker waits for its broker for as long as it takes."""
    gone = JobQueue(f"unix://{tmp_path / 'none.sock'}")
    watchdog = Watchdog(gone, INTERACTIVE, SLOTS, clock)
    clock.long_after()

    assert not watchdog.is_deaf()
    gone.close()
