import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, cast

import pytest
from redis import Redis

from shared.store.connection import connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.limits.quotas import WINDOW_S, RateExceededError
from shared.store.limits.rate_limits import RateLimits
from shared.store.limits.visit_limits import VisitLimits
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from tests.shared.conftest import Backend

T = TypeVar("T")
TARGET_RATE = 5
HERE = [DEFAULT_KEYS]


def with_limits(url: str, call: Callable[[RateLimits], Awaitable[T]]) -> T:
    async def called() -> T:
        async with connect_async(url) as redis:
            return await call(RateLimits(RedisGate(redis), TARGET_RATE))

    return asyncio.run(called())


def exceeded(url: str, call: Callable[[RateLimits], Awaitable[object]]) -> str:
    """Return the name of the limit that `call` would pass."""
    with pytest.raises(RateExceededError) as raised:
        with_limits(url, call)
    assert 0 < raised.value.quota.reset_s <= WINDOW_S
    return raised.value.quota.name


def test_a_token_has_its_tests_a_minute_and_no_more(redis_url: str, real_redis: Redis) -> None:
    """One that has gone wild must not take the service from the others."""

    async def take(limits: RateLimits) -> list[int]:
        left = [await limits.take("ci", 3, None, f"h{n}:1", HERE) for n in range(3)]
        return [quota.remaining for quota in left if quota]

    assert with_limits(redis_url, take) == [2, 1, 0]
    assert exceeded(redis_url, lambda limits: limits.take("ci", 3, None, "h:1", HERE)) == "token"
    with_limits(redis_url, lambda limits: limits.take("other", 3, None, "h:1", HERE))
    assert all(real_redis.ttl(key) > 0 for key in real_redis.scan_iter("conncheck:*"))


def test_a_call_that_tests_nothing_counts_as_a_test(redis_url: str, real_redis: Redis) -> None:
    """It costs as much; and no target is counted, which other tokens share."""

    async def take(limits: RateLimits) -> list[int]:
        left = [
            await limits.take_call("ci", 3),
            await limits.take("ci", 3, None, "h:1", HERE),
        ]
        return [quota.remaining for quota in (*left, await limits.take_call("ci", 3)) if quota]

    assert with_limits(redis_url, take) == [2, 1, 0]
    assert exceeded(redis_url, lambda limits: limits.take_call("ci", 3)) == "token"
    assert with_limits(redis_url, lambda limits: limits.take_call("other", None)) is None


def test_batches_have_a_window_of_their_own(redis_url: str, real_redis: Redis) -> None:
    """A batch that waits for room must not lock out whoever waits for an answer."""

    async def take(limits: RateLimits) -> list[int]:
        rooms = [await limits.room_for_items("ci", 3)]
        await limits.count_items("ci", 3, 2)
        rooms.append(await limits.room_for_items("ci", 3))
        await limits.count_items("ci", 3, 1)
        await limits.take("ci", 3, None, "h:1", HERE)
        return [*rooms, await limits.room_for_items("ci", 3)]

    assert with_limits(redis_url, take) == [3, 1, 0]


def test_what_a_token_may_not_is_not_counted_for_the_target(
    redis_url: str, real_redis: Redis
) -> None:
    """Else one who is refused could use up what others may, and for free."""

    async def take(limits: RateLimits) -> None:
        await limits.take("ci", 1, None, "victim:443", HERE)
        for _ in range(2 * TARGET_RATE):
            with pytest.raises(RateExceededError):
                await limits.take("ci", 1, None, "victim:443", HERE)
        for _ in range(TARGET_RATE - 1):
            await limits.take("other", 100, None, "victim:443", HERE)

    with_limits(redis_url, take)


def test_a_target_has_its_tests_a_minute_whoever_asks(redis_url: str, real_redis: Redis) -> None:
    """Many tokens together must not hammer one platform."""

    async def take(limits: RateLimits) -> None:
        for token in ("a", "b", "c", "d", "e"):
            await limits.take(token, 100, None, "victim:443", HERE)

    with_limits(redis_url, take)

    more = exceeded(redis_url, lambda limits: limits.take("f", 100, None, "victim:443", HERE))
    assert more == "target"


def test_a_token_may_not_have_more_targets_than_it_is_allowed(
    redis_url: str, real_redis: Redis
) -> None:
    """Distinct ports of distinct hosts are what a scan consists of; repeating one is none."""

    async def take(limits: RateLimits) -> None:
        for _ in range(3):
            for target in ("a:1", "a:2"):
                await limits.take("ci", None, 2, target, HERE)

    with_limits(redis_url, take)
    assert exceeded(redis_url, lambda limits: limits.take("ci", None, 2, "a:3", HERE)) == "targets"


def test_a_token_without_limits_is_not_counted(redis_url: str, real_redis: Redis) -> None:
    """The operator's own token costs no round trip."""

    async def take(limits: RateLimits) -> object:
        return await limits.take("own", None, None, "a:1", HERE)

    assert with_limits(redis_url, take) is None
    assert not [*real_redis.scan_iter("conncheck:*")]


def test_a_store_that_is_away_is_told_as_such() -> None:
    """It is no fault of the caller's."""
    with pytest.raises(StoreUnreachableError):
        with_limits("redis://127.0.0.1:1/0", lambda limits: limits.take("ci", 1, 1, "a:1", HERE))


def test_a_target_counts_per_site(redis_url: str, real_redis: Redis, real: Backend) -> None:
    """The same private address is another host elsewhere, and a worker there counts its visits."""
    fra1 = SiteKeys.of("fra1")
    real.load_functions()

    async def take(limits: RateLimits) -> None:
        for token in ("a", "b", "c", "d", "e"):
            await limits.take(token, 100, 1, "10.0.0.1:443", HERE)
            await limits.take(token, 100, 1, "10.0.0.1:443", [fra1])

    with_limits(redis_url, take)

    for keys in (DEFAULT_KEYS, fra1):
        more = partial(RateLimits.take, token="f", tests_per_minute=100, targets_per_minute=None)
        one_more = partial(more, target="10.0.0.1:443", sites=[keys])
        assert exceeded(redis_url, one_more) == "target"
        assert real_redis.smembers(keys.targets_of("a")) == {b"10.0.0.1:443"}
    visits = VisitLimits(real_redis, RoundTrips(real_redis), TARGET_RATE, 1, fra1)
    with pytest.raises(RateExceededError):
        visits.count("g", None, "10.0.0.1:443")


def test_tests_of_several_sites_count_together(redis_url: str, real_redis: Redis) -> None:
    """A comparison must not be a way around the limits, nor count in part before it is refused."""
    sites = [SiteKeys.of(site) for site in ("default", "fra1", "sin1")]

    async def take(limits: RateLimits) -> list[int]:
        left = [await limits.take("ci", 4, None, "h:1", sites)]
        return [quota.remaining for quota in left if quota]

    assert with_limits(redis_url, take) == [1]
    assert exceeded(redis_url, lambda a: a.take("ci", 4, None, "h:1", sites)) == "token"
    with_limits(redis_url, lambda limits: limits.take("ci", 4, None, "h:1", HERE))


@pytest.mark.parametrize("text", ["abc", "1e400", "nan", "1.5"])
@pytest.mark.parametrize("window", [b"", b"/-1"])
def test_a_count_that_no_api_has_written_is_no_error_of_ours(
    redis_url: str, real_redis: Redis, text: str, window: bytes
) -> None:
    """Who has a site's password can write it, and whoever tests there would be answered 500."""
    fra1 = SiteKeys.of("fra1")

    async def take(limits: RateLimits) -> None:
        await limits.take("ci", 3, None, "h:1", [fra1])

    with_limits(redis_url, take)
    (key,) = cast("list[bytes]", real_redis.keys(f"{fra1.rate}*"))
    real_redis.set(key + window, text)

    with pytest.raises(StoreUnreachableError):
        with_limits(redis_url, take)
