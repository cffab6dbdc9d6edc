"""The user of Redis that the workers of a site sign in with."""

import secrets
from dataclasses import dataclass
from hashlib import sha256

from shared.queue.site_permissions import USER

PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class RedisUser:
    """A user with a new password, which Redis is told the SHA-256 of."""

    site: str
    password: str

    @classmethod
    def of(cls, site: str) -> "RedisUser":
        """Return the user of a site, with a password that nobody has seen."""
        return cls(site, secrets.token_urlsafe(PASSWORD_BYTES))

    @property
    def name(self) -> str:
        """Its name in Redis."""
        return user_name(self.site)

    @property
    def hashed_password(self) -> str:
        """The password as ACL SETUSER takes it."""
        return f"#{sha256(self.password.encode()).hexdigest()}"

    def url(self, url: str) -> str:
        """Return a URL of Redis without credentials with those of this user."""
        scheme, separator, rest = url.partition("://")
        return f"{scheme}{separator}{self.name}:{self.password}@{rest}"


def user_name(site: str) -> str:
    """Return the name of the user of a site."""
    return USER.format(site=site)


def set_user(site: str, *passwords: str) -> str:
    """Return the command that gives the site's user its rule, and these passwords."""
    from shared.store.site_acl import acl_rule  # it loads Redis' client

    return " ".join(["ACL SETUSER", user_name(site), *passwords, acl_rule(site)])
