import asyncio
from contextlib import suppress

import fakeredis
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.store.connection import connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_store import JobStore
from tests.shared.conftest import TTL_S
from tests.shared.store.jobs.jobs import (
    QUEUE,
)


def test_a_store_that_was_away_is_not_asked_again_at_once_but_soon() -> None:
    """A crowd of callers must not each wait for the same time-out, nor need a restart."""
    server = fakeredis.FakeServer()

    async def ask(redis: AsyncRedis) -> list[bool]:
        store = JobStore.of(redis, TTL_S)
        server.connected = False
        with pytest.raises(StoreUnreachableError):
            await store.workload.is_served(QUEUE)
        server.connected = True
        with pytest.raises(StoreUnreachableError):
            await store.workload.is_served(QUEUE)
        return [
            await _until_asked(store),
            await JobStore.of(redis, TTL_S).workload.is_served(QUEUE),
        ]

    async def _until_asked(store: JobStore) -> bool:
        async with asyncio.timeout(10):
            while True:
                with suppress(StoreUnreachableError):
                    return await store.workload.is_served(QUEUE)
                await asyncio.sleep(0.01)

    assert asyncio.run(ask(fakeredis.FakeAsyncRedis(server=server))) == [False, False]


def test_a_thousand_readers_at_once_are_no_outage(real_redis: Redis, redis_url: str) -> None:
    """A crowd takes turns; a pool that is empty for a moment is not a store that is away."""

    async def read_all() -> list[object]:
        # A machine that is busy with other tests is none either.
        async with connect_async(redis_url, timeout_s=60) as redis:
            store = JobStore.of(redis, TTL_S)
            return list(await asyncio.gather(*(store.reader.read(f"job-{n}") for n in range(1000))))

    assert asyncio.run(read_all()) == [None] * 1000
    assert real_redis.dbsize() == 0
