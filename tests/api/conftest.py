from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running.own_redis import OwnRedis
from tests.shared.conftest import real_redis, redis_url

__all__ = ["own_redis", "real_redis", "redis_url"]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """Give a Redis server of the test's own, to be harmed."""
    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.stop()
