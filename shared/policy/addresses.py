"""Find the IPv4 addresses that an address embeds, in every known notation."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

COMPATIBLE = IPv6Network("::/96")  # RFC 4291 2.5.5.1
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")  # RFC 8215
TEREDO = IPv6Network("2001::/32")  # RFC 4380
SIX_TO_FOUR = IPv6Network("2002::/16")  # RFC 3056
_ISATAP = (0x00005EFE, 0x02005EFE)  # RFC 5214 6.1: the upper half of an interface identifier
_ALL_ONES = 0xFFFFFFFF


def is_address(host: str) -> bool:
    """Return whether `host` is an address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def plain(address: Address) -> Address:
    """Return the IPv4 address in an IPv4-mapped one (RFC 4291 2.5.5.2); others are unchanged."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    """Return whether one of `networks` contains `address`."""
    return any(address.version == n.version and address in n for n in networks)


def carried(address: Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that packets to `address` may be sent on to."""
    if not isinstance(address, IPv6Address):
        return
    bits = int(address)
    lowest = bits & _ALL_ONES
    is_compatible = address in COMPATIBLE and lowest >> 24  # but not :: and ::1
    if address in NAT64 or is_compatible or (bits >> 32) & _ALL_ONES in _ISATAP:
        yield IPv4Address(lowest)
    elif address in LOCAL_NAT64:
        yield from _translated(bits)
    elif address in TEREDO:  # the server, and the client behind its NAT, inverted
        yield IPv4Address((bits >> 64) & _ALL_ONES)
        yield IPv4Address(lowest ^ _ALL_ONES)
    elif address in SIX_TO_FOUR:
        yield IPv4Address((bits >> 80) & _ALL_ONES)


def _translated(bits: int) -> Iterator[IPv4Address]:
    """Yield what RFC 6052 2.2 can embed below 64:ff9b:1::/48, for every prefix length.

    Bits 64 to 71 are not part of the address around them. An address that begins with zeros is the
    padding of another prefix length.
    """
    without_u = (bits >> 64 << 56) | (bits & (1 << 56) - 1)
    found = [without_u >> (88 - prefix) for prefix in (48, 56, 64)]
    for address in (bits, *found):  # the first is for a /96
        if (address & _ALL_ONES) >> 24:
            yield IPv4Address(address & _ALL_ONES)
