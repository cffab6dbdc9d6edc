import asyncio
import logging
from contextlib import suppress
from typing import Any, cast

import fakeredis
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from shared.store.connection import connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.gate import AWAY_S, RedisGate
from shared.store.idempotency import Claim, IdempotencyStore
from shared.store.jobs.job_store import JobStore
from shared.store.lease import Lease
from shared.store.limits.rate_limits import RateLimits
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from tests.shared.conftest import TTL_S, turn_limits
from tests.shared.store.jobs.jobs import (
    QUEUE,
)


def test_a_store_that_was_away_is_not_asked_again_at_once_but_soon() -> None:
    """A crowd of callers must not each wait for the same time-out, nor need a restart."""
    server = fakeredis.FakeServer()

    async def ask(redis: AsyncRedis) -> list[bool]:
        store = JobStore.of(RedisGate(redis), TTL_S, turn_limits())
        server.connected = False
        with pytest.raises(StoreUnreachableError):
            await store.workload.is_served(QUEUE)
        server.connected = True
        with pytest.raises(StoreUnreachableError):
            await store.workload.is_served(QUEUE)
        return [
            await _until_asked(store),
            await JobStore.of(RedisGate(redis), TTL_S, turn_limits()).workload.is_served(QUEUE),
        ]

    async def _until_asked(store: JobStore) -> bool:
        async with asyncio.timeout(10):
            while True:
                with suppress(StoreUnreachableError):
                    return await store.workload.is_served(QUEUE)
                await asyncio.sleep(0.01)

    assert asyncio.run(ask(fakeredis.FakeAsyncRedis(server=server))) == [False, False]


def test_a_key_that_holds_something_else_is_no_outage(real_redis: Redis, redis_url: str) -> None:
    """A worker of a site that was taken over would have the API refuse everybody's calls."""
    fra1 = SiteKeys.of("fra1")
    real_redis.set(fra1.queued, "no sorted set")
    real_redis.set(fra1.sealed("job"), "no number")

    async def ask() -> bool:
        async with connect_async(redis_url) as redis:
            gate = RedisGate(redis)
            store = JobStore.of(gate, TTL_S, turn_limits())
            with pytest.raises(StoreUnreachableError):
                await store.at("fra1").workload.overdue()
            with pytest.raises(StoreUnreachableError):
                async with gate.turn() as asked:
                    await cast(
                        "Any",
                        asked.eval("return redis.call('INCR', KEYS[1])", 1, fra1.sealed("job")),
                    )
            return await store.workload.is_served(QUEUE)

    assert asyncio.run(ask()) is False


def test_a_thousand_readers_at_once_are_no_outage(real_redis: Redis, redis_url: str) -> None:
    """A crowd takes turns; a pool that is empty for a moment is not a store that is away."""

    async def read_all() -> list[object]:
        # A machine that is busy with other tests is none either.
        async with connect_async(redis_url, timeout_s=60) as redis:
            store = JobStore.of(RedisGate(redis), TTL_S, turn_limits())
            return list(await asyncio.gather(*(store.reader.read(f"job-{n}") for n in range(1000))))

    assert asyncio.run(read_all()) == [None] * 1000
    assert real_redis.dbsize() == 0


def test_a_crowd_that_asks_for_everything_at_once_is_no_outage(
    real_redis: Redis, redis_url: str
) -> None:
    """Limits, keys and jobs have the same few connections; none may empty the pool for all."""

    async def ask_all() -> set[object]:
        async with connect_async(redis_url, timeout_s=60) as redis:
            cast(
                "Any", redis.connection_pool
            ).timeout = 0  # whoever finds no connection is refused at once
            gate = RedisGate(redis)
            limits, keys = RateLimits(gate, 10_000), IdempotencyStore(gate)
            jobs, lease = JobStore.of(gate, TTL_S, turn_limits()), Lease(gate, "lease")
            asked = [
                each
                for n in range(500)
                for each in (
                    limits.take(f"token-{n % 5}", 10_000, 10_000, f"h{n}:1", [DEFAULT_KEYS]),
                    limits.room_for_items("token", 10_000),
                    keys.result_of(Claim(f"key-{n}", "f")),
                    jobs.reader.read(f"job-{n}"),
                    lease.is_held_by("me"),
                )
            ]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            return {type(each) for each in answers if isinstance(each, Exception)}

    assert asyncio.run(ask_all()) == set()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RedisConnectionError("No connection available."), "ConnectionError: No connection"),
        (ResponseError("MISCONF Errors writing to the AOF file: secret"), "ResponseError MISCONF"),
    ],
)
def test_a_crowd_that_is_refused_is_logged_once_with_the_reason(
    caplog: pytest.LogCaptureFixture, error: Exception, reason: str
) -> None:
    """A line for each caller would bury the reason, and Redis may quote what it was sent."""

    async def be_refused() -> None:
        gate = RedisGate(fakeredis.FakeAsyncRedis())

        async def ask() -> None:
            with suppress(StoreUnreachableError):
                async with gate.turn():
                    raise error

        await asyncio.gather(*(ask() for _ in range(100)))
        logged = asyncio.Event()
        asyncio.get_running_loop().call_later(AWAY_S, logged.set)  # after the gate's own
        await logged.wait()

    with caplog.at_level(logging.WARNING):
        asyncio.run(be_refused())

    (line,) = caplog.messages
    assert line.startswith(f'store=unreachable refused=100 reason="{reason}')
    assert "secret" not in line
