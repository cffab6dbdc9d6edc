"""Recognize the parts of this service, such as its Redis, which no caller may test."""

import errno
import socket
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from time import monotonic
from urllib.parse import urlsplit

from shared.endpoint import Endpoint
from shared.policy.addresses import Address, plain
from shared.settings import Settings

KNOWN_FOR_S = 30
_PORTS = {"redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


class OwnServices:
    """Hosts and ports that are the service's own, by name or by address."""

    def __init__(self, services: Sequence[Endpoint] = ()) -> None:
        self._hosts_by_port: dict[int, list[str]] = {}
        for service in services:
            self._hosts_by_port.setdefault(service.port or 0, []).append(service.host)

    @classmethod
    def of(cls, settings: Settings) -> "OwnServices":
        """Return the services that the settings name, including Redis and the broker."""
        urls = (settings.redis_url, settings.broker_url)
        found = [_endpoint_of(url.get_secret_value()) for url in urls if url]
        return cls([*settings.own_services, *(one for one in found if one)])

    def hold(self, address: Address, port: int) -> bool:
        """Return whether `port` of `address` is one of them.

        Names are looked up only if the port is one of ours, which is rare.
        """
        for host in self._hosts_by_port.get(port, ()):
            own = _addresses_of(host, int(monotonic() // KNOWN_FOR_S))
            if address in own:
                return True
            # A service on loopback, or on all addresses, may be reachable at any address of ours.
            if any(one.is_loopback or one.is_unspecified for one in own) and _is_ours(address):
                return True
        return False


def _endpoint_of(url: str) -> Endpoint | None:
    parts = urlsplit(url)
    if not parts.hostname:
        return None  # a Unix socket
    return Endpoint(parts.hostname, parts.port or _PORTS.get(parts.scheme))


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
