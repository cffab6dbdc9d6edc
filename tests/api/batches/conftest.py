import pytest
from redis import Redis

from shared.queue.queued_job import BULK
from shared.store.jobs.job_stream import sign_of_queue


@pytest.fixture
def served(real_redis: Redis, redis_url: str) -> str:
    """Give the URL of an empty Redis that a worker for batches is at."""
    real_redis.set(sign_of_queue(BULK), 1)
    return redis_url
