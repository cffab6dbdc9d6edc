"""Rules that choose the site for an endpoint."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from pydantic import TypeAdapter, ValidationError

from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint, parse_endpoint
from shared.policy.addresses import Network, is_address, plain
from shared.site_name import SiteName
from shared.text import printable

REST: Final = "*"
"""Stands for all endpoints that no other rule matches."""

_FORM: Final = "must be like fra1=10.20.0.0/16,fra.example.com; sin1=10.30.0.0/16"
_LONGEST_QUOTED: Final = 80
_NAME: Final = TypeAdapter[str](SiteName)
_Prefix = tuple[int, int, int]
"""The version of a network, the length of its prefix, and the bits of the prefix."""
_MAPPED = IPv6Network("::ffff:0:0/96")  # RFC 4291 2.5.5.2


@dataclass(frozen=True)
class SiteRules:
    """The sites by network and by domain; the longest prefix and the longest domain win."""

    _networks: Mapping[_Prefix, str] = field(default_factory=dict)
    _domains: Mapping[str, str] = field(default_factory=dict)
    """A domain stands for itself and for all names below it."""
    _rest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rules in the form `SITE=NETWORK,DOMAIN; SITE=...`; empty text has none.

        Raises:
            ValueError: a part of it is not a rule, or two sites have the same network or domain.
        """
        sites: dict[str, str] = {}
        for name, part in _parts(text):
            place = _place(part)
            if sites.setdefault(place, name) != name:
                raise ValueError(f"{place} can't belong to two sites: {sites[place]} and {name}")
        networks = {_prefix(ip_network(p)): name for p, name in sites.items() if "/" in p}
        domains = {p: name for p, name in sites.items() if "/" not in p and p != REST}
        return cls(networks, domains, sites.get(REST))

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        """The lengths of the prefixes, the longest first."""
        return tuple(sorted({length for _, length, _ in self._networks}, reverse=True))

    @property
    def sites(self) -> frozenset[str]:
        """The names of the sites that rules lead to."""
        found = {*self._networks.values(), *self._domains.values()}
        return frozenset(found | ({self._rest} if self._rest else set()))

    def site_for(self, endpoint: Endpoint) -> str | None:
        """Return the site whose rule matches `endpoint` as it is written; None if none does.

        No name is looked up.
        """
        if not self._networks and not self._domains:
            return self._rest
        name = endpoint.server_name
        found = self._of_address(name) if is_address(name) else self._of_name(name)
        return found or self._rest

    def _of_address(self, text: str) -> str | None:
        address = plain(ip_address(text))
        for length in self._lengths:
            bits = int(address) >> max(address.max_prefixlen - length, 0)
            if found := self._networks.get((address.version, length, bits)):
                return found
        return None

    def _of_name(self, name: str) -> str | None:
        while name:
            if found := self._domains.get(name):
                return found
            name = name.partition(".")[2]
        return None


NO_RULES: Final = SiteRules()


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield each network and domain in `text` with the name of its site before it."""
    for rule in filter(None, (rule.strip() for rule in text.split(";"))):
        name, separator, places = (part.strip() for part in rule.partition("="))
        parts = [part.strip() for part in places.split(",") if part.strip()]
        if not separator or not parts:
            raise _wrong(rule, _FORM)
        if not _is_site_name(name):
            raise _wrong(name, "is not the name of a site: a-z, 0-9 and hyphens, 32 at most")
        yield from ((name, part) for part in parts)


def _place(part: str) -> str:
    """Return a network with its prefix length, a domain in lower-case A-labels, or REST."""
    if part == REST:
        return part
    try:
        return str(_unmapped(ip_network(part)))
    except ValueError:
        pass
    if part.startswith("*."):
        raise _wrong(part, f"has a needless *: {part[2:]} stands for all names below it as well")
    if "/" not in part and (name := _domain(part.strip("."))):
        return name
    raise _wrong(part, "is neither a network like 10.20.0.0/16 nor a domain like fra.example.com")


def _prefix(network: Network) -> _Prefix:
    bits = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
    return network.version, network.prefixlen, bits


def _unmapped(network: Network) -> Network:
    """Return the IPv4 network in an IPv4-mapped one, as shared.policy.addresses.plain does."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        address = IPv4Address(int(network.network_address) & 0xFFFFFFFF)
        return ip_network((address, network.prefixlen - _MAPPED.prefixlen))
    return network


def _domain(text: str) -> str:
    try:
        found = parse_endpoint(text)
    except Failed:
        return ""
    return found.host if str(found) == found.host and not is_address(found.host) else ""


def _is_site_name(name: str) -> bool:
    try:
        _NAME.validate_python(name)
    except ValidationError:
        return False
    return True


def _wrong(what: str, problem: str) -> ValueError:
    return ValueError(f"{printable(what, _LONGEST_QUOTED)}: {problem}")
