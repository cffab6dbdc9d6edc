"""A Redis whose clock is not this machine's."""

from datetime import timedelta
from typing import Any

from redis.asyncio import Redis as AsyncRedis

AHEAD = timedelta(seconds=700)


class ElsewhenRedis(AsyncRedis):
    """A Redis whose clock is ahead of ours; or ours is behind."""

    asked = 0

    async def time(self, **options: Any) -> Any:
        """Return the time."""
        self.asked += 1
        seconds, micros = await super().time(**options)
        return seconds + int(AHEAD.total_seconds()), micros


def elsewhen(redis: AsyncRedis) -> ElsewhenRedis:
    """Return the same Redis with another clock."""
    return ElsewhenRedis(connection_pool=redis.connection_pool)
