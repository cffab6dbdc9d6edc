"""Decide whether an address may be connected to, at the moment of connecting.

The table is our own: `ipaddress.is_global` calls multicast, 6to4, NAT64 and Azure's wire server
global, and changes between patch releases of Python.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from shared.target_policy import UNLIMITED, TargetPolicy

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Private networks (RFC 1918, RFC 4193) are not in it: they are where the platforms live.
# The first network that holds an address names it, so the particular ones come first.
_REFUSED: Sequence[tuple[str, Sequence[str]]] = (
    ("cloud metadata", ("168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")),
    ("cloud metadata", ("169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32")),
    ("cloud metadata", ("fd00:ec2::254/128", "fd20:ce::254/128")),
    ("unspecified", ("0.0.0.0/8", "::/128")),
    ("loopback", ("127.0.0.0/8", "::1/128")),
    ("link-local", ("169.254.0.0/16", "fe80::/10")),
    ("shared (carrier-grade NAT)", ("100.64.0.0/10",)),
    ("multicast", ("224.0.0.0/4", "ff00::/8")),
    ("broadcast", ("255.255.255.255/32",)),
    ("documentation", ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")),
    ("documentation", ("2001:db8::/32", "3fff::/20")),
    ("benchmarking", ("198.18.0.0/15", "2001:2::/48")),
    ("reserved", ("192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4")),
    # Tunnels and translators carry an IPv4 address past a rule that was made for IPv4.
    ("translated", ("::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")),
    ("reserved", ("100::/64", "2001::/23", "5f00::/16", "fec0::/10")),
)  # fmt: skip
_TABLE = tuple((name, ip_network(text)) for name, texts in _REFUSED for text in texts)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_UNICAST = (IPv6Network("2000::/3"), IPv6Network("fc00::/7"), _NAT64)
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214 6.1: the upper half of an interface identifier


def plain(address: Address) -> Address:
    """Return the IPv4 address that an IPv4-mapped one (RFC 4291 2.5.5.2) stands for."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class AddressGuard:
    """The policy: what is refused unless the operator allows it by name."""

    def __init__(self, allowed: Sequence[Network] = (), policy: TargetPolicy = UNLIMITED) -> None:
        self._allowed = tuple(allowed)
        self._policy = policy

    def narrowed_to(self, policy: TargetPolicy) -> "AddressGuard":
        """Return a guard that refuses what `policy` does not allow as well."""
        return AddressGuard(self._allowed, policy)

    def allows_port(self, port: int) -> bool:
        """Return whether the caller may have `port` tested beside the one that was asked for."""
        return self._policy.allows_port(port)

    def refusal(self, address: Address) -> str | None:
        """Return what kind of address this is if it is refused, else None."""
        address = plain(address)
        if not self._policy.allows(address):
            return "forbidden"
        if _is_in(address, self._allowed):
            return None
        for inner in _carried(address):
            if not _is_in(inner, self._allowed) and (name := _name(inner)):
                return name
        return _name(address)


def _name(address: Address) -> str | None:
    for name, network in _TABLE:
        if address.version == network.version and address in network:
            return name
    if isinstance(address, IPv6Address) and not _is_in(address, _UNICAST):
        return "reserved"
    return None


def _is_in(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == n.version and address in n for n in networks)


def _carried(address: Address) -> Iterator[IPv4Address]:
    """Give the IPv4 addresses that packets to `address` may be taken to."""
    if not isinstance(address, IPv6Address):
        return
    lower = int(address) & 0xFFFFFFFF
    if address in _NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(lower)
