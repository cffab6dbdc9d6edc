"""Connect to the job store, quick to say when it is away."""

from urllib.parse import urlsplit

from redis import BlockingConnectionPool, Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError  # noqa: A004 -- redis-py's, not Python's
from redis.retry import Retry

# An API caller is told within two seconds that the store is away; a healthy one answers in one
# millisecond. One retry covers a connection that died while it lay idle in the pool, and a
# store that hangs is not waited for twice.
TIMEOUT_S = 0.9
FOR_THREADS = 16  # threads that share one interpreter can't keep more of them busy
MOST_AT_ONCE = 32  # operations of one event loop that may be under way together
_RETRIED = (ConnectionError,)


def connect(url: str) -> Redis:
    """Return a client for any number of threads; they take turns at a few connections."""
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
    """Return whether anybody who reaches the Redis at `url` may use it, as far as the URL tells.

    A Unix socket has its own permissions, and loopback is this machine.
    """
    parts = urlsplit(url)
    is_here = parts.hostname in (None, "localhost", "127.0.0.1", "::1")
    return parts.scheme in ("redis", "rediss") and not is_here and "password" not in _keys(url)


def _keys(url: str) -> dict[str, object]:
    return dict(connect(url).connection_pool.connection_kwargs)


def is_redis_url(url: str) -> bool:
    """Return whether clients can be made for `url`; connects to nothing."""
    try:
        connect(url).connection_pool.make_connection()
    except (ValueError, TypeError):  # TypeError: an option that redis-py does not know
        return False
    return True


def connect_async(url: str) -> AsyncRedis:
    """Return a client for an event loop; it opens connections as they are needed."""
    return AsyncRedis.from_url(
        url,
        max_connections=2 * MOST_AT_ONCE,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=AsyncRetry(NoBackoff(), 1, _RETRIED),
    )
