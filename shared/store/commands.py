"""Send commands to Redis together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio.client import Pipeline

from shared.store.gate import RedisGate


@asynccontextmanager
async def commands(gate: RedisGate) -> AsyncIterator[Pipeline]:
    """Give what collects commands; its `execute` sends them in one go and returns the answers.

    Others' commands may come between them: what must not be parted is a script's.

    Raises:
        StoreUnreachableError: the outcome is unknown.
    """
    async with gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
        yield pipe
