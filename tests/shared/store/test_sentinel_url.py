import pytest

from shared.store.connection import is_open_to_all, is_redis_url
from shared.store.sentinel_url import SentinelUrl, is_sentinel_url


def test_a_url_names_sentinels_a_service_and_a_database() -> None:
    """One setting says all."""
    found = SentinelUrl.of("redis+sentinel://user:p%40ss@a,b:26380,[::1]/store/3")

    assert found.sentinels == (("a", 26379), ("b", 26380), ("::1", 26379))
    assert (found.service, found.db, found.uses_tls) == ("store", 3, False)
    assert found.options == {"username": "user", "password": "p@ss"}
    assert found.sentinel_options == {}


def test_the_sentinels_may_have_a_password_of_their_own() -> None:
    """That of Redis is not shown to them; what is known of TLS is the same for both."""
    url = "rediss+sentinel://:secret@a/store?sentinel_password=other&ssl_ca_certs=/etc/ca.pem"

    found = SentinelUrl.of(url)

    assert found.sentinel_options == {"password": "other", "ssl_ca_certs": "/etc/ca.pem"}
    assert found.options == {"password": "secret", "ssl_ca_certs": "/etc/ca.pem"}
    assert (found.db, found.uses_tls) == (0, True)


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a,b",
        "redis+sentinel://a,b/",
        "redis+sentinel://a,,b/store",
        "redis+sentinel:///store",
        "redis+sentinel://a/store/x",
        "redis+sentinel://a:port/store",
        "redis+sentinel://a/store?no_such_option=1",
    ],
)
def test_a_url_that_says_too_little_is_told(url: str) -> None:
    """Otherwise the service would start, and be unreachable."""
    assert is_sentinel_url(url)
    assert not is_redis_url(url)


def test_who_can_use_a_redis_behind_sentinels_is_judged_like_any_other() -> None:
    """Sentinels on loopback mean a Redis there, or one with an address that they announce."""
    assert is_redis_url("redis+sentinel://a,b,c/store/0")
    assert is_open_to_all("redis+sentinel://a,b,c/store/0")
    assert not is_open_to_all("redis+sentinel://:secret@a,b,c/store/0")
    assert not is_open_to_all("redis+sentinel://127.0.0.1,localhost/store/0")
