import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import BULK, INTERACTIVE, QueuedJob
from tests.running.service import poll
from tests.shared.conftest import real_redis, redis_url
from worker.consumer.watchdog import DEAF_LOOKS, START_LOOKS, Watchdog

__all__ = ["real_redis", "redis_url"]

SLOTS = 2


def looks(watchdog: Watchdog, count: int) -> list[bool]:
    """Return what so many looks in a row found."""
    return [watchdog.is_deaf() for _ in range(count)]


@pytest.fixture
def queue(redis_url: str, real_redis: Redis) -> Iterator[JobQueue]:
    """Give an empty queue."""
    jobs = JobQueue(redis_url)
    yield jobs
    jobs.close()


@pytest.fixture
def watchdog(queue: JobQueue) -> Watchdog:
    """Give what watches a worker with two slots, which is ready."""
    watchdog = Watchdog(queue, INTERACTIVE, SLOTS)
    watchdog.worker_is_ready()
    return watchdog


def test_a_worker_that_takes_no_job_is_deaf_after_some_looks(
    watchdog: Watchdog, queue: JobQueue
) -> None:
    """Whatever else it does: it may be at another job."""
    with watchdog.job():
        watchdog.is_deaf()
        queue.send([QueuedJob("waits", "")])

        assert looks(watchdog, DEAF_LOOKS) == [False] * (DEAF_LOOKS - 1) + [True]


def test_a_worker_may_take_longer_to_start(queue: JobQueue) -> None:
    """Otherwise a busy machine would start it again and again; but its start may hang."""
    watchdog = Watchdog(queue, INTERACTIVE, SLOTS)
    queue.send([QueuedJob("waits", "")])

    assert looks(watchdog, START_LOOKS) == [False] * (START_LOOKS - 1) + [True]


def test_looks_from_before_it_was_ready_do_not_count(queue: JobQueue) -> None:
    """It has had no time to take a job."""
    watchdog = Watchdog(queue, INTERACTIVE, SLOTS)
    queue.send([QueuedJob("waits", "")])
    looks(watchdog, START_LOOKS - 1)
    watchdog.worker_is_ready()

    assert not watchdog.is_deaf()


def test_a_worker_without_work_is_not(watchdog: Watchdog, queue: JobQueue) -> None:
    """The jobs of the other queue are not meant for it."""
    queue.send([QueuedJob("of a batch", "", BULK)])

    assert not any(looks(watchdog, DEAF_LOOKS))


def test_a_worker_whose_slots_are_all_taken_is_not(watchdog: Watchdog, queue: JobQueue) -> None:
    """It can take the next job only when one is over, and gets time for it then."""
    queue.send([QueuedJob("waits", "")])
    with ExitStack() as jobs:
        for _ in range(SLOTS):
            jobs.enter_context(watchdog.job())
        assert not any(looks(watchdog, DEAF_LOOKS))

    assert looks(watchdog, DEAF_LOOKS) == [False] * (DEAF_LOOKS - 1) + [True]


def test_a_job_that_arrives_shows_that_it_hears(watchdog: Watchdog, queue: JobQueue) -> None:
    """With many jobs in the queue there is always one that waits."""
    queue.send([QueuedJob("waits", "")])
    for _ in range(2):
        assert not any(looks(watchdog, DEAF_LOOKS - 1))
        with watchdog.job():
            pass
        assert not watchdog.is_deaf()


def test_a_queue_that_is_away_is_nobody_s_deafness(tmp_path: Path) -> None:
    """A worker waits for its broker for as long as it takes."""
    gone = JobQueue(f"unix://{tmp_path / 'none.sock'}")
    watchdog = Watchdog(gone, INTERACTIVE, SLOTS)
    watchdog.worker_is_ready()

    assert not any(looks(watchdog, DEAF_LOOKS))
    gone.close()


WITH_A_JOB = """
import signal, sys
from shared.queue.job_queue import JobQueue
from shared.stop_signals import hold_stop_signals
from worker.consumer.watchdog import Watchdog

hold_stop_signals()
watchdog = Watchdog(JobQueue(sys.argv[1]), "interactive", 2)
watchdog.worker_is_ready()
watchdog.start()
with watchdog.job():
    signal.sigwait([signal.SIGTERM])
    print("asked to stop", flush=True)
signal.pause()
"""


@pytest.mark.faults
def test_a_deaf_worker_may_finish_the_job_that_it_has(queue: JobQueue, redis_url: str) -> None:
    """It may have signed in: the job would be lost."""
    queue.send([QueuedJob("waits", "")])

    command = [sys.executable, "-c", WITH_A_JOB, redis_url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (ended.returncode, ended.stdout) == (1, "asked to stop\n")
    assert "outcome=deaf" in ended.stderr
    assert "(most recent call first)" in ended.stderr


def test_the_file_is_touched_whether_or_not_redis_answers(tmp_path: Path) -> None:
    """A worker that is restarted because Redis is away loses the tests that it is at."""
    alive = tmp_path / "alive"
    queue = JobQueue("redis://127.0.0.1:1/0")
    watchdog = Watchdog(queue, INTERACTIVE, SLOTS, alive)
    watchdog.start()
    poll(alive.exists)
    alive.unlink()

    poll(alive.exists)
    watchdog.stop()
    queue.close()
