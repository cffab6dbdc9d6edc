"""Connect to whichever Redis the sentinels call the primary.

redis-py has no types for its classes of sentinels.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self

from redis import BlockingConnectionPool, Redis, RedisError
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.asyncio.sentinel import SentinelConnectionPool as AsyncSentinelConnectionPool
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel, SentinelConnectionPool

from shared.store.cancelling import is_cancelled
from shared.store.sentinel_url import SentinelUrl

SENTINEL_S = 0.3
"""How long a sentinel has to answer: they are asked one after the other, and a caller waits."""
LEFT_OUT_S = 5.0
FOLLOW_S = 0.5
"""How often a process asks who the primary is. A former one may serve for ten seconds more, and all
that it is told is lost."""
# What redis-py raises where no sentinel answers, or where one refuses to.
_NOT_TOLD = (RedisError, OSError)


State = Mapping[str, Any]
"""What a sentinel tells of a service, by redis-py's names."""


def newest(states: Iterable[State]) -> State | None:
    """Return what the best informed sentinel tells: after a failover the others lag behind."""
    return max(states, key=lambda state: int(state["config-epoch"]), default=None)


def are_settled(states: Sequence[State], primary: tuple[str, int] | None) -> bool:
    """Return whether `primary` is the primary, and no failover is under way.

    While one is, a replica may have left the primary already and become its successor: what the
    other replicas have does not count.
    """
    best = newest(states)
    is_under_way = any("failover_in_progress" in str(state["flags"]) for state in states)
    return not is_under_way and (best is None or (best["ip"], best["port"]) == primary)


def _address(states: Sequence[State], service: str, asked: Any) -> tuple[str, int]:
    best = newest(state for state in states if asked.check_master_state(state, service))
    if best is None or best["config-epoch"] != (newest(states) or best)["config-epoch"]:
        raise MasterNotFoundError(f"No primary found for {service!r}")
    return best["ip"], best["port"]


class AllSentinels(Sentinel):
    """Asks all sentinels, not the first that answers; one that does not is left out for a while."""

    @classmethod
    def of(cls, asked: Sentinel) -> Self:
        """Return the same sentinels as `asked`."""
        made = cls([])
        made.sentinels = asked.sentinels
        return made

    def states(self, service: str) -> Sequence[State]:
        """Return what each sentinel tells of the service, as far as they answer."""
        silent = self.__dict__.setdefault("_silent_until_s", {})
        found: list[State] = []
        for number, sentinel in enumerate(self.sentinels):
            if silent.get(number, 0) > monotonic():
                continue
            try:
                told: Any = sentinel.sentinel_masters()
                found += [told[service]] if service in told else []
            except _NOT_TOLD:
                silent[number] = monotonic() + LEFT_OUT_S
        if not found:
            silent.clear()
        return found

    def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return where the primary is.

        Raises:
            MasterNotFoundError: redis-py's; nobody tells, or it is down.
        """
        return _address(self.states(service_name), service_name, self)


class AsyncAllSentinels(AsyncSentinel):
    """The same for an event loop."""

    async def states(self, service: str) -> Sequence[State]:
        """Return what each sentinel tells of the service, as far as they answer."""
        told = await asyncio.gather(
            *(sentinel.sentinel_masters() for sentinel in self.sentinels), return_exceptions=True
        )
        return [each[service] for each in told if isinstance(each, dict) and service in each]

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return where the primary is.

        Raises:
            MasterNotFoundError: redis-py's; nobody tells, or it is down.
        """
        return _address(await self.states(service_name), service_name, self)


class PrimaryPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections for threads; each asks the sentinels as it connects."""

    _asked_at_s = -FOLLOW_S

    def follow(self) -> None:
        """Leave a former primary; ask every FOLLOW_S at most."""
        if monotonic() - self._asked_at_s >= FOLLOW_S:
            self._asked_at_s = monotonic()
            with suppress(*_NOT_TOLD):  # then it is whoever it was
                self.get_master_address()  # type: ignore[no-untyped-call]

    def is_settled(self) -> bool:
        """Return whether what a replica has counts: see `are_settled`."""
        return are_settled(self.sentinel_manager.states(self.service_name), self.master_address)

    def has_replicas(self) -> bool:
        """Return whether there are replicas that are alive, as far as a sentinel tells."""
        with suppress(*_NOT_TOLD):
            return bool(self.sentinel_manager.discover_slaves(self.service_name))
        return False

    def owns_connection(self, connection: Any) -> bool:
        """Return whether the connection may be used again.

        redis-py would drop one that did not connect, and keep it in a list for ever.
        """
        return bool(BlockingConnectionPool.owns_connection(self, connection))

    def release(self, connection: Any) -> None:
        """Take the connection back; one to a former primary ends."""
        if leads_to_former_primary(self, connection):
            connection.disconnect()
        super().release(connection)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close all connections, those to the sentinels as well."""
        super().close()
        self.sentinel_manager.close()


class AsyncPrimaryPool(AsyncSentinelConnectionPool, AsyncBlockingConnectionPool):
    """The same for an event loop."""

    async def is_settled(self) -> bool:
        """Return whether what a replica has counts: see `are_settled`."""
        states = await self.sentinel_manager.states(self.service_name)
        return are_settled(states, self.master_address)

    async def has_replicas(self) -> bool:
        """Return whether there are replicas that are alive, as far as a sentinel tells."""
        with suppress(*_NOT_TOLD):
            return bool(await self.sentinel_manager.discover_slaves(self.service_name))
        return False

    async def release(self, connection: Any) -> None:
        """Take the connection back; one to a former primary ends."""
        if leads_to_former_primary(self, connection):
            await connection.disconnect()
        await super().release(connection)

    async def aclose(self) -> None:
        """Close all connections, those to the sentinels as well."""
        await super().aclose()
        await self.sentinel_manager.aclose()


def follow_primary(redis: Redis) -> None:
    """Leave a former primary, if sentinels watch this Redis."""
    if isinstance(redis.connection_pool, PrimaryPool):
        redis.connection_pool.follow()


@dataclass(frozen=True, slots=True)
class PrimaryWatch:
    """Has an event loop leave a former primary, if sentinels watch its Redis."""

    redis: AsyncRedis

    async def run(self) -> None:
        """Ask who the primary is, every FOLLOW_S until cancelled."""
        pool = self.redis.connection_pool
        while isinstance(pool, AsyncPrimaryPool) and not is_cancelled():
            with suppress(*_NOT_TOLD):  # then it is whoever it was
                await pool.get_master_address()  # type: ignore[no-untyped-call]
            await asyncio.sleep(FOLLOW_S)
        await asyncio.Event().wait()


def leads_to_former_primary(pool: Any, connection: Any) -> bool:
    """Return whether the connection leads to a Redis that has been the primary."""
    if not isinstance(pool, PrimaryPool | AsyncPrimaryPool) or connection is None:
        return False
    return pool.master_address not in (None, (connection.host, connection.port))


def nodes_of(url: str) -> Set[tuple[str, int]]:
    """Return where the Redis and the sentinels of a URL are, as far as a sentinel tells."""
    named = SentinelUrl.of(url)
    pool = primary_pool(named)
    found: set[tuple[str, int]] = set()
    for sentinel in pool.sentinel_manager.sentinels:
        with suppress(*_NOT_TOLD):
            primary = sentinel.sentinel_master(named.service)
            others = (
                *sentinel.sentinel_slaves(named.service),
                *sentinel.sentinel_sentinels(named.service),
            )
            found |= {(str(each["ip"]), int(each["port"])) for each in (primary, *others)}
            break
    pool.close()
    return found


def primary_pool(url: SentinelUrl, **limits: Any) -> PrimaryPool:
    """Return the connections to the primary, with `limits` as BlockingConnectionPool has them."""
    options = options_of_sentinels(url)
    asked = AllSentinels(url.sentinels, sentinel_kwargs=options)  # type: ignore[no-untyped-call]
    return PrimaryPool(url.service, asked, **_options(url, limits))  # type: ignore[no-untyped-call]


def async_primary_pool(url: SentinelUrl, **limits: Any) -> AsyncPrimaryPool:
    """Return the same for an event loop."""
    options = {**options_of_sentinels(url), "retry": AsyncRetry(NoBackoff(), 0)}
    asked = AsyncAllSentinels(url.sentinels, sentinel_kwargs=options)  # type: ignore[no-untyped-call]
    return AsyncPrimaryPool(url.service, asked, **_options(url, limits))  # type: ignore[no-untyped-call]


def _options(url: SentinelUrl, limits: Mapping[str, Any]) -> dict[str, Any]:
    return {**limits, **url.options, "db": url.db, "ssl": url.uses_tls}


def options_of_sentinels(url: SentinelUrl) -> dict[str, Any]:
    """Return how a sentinel is to be asked: once, and not for long."""
    return {
        **url.sentinel_options,
        "ssl": url.uses_tls,
        "socket_timeout": SENTINEL_S,
        "socket_connect_timeout": SENTINEL_S,
        "retry": Retry(NoBackoff(), 0),
    }
