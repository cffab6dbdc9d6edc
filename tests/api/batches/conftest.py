import pytest
from redis import Redis

from shared.queue.queued_job import BULK
from shared.store.site_keys import DEFAULT_KEYS


@pytest.fixture
def served(real_redis: Redis, redis_url: str) -> str:
    """Give the URL of an empty Redis that a worker for batches is at."""
    real_redis.set(DEFAULT_KEYS.sign_of_queue(BULK), 1)
    return redis_url
