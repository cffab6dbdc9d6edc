"""Count tests by the minute: of a token, of a target, and how many targets a token has."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any, cast

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.job_store import StoreUnreachableError

WINDOW_S = 60
_TARGETS = "conncheck:targets:{token}:{minute}"


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a limit is used, as the RateLimit header fields tell it."""

    name: str
    limit: int
    remaining: int
    reset_s: int


class RateExceededError(Exception):
    """Raised where a limit would be passed; nothing was counted beyond it."""

    def __init__(self, quota: Quota) -> None:
        super().__init__(quota.name)
        self.quota = quota


class RateLimits:
    """Counts in Redis, for all API processes together (sliding windows of WINDOW_S)."""

    def __init__(self, redis: Redis, target_rate: int) -> None:
        self._redis = redis
        self._target_rate = RateLimitItemPerMinute(target_rate)
        # The scheme alone is read from the URL: the connections are those of `redis`.
        pool = cast("Any", redis.connection_pool)
        storage = RedisStorage(
            "async+redis://", implementation="redispy", key_prefix="conncheck:rate",
            connection_pool=pool,
        )  # fmt: skip
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    async def take(
        self,
        token: str,
        tests_per_minute: int | None,
        targets_per_minute: int | None,
        tests: Mapping[str, int],
    ) -> Quota | None:
        """Count `tests`, their numbers by target, for `token`; return what is left of its limit.

        A token without limits is not counted, and None is returned.

        Raises:
            RateExceededError: one of the limits would be passed.
            StoreUnreachableError: nobody knows.
        """
        try:
            if targets_per_minute:
                await self._take_targets(token, targets_per_minute, tests)
            if not tests_per_minute:
                return None
            for target, count in tests.items():
                await self._hit(self._target_rate, "target", target, count)
            limit = RateLimitItemPerMinute(tests_per_minute)
            return await self._hit(limit, "token", token, sum(tests.values()))
        except RedisError as error:
            raise StoreUnreachableError from error

    async def _take_targets(self, token: str, most: int, tests: Mapping[str, int]) -> None:
        now_s = datetime.now(UTC).timestamp()
        key = _TARGETS.format(token=token, minute=int(now_s // WINDOW_S))
        reset_s = WINDOW_S - int(now_s % WINDOW_S)
        # More than are allowed need not be kept to know that they are too many.
        named = [*tests][: most + 1]
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.sadd(key, *named)
            pipe.scard(key)
            pipe.expire(key, WINDOW_S)
            _, count, _ = await pipe.execute()
        if count > most:
            raise RateExceededError(Quota("targets", most, 0, reset_s))

    async def _hit(self, limit: RateLimitItemPerMinute, name: str, whose: str, count: int) -> Quota:
        is_within = await self._limiter.hit(limit, name, whose, cost=count)
        window = await self._limiter.get_window_stats(limit, name, whose)
        left_s = max(1, ceil(window.reset_time - datetime.now(UTC).timestamp()))
        quota = Quota(name, limit.amount, window.remaining, left_s)
        if not is_within:
            raise RateExceededError(quota)
        return quota
