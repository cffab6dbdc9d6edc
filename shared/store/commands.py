"""Send commands to Redis together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from shared.store.errors import named_if_unreachable


@asynccontextmanager
async def commands(redis: Redis) -> AsyncIterator[Pipeline]:
    """Give what collects commands; its `execute` sends them in one go and returns the answers.

    Others' commands may come between them: what must not be parted is a script's.

    Raises:
        StoreUnreachableError: the outcome is unknown.
    """
    with named_if_unreachable():
        async with redis.pipeline(transaction=False) as pipe:
            yield pipe
