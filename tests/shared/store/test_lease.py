import asyncio
from typing import Any

import fakeredis
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.store.connection import connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.lease import LEASE_MS, Lease
from tests.shared.conftest import Backend

KEY = "conncheck:feeder"


def ask(backend: Backend, *names: str) -> list[bool]:
    """Return what each of `names` is told, one after the other."""

    async def told(redis: AsyncRedis) -> list[bool]:
        return [await Lease(RedisGate(redis), KEY).is_held_by(name) for name in names]

    return backend.run(told)


def test_one_at_a_time_holds_the_lease_and_keeps_it(backend: Backend) -> None:
    """Two who do the same work undo each other's."""
    assert ask(backend, "a", "b", "a", "b") == [True, False, True, False]


def test_a_holder_that_is_seen_no_more_loses_it(backend: Backend) -> None:
    """It may have died, and its work must go on."""
    ask(backend, "a")

    assert 0 < backend.sync.pttl(KEY) <= LEASE_MS
    backend.sync.delete(KEY)  # as time does
    assert ask(backend, "b", "a") == [True, False]


def test_each_sign_of_the_holder_and_of_no_other_prolongs_it(backend: Backend) -> None:
    """A crowd that asks in vain would keep a dead holder's lease for ever."""
    ask(backend, "a")
    backend.sync.pexpire(KEY, 1000)

    ask(backend, "b")
    assert backend.sync.pttl(KEY) <= 1000
    ask(backend, "a")
    assert backend.sync.pttl(KEY) > 1000


def test_what_is_given_up_is_free_at_once(backend: Backend) -> None:
    """A restart of one process must not hold up all batches for seconds."""
    ask(backend, "a")

    backend.run(lambda redis: Lease(RedisGate(redis), KEY).give_up("a"))

    assert ask(backend, "b") == [True]


def test_nobody_gives_up_what_another_one_holds(backend: Backend) -> None:
    """A process that leaves late must not take the lease from the one that went on."""
    ask(backend, "a")

    backend.run(lambda redis: Lease(RedisGate(redis), KEY).give_up("b"))

    assert ask(backend, "c", "a") == [False, True]


class Overtaken(AsyncRedis):
    """A client whose lease runs out, and goes to "b", right after its first command."""

    commands = 0

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command; after the first one have the successor take the lease."""
        answer = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        self.commands += 1
        if self.commands == 1:
            async with AsyncRedis(connection_pool=self.connection_pool) as successor:
                await successor.set(KEY, "b")
        return answer


def test_a_successor_in_between_keeps_the_lease(real_redis: Redis, redis_url: str) -> None:
    """Without it two would do the work: the successor, and whoever takes the lease that is free."""

    async def give_up() -> int:
        pool = connect_async(redis_url).connection_pool
        async with Overtaken(connection_pool=pool) as redis:
            await Lease(RedisGate(redis), KEY).give_up("a")
            return redis.commands

    real_redis.set(KEY, "a")

    assert asyncio.run(give_up()) > 0
    assert real_redis.get(KEY) == b"b"


def test_a_store_that_is_away_is_named_so() -> None:
    """Who can't tell must not go on as if it had the lease."""
    server = fakeredis.FakeServer()
    server.connected = False
    away = Backend(
        fakeredis.FakeRedis(server=server), lambda: fakeredis.FakeAsyncRedis(server=server)
    )

    with pytest.raises(StoreUnreachableError):
        ask(away, "a")
    with pytest.raises(StoreUnreachableError):
        away.run(lambda redis: Lease(RedisGate(redis), KEY).give_up("a"))
