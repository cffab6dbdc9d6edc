"""Connect to the job store, and notice within seconds that it can't be reached."""

import builtins
import math
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from redis import BlockingConnectionPool, Redis, RedisError
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import ConnectionPool as AsyncConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.connection import Connection
from redis.exceptions import ConnectionError, TimeoutError  # noqa: A004 -- redis-py's
from redis.retry import Retry

from shared.distance import NEAR, Distance
from shared.store.loop_time import LoopTimeLimit
from shared.store.sentinel_url import SentinelUrl, is_sentinel_url
from shared.store.sentinels import async_primary_pool, primary_pool

# An API caller learns within two seconds that the store is down; a healthy one answers in one
# millisecond. One retry covers a connection that died while idle in the pool, and a store that
# hangs is not waited for twice.
TIMEOUT_S = NEAR.answer_s
FOR_THREADS = 16  # threads that share one interpreter can't keep more connections busy
MOST_AT_ONCE = 32  # concurrent operations of one event loop
TURN_S = 5.0  # how long a coroutine waits for a connection behind a crowd
MUCH_LATER_S = 600.0  # for limits of redis-py that count the delay; ours come first
_RETRIED = (ConnectionError,)


def connect(url: str, distance: Distance = NEAR) -> Redis:
    """Return a client for any number of threads; they share a few connections."""
    limits: dict[str, Any] = {
        "max_connections": FOR_THREADS,
        "timeout": None,
        "socket_timeout": distance.answer_s,
        "socket_connect_timeout": distance.answer_s,
        "retry": Retry(NoBackoff(), 1, _RETRIED),
    }
    if distance.idle_s and not url.startswith("unix://"):
        limits |= {"socket_keepalive": True, "socket_keepalive_options": _probing(distance.idle_s)}
    if is_sentinel_url(url):
        return Redis(connection_pool=primary_pool(SentinelUrl.of(url), **limits))
    return Redis(connection_pool=BlockingConnectionPool.from_url(url, **limits))


def _probing(idle_s: int) -> dict[int, int]:
    """Return the options of a socket that is probed, and is dead after three probes in vain."""
    wanted = {"TCP_KEEPIDLE": idle_s, "TCP_KEEPINTVL": idle_s // 3, "TCP_KEEPCNT": 3}
    return {getattr(socket, name): n for name, n in wanted.items() if hasattr(socket, name)}


def open_ahead(redis: Redis, count: int) -> None:
    """Open so many connections at once; where Redis can't be reached, they are opened later."""
    pool = redis.connection_pool
    opened: SimpleQueue[Connection] = SimpleQueue()

    def open_one(_: int) -> None:
        with suppress(RedisError, OSError):
            opened.put(pool.get_connection())

    if count:
        with ThreadPoolExecutor(count) as threads:
            list(threads.map(open_one, range(count)))
    # One that is given back while others are being opened would be taken for them.
    while not opened.empty():
        pool.release(opened.get())


def is_open_to_all(url: str) -> bool:
    """Return whether anyone who can reach the Redis at `url` can use it, judging by the URL.

    A Unix socket has its own permissions, and loopback can't be reached from other machines.
    """
    if is_sentinel_url(url):
        hosts: Iterable[str | None] = [host for host, _ in SentinelUrl.of(url).sentinels]
    else:
        parts = urlsplit(url)
        hosts = [parts.hostname if parts.scheme in ("redis", "rediss") else None]
    is_here = all(host in (None, "localhost", "127.0.0.1", "::1") for host in hosts)
    return not is_here and "password" not in _keys(url)


def _keys(url: str) -> dict[str, object]:
    return dict(connect(url).connection_pool.connection_kwargs)


def is_redis_url(url: str) -> bool:
    """Return whether a client can be created for `url`, without connecting to it."""
    try:
        connect(url).connection_pool.make_connection()
    except (ValueError, TypeError):  # TypeError: an option that redis-py does not know
        return False
    return True


AsyncStore = AsyncRedis
"""What `connect_async` returns, for those who pass it on and don't speak Redis themselves."""


class _InLoopTime(AbstractConnection):
    """A connection whose time-outs don't count the delay of the event loop.

    The methods with an underscore are redis-py's own: tested with 8.1.
    """

    limit_s: float

    async def _connect(self) -> None:
        self.socket_connect_timeout = MUCH_LATER_S
        try:
            async with LoopTimeLimit(self.limit_s):
                await super()._connect()  # type: ignore[safe-super,no-untyped-call] # of the other base
        finally:
            self.socket_connect_timeout = self.limit_s  # which limits closing

    async def _send_packed_command(self, command: Iterable[bytes]) -> None:
        async with LoopTimeLimit(self.limit_s):
            with _kernel_s_timeout_named():
                await super()._send_packed_command(command)

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Return the next answer, as redis-py does; None if a `timeout` in `options` ends.

        Raises:
            TimeoutError: redis-py's; there was no answer within the connection's own time-out.
        """
        read = super().read_response
        if options.get("timeout") is not None:
            return await read(*args, **options)
        try:
            async with LoopTimeLimit(self.limit_s):
                return await read(*args, **{**options, "timeout": math.inf})
        except builtins.TimeoutError as error:
            raise TimeoutError("Redis did not answer in time") from error

    async def _read_response_from_parser(self, *args: Any, **options: Any) -> Any:
        with _kernel_s_timeout_named():
            return await super()._read_response_from_parser(*args, **options)


@contextmanager
def _kernel_s_timeout_named() -> Iterator[None]:
    """Give ETIMEDOUT another name: redis-py would take it for the end of its own time-out."""
    try:
        yield
    except builtins.TimeoutError as error:
        raise ConnectionResetError(*error.args) from error


def connect_async(url: str, *, timeout_s: float = TIMEOUT_S) -> AsyncRedis:
    """Return a client for an event loop; a crowd waits for its turns at a few connections."""
    limits: dict[str, Any] = {
        "max_connections": 2 * MOST_AT_ONCE,
        "timeout": TURN_S,
        "socket_timeout": timeout_s,
        "retry": AsyncRetry(NoBackoff(), 1, _RETRIED),
    }
    if is_sentinel_url(url):
        primary = async_primary_pool(SentinelUrl.of(url), **limits)
        for sentinel in primary.sentinel_manager.sentinels:
            _limit_in_loop_time(sentinel.connection_pool, timeout_s)
        _limit_in_loop_time(primary, timeout_s)
        return AsyncRedis.from_pool(primary)
    pool = AsyncBlockingConnectionPool.from_url(url, **limits)
    _limit_in_loop_time(pool, timeout_s)
    return AsyncRedis.from_pool(pool)


def _limit_in_loop_time(pool: AsyncConnectionPool, timeout_s: float) -> None:
    # The first is the URL's, if it names one.
    limit_s = pool.connection_kwargs["socket_timeout"] or timeout_s
    pool.connection_kwargs["socket_timeout"] = MUCH_LATER_S
    usual = pool.connection_class
    pool.connection_class = type(usual.__name__, (_InLoopTime, usual), {"limit_s": limit_s})
