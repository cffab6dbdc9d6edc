"""Limit the visits of tests to hosts that a platform names, together with the tests of them."""

import secrets
from collections.abc import Sequence
from typing import Any, cast

from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis import Redis

from shared.store.limits.quotas import (
    TARGET,
    WINDOW_S,
    Quota,
    RateExceededError,
    too_many_targets,
)
from shared.store.limits.rate_limits import ADD_TARGET
from shared.store.round_trips import RoundTrips, without_errors
from shared.store.scripts import Script
from shared.store.site_keys import SiteKeys

LONGEST_VISIT_S = 60  # one that takes longer, or whose worker has died, is not counted any more
# KEYS: the visits of a target. ARGV: the visit, the limit, the longest visit in seconds.
ENTER = Script(
    """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""
)

HIT = Script(RedisStorage.SCRIPT_ACQUIRE_SLIDING_WINDOW.decode())
"""Counts in a window of `limits`, as RateLimits does."""


class VisitLimits:
    """Counts in the windows of RateLimits, from a worker's threads; targets are "host:port"."""

    def __init__(
        self,
        redis: Redis,
        round_trips: RoundTrips,
        target_rate: int,
        per_target: int,
        keys: SiteKeys,
    ) -> None:
        self._keys = keys
        self._round_trips = round_trips
        self._target_rate = RateLimitItemPerMinute(target_rate)
        self.per_target = per_target
        # The scheme alone is read from the URL: the connections are those of `redis`.
        pool = cast("Any", redis.connection_pool)
        storage: Any = RedisStorage("redis://", connection_pool=pool, key_prefix=keys.rate)
        storage.lua_acquire_sliding_window = self._hit
        self._limiter = SlidingWindowCounterRateLimiter(storage)

    def count(self, token: str, targets_per_minute: int | None, target: str) -> None:
        """Count a visit like a test of `target` by `token`.

        Raises:
            RateExceededError: one of the limits would be exceeded.
            StoreUnreachableError: the outcome is unknown.
        """
        if targets_per_minute:
            self._add_target(token, targets_per_minute, target)
        if not self._limiter.hit(self._target_rate, TARGET, target):
            raise RateExceededError(Quota(TARGET, self._target_rate.amount, 0, WINDOW_S))

    def enter(self, target: str) -> str | None:
        """Return a visit that begins now, to `leave`; None if `per_target` others are going on.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        visit, key = secrets.token_hex(8), self._keys.visits_of(target)
        arguments = (visit, self.per_target, LONGEST_VISIT_S)
        (is_in,) = without_errors(
            self._round_trips.execute(lambda pipe: ENTER.queue(pipe, self._keys, [key], arguments))
        )
        return visit if is_in else None

    def leave(self, target: str, visit: str) -> None:
        """End a visit.

        Raises:
            StoreUnreachableError: it may be counted for a while.
        """
        self._round_trips.execute(lambda pipe: pipe.zrem(self._keys.visits_of(target), visit))

    def _hit(self, keys: Sequence[str], arguments: Sequence[int]) -> Any:
        """Return what the script of `limits` does, by way of the worker's round trips."""
        (is_within,) = without_errors(
            self._round_trips.execute(lambda pipe: HIT.queue(pipe, self._keys, keys, arguments))
        )
        return is_within

    def _add_target(self, token: str, most: int, target: str) -> None:
        key = self._keys.targets_of(token)
        (left_s,) = without_errors(
            self._round_trips.execute(
                lambda pipe: ADD_TARGET.queue(pipe, self._keys, [key], [target, most, WINDOW_S])
            )
        )
        if left_s:
            raise RateExceededError(too_many_targets(most, left_s))
