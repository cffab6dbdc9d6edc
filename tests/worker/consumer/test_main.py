import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from tests.shared.conftest import real_redis, redis_url
from worker.consumer.main import BULK_NICE

__all__ = ["real_redis", "redis_url"]

# A consumer that meets what Celery does not take for a lost connection.
GIVES_UP = """
import sys
from celery import bootsteps
from shared.queue.job_queue import celery_app
from worker.consumer.main import consume

class Broken(bootsteps.StartStopStep):
    def start(self, consumer):
        raise RuntimeError

app = celery_app(sys.argv[1])
app.steps["consumer"].add(Broken)
consume(app.Worker(pool="solo", queues=["interactive"], quiet=True))
"""


def test_a_worker_that_gives_up_says_that_it_failed(redis_url: str, real_redis: Redis) -> None:
    """An orchestrator may take status 0 for a worker that is meant to be over."""
    ended = subprocess.run(
        [sys.executable, "-c", GIVES_UP, redis_url], check=False, capture_output=True, text=True
    )

    assert "RuntimeError" in ended.stderr
    assert ended.returncode != 0


# A thread, as jobs run in threads.
STEPS_BACK = """
import os
from pathlib import Path
from threading import Thread
from worker.consumer.main import step_back

def tell():
    print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0) == os.SCHED_BATCH)

step_back()
thread = Thread(target=tell)
thread.start()
thread.join()
group = Path("/proc/self/autogroup")
words = group.read_text().split() if group.exists() else []  # none: it is in no group
print(words[-1] if words else "none")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="another system has other priorities")
@pytest.mark.parametrize("is_own_session", [True, False])
def test_threads_of_a_bulk_worker_let_others_go_first(*, is_own_session: bool) -> None:
    """A single test beside a batch took three times as long: nice values count within a session."""
    told = subprocess.run(
        [sys.executable, "-c", STEPS_BACK],
        start_new_session=is_own_session,
        capture_output=True,
        check=True,
        text=True,
    )

    nice, is_batch, group = told.stdout.split()
    assert (int(nice), is_batch) == (os.getpriority(os.PRIO_PROCESS, 0) + BULK_NICE, "True")
    assert group in ("none", str(BULK_NICE) if is_own_session else _nice_of_our_session())


def _nice_of_our_session() -> str:
    """Return the nice value of this session, which whoever runs the tests may have set."""
    group = Path("/proc/self/autogroup")
    words = group.read_text().split() if group.exists() else []
    return words[-1] if words else "none"
