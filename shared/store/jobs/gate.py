"""Let the API's coroutines at Redis, few at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis import RedisError
from redis.asyncio import Redis

from shared.store.connection import MOST_AT_ONCE
from shared.store.errors import StoreUnreachableError

AWAY_S = 0.5  # for so long a store that did not answer is not asked again


class RedisGate:
    """The way to Redis that all who read and write jobs in this process share."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._away_until_s = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Redis]:
        """Let few operations at a time through, so that a crowd is not mistaken for an outage.

        Once the store was found unreachable, all who wait are told so at once, not one by one.

        Raises:
            StoreUnreachableError: Redis is unreachable, or became so while the block ran.
        """
        now_s = asyncio.get_running_loop().time
        async with self._turns:
            if now_s() < self._away_until_s:
                raise StoreUnreachableError
            try:
                yield self._redis
            except (RedisError, OSError) as error:
                self._away_until_s = now_s() + AWAY_S
                raise StoreUnreachableError from error
