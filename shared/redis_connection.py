"""Connect to the job store, quick to say when it is away."""

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

# An API caller is told within two seconds that the store is away; a healthy one answers in one
# millisecond. One retry covers a connection that died while it lay idle in the pool.
TIMEOUT_S = 0.9


def connect(url: str) -> Redis:
    """Return a client for threads; it opens connections as they are needed."""
    return Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),
    )


def connect_async(url: str) -> AsyncRedis:
    """Return a client for an event loop; it opens connections as they are needed."""
    return AsyncRedis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=AsyncRetry(NoBackoff(), 1),
    )
