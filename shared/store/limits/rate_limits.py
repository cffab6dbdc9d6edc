"""Count tests per minute: of a token, of a target, and the different targets of a token.

Targets count per site: the same address is another host at another site. Workers count the visits
to hosts that a platform names in the windows of their site.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil
from typing import Any, Final, cast

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis

from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.limits.quotas import (
    TARGET,
    TOKEN,
    WINDOW_S,
    Quota,
    RateExceededError,
    too_many_targets,
)
from shared.store.scripts import Script
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys

_BULK: Final = "bulk"
_SITES: Final = 256  # whose windows are at hand
# KEYS: the targets of this minute, which begins with the first of them, whatever the clocks say.
# ARGV: target, most, seconds that a minute lasts. Returns 0, or in how many seconds the minute is
# over where it has no room for the target.
ADD_TARGET = Script(
    """
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
  return 0
end
local targets = redis.call('SCARD', KEYS[1])
if targets >= tonumber(ARGV[2]) then
  return math.max(1, redis.call('TTL', KEYS[1]))
end
redis.call('SADD', KEYS[1], ARGV[1])
if targets == 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 0
"""
)


class RateLimits:
    """Counters in Redis, shared by all API processes (sliding windows of WINDOW_S)."""

    def __init__(self, gate: RedisGate, target_rate: int) -> None:
        self._gate = gate
        self._target_rate = RateLimitItemPerMinute(target_rate)
        self._windows_of = lru_cache(_SITES)(self._windows)
        self._limiter = self._windows_of(DEFAULT_KEYS)

    def _windows(self, keys: SiteKeys) -> SlidingWindowCounterRateLimiter:
        # The scheme alone is read from the URL: the connections are those behind the gate.
        storage = RedisStorage(
            "async+redis://", implementation="redispy", key_prefix=keys.rate,
            connection_pool=self._gate.connections,
        )  # fmt: skip
        return SlidingWindowCounterRateLimiter(storage)

    async def take(
        self,
        token: str,
        tests_per_minute: int | None,
        targets_per_minute: int | None,
        target: str,
        sites: Sequence[SiteKeys],
    ) -> Quota | None:
        """Count a test of `target` at each of `sites` for `token`; return what is left.

        A token without limits is not counted, and None is returned. The token's limit counts all
        of them or none. A test that it refuses is not counted for the target, which other tokens
        share.

        Raises:
            RateExceededError: one of the limits would be exceeded.
            StoreUnreachableError: the outcome is unknown.
        """
        if not tests_per_minute and not targets_per_minute:
            return None
        quota = None
        async with self._gate.turn() as redis:
            if tests_per_minute:
                limit = RateLimitItemPerMinute(tests_per_minute)
                quota = await self._hit(limit, TOKEN, token, cost=len(sites))
            for keys in sites:
                if targets_per_minute:
                    await _add_target(redis, keys.targets_of(token), targets_per_minute, target)
                await self._hit(self._target_rate, TARGET, target, self._windows_of(keys))
        return quota

    async def take_call(self, token: str, tests_per_minute: int | None) -> Quota | None:
        """Count a call that tests nothing, as a test without a target.

        Raises:
            RateExceededError: the token's limit would be exceeded.
            StoreUnreachableError: the outcome is unknown.
        """
        if not tests_per_minute:
            return None
        async with self._gate.turn():
            return await self._hit(RateLimitItemPerMinute(tests_per_minute), TOKEN, token)

    async def room_for_items(self, token: str, per_minute: int) -> int:
        """Return how many items of the token's batches may be queued now.

        Batches have a window of their own: a batch must not block the token's single tests.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        limit = RateLimitItemPerMinute(per_minute)
        async with self._gate.turn():
            return (await self._limiter.get_window_stats(limit, _BULK, token)).remaining

    async def count_items(self, token: str, per_minute: int, items: int) -> None:
        """Count items that are queued; the caller has checked that the limit allows them.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn():
            await self._limiter.hit(RateLimitItemPerMinute(per_minute), _BULK, token, cost=items)

    async def _hit(
        self,
        limit: RateLimitItemPerMinute,
        name: str,
        whose: str,
        windows: SlidingWindowCounterRateLimiter | None = None,
        cost: int = 1,
    ) -> Quota:
        windows = windows or self._limiter
        is_within = await windows.hit(limit, name, whose, cost=cost)
        try:
            window = await windows.get_window_stats(limit, name, whose)
        except ValueError as error:  # a site may have written something else there
            raise StoreUnreachableError from error
        left_s = max(1, ceil(window.reset_time - datetime.now(UTC).timestamp()))
        quota = Quota(name, limit.amount, window.remaining, left_s)
        if not is_within:
            raise RateExceededError(quota)
        return quota


async def _add_target(redis: Redis, key: str, most: int, target: str) -> None:
    # redis-py's types allow for an answer that is no coroutine.
    left_s = await cast("Any", redis.eval(ADD_TARGET.text, 1, key, target, most, WINDOW_S))
    if left_s:
        raise RateExceededError(too_many_targets(most, left_s))
