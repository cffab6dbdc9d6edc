from hashlib import sha256

import pytest

from cli.sites.redis_user import RedisUser, set_user
from shared.store.connection import is_redis_url


@pytest.mark.parametrize(
    "url",
    [
        "rediss://redis.example.com:6379/0",
        "redis://[2001:db8::1]:6379/0",
        "unix:///run/redis.sock",
        "rediss+sentinel://one.example.com,two.example.com/main/0",
    ],
)
def test_the_user_signs_in_at_every_kind_of_redis(url: str) -> None:
    """A password with a sign of URLs in it would have to be escaped, differently in each place."""
    user = RedisUser.of("fra1")

    assert user.url(url) == url.replace("://", f"://conncheck-fra1:{user.password}@")
    assert is_redis_url(user.url(url))
    assert user.password.replace("-", "").replace("_", "").isalnum()


def test_redis_is_told_the_hash_of_the_password() -> None:
    """Its rules are in a file and in logs of commands."""
    user = RedisUser.of("fra1")

    command = set_user("fra1", "resetpass", user.hashed_password)

    digest = sha256(user.password.encode()).hexdigest()
    assert command.startswith(f"ACL SETUSER conncheck-fra1 resetpass #{digest} on ")
    assert user.password not in command
    assert RedisUser.of("fra1").password != user.password
