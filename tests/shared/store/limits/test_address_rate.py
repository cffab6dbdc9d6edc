from ipaddress import ip_address

from redis import Redis

from shared.store.connection import connect
from shared.store.limits.address_rate import AddressRate
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import DEFAULT_KEYS

VICTIM = ip_address("192.0.2.7")


def test_an_address_has_its_connections_a_minute_from_all_workers(real_redis: Redis) -> None:
    """I2: however many names and tokens, one victim must not feel them."""
    workers = [AddressRate(RoundTrips(real_redis), 3, DEFAULT_KEYS) for _ in range(2)]

    admitted = [workers[n % 2].admits(VICTIM, 443) for n in range(5)]

    assert admitted == [True, True, True, False, False]
    assert workers[0].admits(VICTIM, 8443)
    assert workers[0].admits(ip_address("192.0.2.8"), 443)
    assert all(real_redis.ttl(key) > 0 for key in real_redis.scan_iter("conncheck:*"))


def test_a_minute_begins_with_its_first_connection_and_ends(real_redis: Redis) -> None:
    """No worker's clock has a say in it: one that is off would count in a minute of its own."""
    rate = AddressRate(RoundTrips(real_redis), 2, DEFAULT_KEYS)
    assert rate.admits(VICTIM, 443)
    (key,) = real_redis.scan_iter("conncheck:address:*")
    real_redis.expire(key, 30)  # half of it is over

    assert [rate.admits(VICTIM, 443) for _ in range(2)] == [True, False]
    assert 0 < real_redis.ttl(key) <= 30
    real_redis.expire(key, 0)
    assert rate.admits(VICTIM, 443)


def test_a_store_that_is_away_holds_up_nobody() -> None:
    """The jobs at hand end; no new ones come while it is away."""
    away = AddressRate(RoundTrips(connect("redis://127.0.0.1:1/0")), 1, DEFAULT_KEYS)

    assert [away.admits(VICTIM, 443) for _ in range(2)] == [True, True]
