"""Connect to the job store, and notice within seconds that it can't be reached."""

from urllib.parse import urlsplit

from redis import BlockingConnectionPool, Redis
from redis.asyncio import BlockingConnectionPool as AsyncBlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError  # noqa: A004 -- redis-py's, not Python's
from redis.retry import Retry

# An API caller learns within two seconds that the store is down; a healthy one answers in one
# millisecond. One retry covers a connection that died while idle in the pool, and a store that
# hangs is not waited for twice.
TIMEOUT_S = 0.9
FOR_THREADS = 16  # threads that share one interpreter can't keep more connections busy
MOST_AT_ONCE = 32  # concurrent operations of one event loop
TURN_S = 5.0  # how long a coroutine waits for a connection behind a crowd
_RETRIED = (ConnectionError,)


def connect(url: str) -> Redis:
    """Return a client for any number of threads; they share a few connections."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=FOR_THREADS,
        timeout=None,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 1, _RETRIED),
    )
    return Redis(connection_pool=pool)


def is_open_to_all(url: str) -> bool:
    """Return whether anyone who can reach the Redis at `url` can use it, judging by the URL.

    A Unix socket has its own permissions, and loopback can't be reached from other machines.
    """
    parts = urlsplit(url)
    is_here = parts.hostname in (None, "localhost", "127.0.0.1", "::1")
    return parts.scheme in ("redis", "rediss") and not is_here and "password" not in _keys(url)


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


def connect_async(url: str, *, timeout_s: float = TIMEOUT_S) -> AsyncRedis:
    """Return a client for an event loop; a crowd waits for its turns at a few connections."""
    pool = AsyncBlockingConnectionPool.from_url(
        url,
        max_connections=2 * MOST_AT_ONCE,
        timeout=TURN_S,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=AsyncRetry(NoBackoff(), 1, _RETRIED),
    )
    return AsyncRedis.from_pool(pool)
