"""Recognize the parts of this service, such as its Redis, which no caller may test."""

import errno
import socket
from collections.abc import Iterator, Sequence, Set
from functools import lru_cache
from ipaddress import ip_address
from itertools import chain
from time import monotonic
from urllib.parse import urlsplit

from shared.endpoint import Endpoint
from shared.policy.addresses import Address, plain
from shared.settings import Settings
from shared.store.sentinel_url import SentinelUrl, is_sentinel_url

KNOWN_FOR_S = 30
_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


class OwnServices:
    """Hosts and ports that are the service's own, by name or by address."""

    def __init__(self, services: Sequence[Endpoint] = (), watched: Sequence[str] = ()) -> None:
        self._watched = watched  # URLs of sentinels, which know where the Redis are
        self._seen: set[tuple[str, int]] = set()
        self._hosts_by_port: dict[int, list[str]] = {}
        for service in services:
            self._hosts_by_port.setdefault(service.port or 0, []).append(service.host)

    @classmethod
    def of(cls, settings: Settings) -> "OwnServices":
        """Return the services that the settings name, including Redis and the broker."""
        urls = [url.get_secret_value() for url in (settings.redis_url, settings.broker_url) if url]
        named = chain.from_iterable(map(_endpoints_of, urls))
        watched = [url for url in urls if is_sentinel_url(url)]
        return cls([*settings.own_services, *named], watched)

    def hold(self, address: Address, port: int) -> bool:
        """Return whether `port` of `address` is one of them.

        Names are looked up only if the port is one of ours, which is rare.
        """
        moving = [host for host, own_port in self._watched_nodes() if own_port == port]
        for host in (*self._hosts_by_port.get(port, ()), *moving):
            own = _addresses_of(host, int(monotonic() // KNOWN_FOR_S))
            if address in own:
                return True
            # A service on loopback, or on all addresses, may be reachable at any address of ours.
            if any(one.is_loopback or one.is_unspecified for one in own) and _is_ours(address):
                return True
        return False

    def _watched_nodes(self) -> Set[tuple[str, int]]:
        """Return all that was ever behind the sentinels; they may be away just now."""
        for url in self._watched:
            self._seen |= _nodes_of(url, int(monotonic() // KNOWN_FOR_S))
        return self._seen


def _endpoints_of(url: str) -> Iterator[Endpoint]:
    if is_sentinel_url(url):
        yield from (Endpoint(host, port) for host, port in SentinelUrl.of(url).sentinels)
        return
    parts = urlsplit(url)
    if parts.hostname:  # else a Unix socket
        yield Endpoint(parts.hostname, parts.port or _PORTS.get(parts.scheme))


@lru_cache(maxsize=4)
def _nodes_of(url: str, _period: int) -> Set[tuple[str, int]]:
    # Here, because it takes 60 ms to load, and a test without the service does not need it.
    from shared.store.sentinels import nodes_of

    return nodes_of(url)


@lru_cache(maxsize=64)
def _addresses_of(host: str, _period: int) -> frozenset[Address]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return frozenset()
    return frozenset(plain(ip_address(str(info[4][0]).partition("%")[0])) for info in found)


def _is_ours(address: Address) -> bool:
    """Return whether `address` is this machine's: only its own addresses can be bound."""
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError as error:
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True
