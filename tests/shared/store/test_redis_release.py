from datetime import date

import pytest

from shared.store.connection import connect
from shared.store.redis_release import Maker, RedisRelease, release_in, release_of


@pytest.mark.parametrize(
    ("said", "release"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "Redis 7.0.15"),
        ("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64", "Valkey 9.1.2"),
        ("Usage: something else", "None"),
        ("", "None"),
    ],
)
def test_a_release_is_read_from_what_a_program_says(said: str, release: str) -> None:
    """Debian's valkey-server may be called redis-server, and the other way round."""
    assert str(release_in(said)) == release


def test_a_valkey_is_not_taken_for_the_redis_it_claims_to_be() -> None:
    """Its INFO has redis_version:7.2.4 for the sake of clients."""
    info = {"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "9.1.2"}

    assert str(release_of(info)) == "Valkey 9.1.2"
    assert str(release_of({"redis_version": "7.0.15"})) == "Redis 7.0.15"
    assert str(release_of({})) == "Redis ?"


def test_a_real_server_says_which_it_is(redis_url: str) -> None:
    """The names of what INFO says are the servers', not ours."""
    with connect(redis_url) as redis:
        release = release_of(redis.info())

    assert release.series
    assert release.series >= (6, 2)


@pytest.mark.parametrize(
    ("maker", "version", "today", "ended"),
    [
        ("Redis", "7.0.15", date(2026, 11, 28), date(2024, 7, 29)),
        ("Redis", "6.2.14", date(2027, 3, 31), None),
        ("Redis", "6.2.14", date(2027, 4, 1), date(2027, 4, 1)),
        ("Valkey", "7.2.9", date(2027, 4, 1), None),  # Valkey's 7.2 lives longer than Redis's
        ("Valkey", "9.1.2", date(2029, 5, 19), date(2029, 5, 19)),
        ("Redis", "8.10.1", date(2099, 1, 1), None),  # no end is announced
        ("Redis", "?", date(2099, 1, 1), None),
    ],
)
def test_the_end_of_support_is_that_of_the_series(
    maker: Maker, version: str, today: date, ended: date | None
) -> None:
    """A warning too early is ignored when it counts."""
    assert RedisRelease(maker, version).unsupported_since(today) == ended
