import subprocess
import sys

import pytest
from redis import Redis

from tests.shared.conftest import real_redis, redis_url

__all__ = ["real_redis", "redis_url"]

# A consumer that meets what Celery does not take for a lost connection.
GIVES_UP = """
import sys
from celery import bootsteps
from shared.queue import celery_app
from worker.consumer.main import consume

class Broken(bootsteps.StartStopStep):
    def start(self, consumer):
        raise RuntimeError

app = celery_app(sys.argv[1])
app.steps["consumer"].add(Broken)
consume(app.Worker(pool="solo", queues=["interactive"], quiet=True))
"""


@pytest.mark.commands
def test_a_worker_that_gives_up_says_that_it_failed(redis_url: str, real_redis: Redis) -> None:
    """An orchestrator may take status 0 for a worker that is meant to be over."""
    ended = subprocess.run(
        [sys.executable, "-c", GIVES_UP, redis_url], check=False, capture_output=True, text=True
    )

    assert "RuntimeError" in ended.stderr
    assert ended.returncode != 0
