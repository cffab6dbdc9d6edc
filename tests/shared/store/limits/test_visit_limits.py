import asyncio

import pytest
from redis import Redis

from shared.store.connection import connect, connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.limits.quotas import RateExceededError
from shared.store.limits.rate_limits import RateLimits
from shared.store.limits.visit_limits import VisitLimits
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import DEFAULT_KEYS

RATE, PER_TARGET = 3, 2


def limits(redis: Redis) -> VisitLimits:
    return VisitLimits(redis, RoundTrips(redis), RATE, PER_TARGET, DEFAULT_KEYS)


def count_a_test(url: str, token: str, target: str) -> None:
    """Count a test that a caller asked for, as the API does."""

    async def take() -> None:
        async with connect_async(url) as redis:
            await RateLimits(RedisGate(redis), RATE).take(token, None, 2, target, [DEFAULT_KEYS])

    asyncio.run(take())


def exceeded(visits: VisitLimits, token: str, target: str) -> str:
    """Return the name of the limit that a visit would pass."""
    with pytest.raises(RateExceededError) as raised:
        visits.count(token, 2, target)
    return raised.value.quota.name


def test_the_targets_that_a_platform_names_are_among_those_of_the_token(
    redis_url: str, real_redis: Redis
) -> None:
    """I1: a catalogue of the caller's own would make a scanner of the service."""
    visits = limits(real_redis)
    count_a_test(redis_url, "ci", "home:5000")
    visits.count("ci", 2, "nova:8774")
    visits.count("ci", 2, "nova:8774")

    assert exceeded(visits, "ci", "neutron:9696") == "targets"
    with pytest.raises(RateExceededError):
        count_a_test(redis_url, "ci", "neutron:9696")
    visits.count("other", 2, "neutron:9696")
    assert all(real_redis.ttl(key) > 0 for key in real_redis.scan_iter("conncheck:*"))


def test_visits_and_tests_of_a_target_count_together(redis_url: str, real_redis: Redis) -> None:
    """I2: whoever names it, one victim must not feel it."""
    visits = limits(real_redis)
    count_a_test(redis_url, "a", "victim:80")
    visits.count("b", None, "victim:80")
    visits.count("c", None, "victim:80")

    assert exceeded(visits, "d", "victim:80") == "target"
    with pytest.raises(RateExceededError):
        count_a_test(redis_url, "e", "victim:80")


def test_as_many_visits_go_on_as_tests(real_redis: Redis) -> None:
    """Each worker sees those of all."""
    one, other = limits(real_redis), limits(real_redis)
    first, second = one.enter("victim:80"), other.enter("victim:80")

    assert first
    assert second
    assert one.enter("victim:80") is None
    assert one.enter("another:80")
    other.leave("victim:80", first)
    assert one.enter("victim:80")
    assert all(real_redis.ttl(key) > 0 for key in real_redis.scan_iter("conncheck:*"))


def test_a_store_that_is_away_is_told() -> None:
    """Whoever visits decides what follows from it."""
    away = limits(connect("redis://127.0.0.1:1/0"))

    with pytest.raises(StoreUnreachableError):
        away.count("ci", 2, "h:1")
    with pytest.raises(StoreUnreachableError):
        away.enter("h:1")
