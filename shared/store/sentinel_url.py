"""Read the URL of a Redis that sentinels watch, and fail over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode

FORM = "redis+sentinel://USER:PASSWORD@HOST1,HOST2,HOST3/SERVICE/0"
PORT = 26379
_SCHEMES = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
_OF_SENTINELS = {"sentinel_username": "username", "sentinel_password": "password"}


def is_sentinel_url(url: str) -> bool:
    """Return whether `url` names sentinels, judging by its scheme."""
    return url.partition("://")[0] in _SCHEMES


@dataclass(frozen=True, slots=True)
class SentinelUrl:
    """Where the sentinels are, which of their services is meant, and how to sign in."""

    sentinels: tuple[tuple[str, int], ...]
    service: str
    db: int
    uses_tls: bool
    options: Mapping[str, Any]
    """Those of a connection to a Redis of the service, by redis-py's names."""
    sentinel_options: Mapping[str, Any]
    """Those of a connection to a sentinel."""

    @classmethod
    def of(cls, url: str) -> Self:
        """Return what `url` says.

        Raises:
            ValueError: it is not of the form FORM.
        """
        scheme, _, rest = url.partition("://")
        rest, _, query = rest.partition("?")
        authority, _, path = rest.partition("/")
        user, at, hosts = authority.rpartition("@")
        service, _, db = path.partition("/")
        if not service or not (db or "0").isdecimal():
            raise ValueError("names no service, or a database that is no number")
        given = parse_qs(query, keep_blank_values=True)
        own = {_OF_SENTINELS[name]: given.pop(name)[0] for name in _OF_SENTINELS if name in given}
        base = f"{_SCHEMES[scheme]}://{user}{at}"
        settings = urlencode(given, doseq=True)
        found = [_parsed(f"{base}{host}?{settings}") for host in hosts.split(",")]
        options = {key: value for key, value in found[0].items() if key not in ("host", "port")}
        return cls(
            sentinels=tuple((each["host"], each.get("port", PORT)) for each in found),
            service=unquote(service),
            db=int(db or "0"),
            uses_tls=scheme == "rediss+sentinel",
            options=options,
            # What the sentinels know of TLS is what Redis knows; a password is theirs alone.
            sentinel_options={
                **{key: value for key, value in options.items() if key.startswith("ssl_")},
                **own,
            },
        )


def _parsed(url: str) -> Mapping[str, Any]:
    """Return the options of the URL of one server, without the class that redis-py chooses.

    Raises:
        ValueError: the URL is not valid.
    """
    # Here, because it takes 60 ms to load, and the command line does not need Redis.
    from redis.connection import parse_url

    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call] # bare in redis-py
    options.pop("connection_class", None)
    if "host" not in options:
        raise ValueError("names no host")
    return options
