"""Compare the addresses that the host's name has for each site."""

from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address, ip_address

from shared.comparison.causes import NAMES_DIFFER
from shared.comparison.difference import Difference, Side, listed, names
from shared.comparison.grouping import overlapping
from shared.comparison.seen import Seen, codes_of
from shared.diagnosis.outcomes import Fact, Finding
from shared.policy.addresses import NAT64, carried, is_address, plain

_FROM_HOSTS_FILE = "dns.hosts_override"


def names_compared(sites: Sequence[Seen]) -> Iterator[Difference]:
    """Yield that sites were given addresses of which none is another site's.

    Name servers rotate long lists and leave some of them out: where answers overlap, nothing is
    proven. An address of NAT64 is the IPv4 address in it.
    """
    asked = [one for one in sites if _addresses(one)]
    sets = [frozenset(map(_real, _addresses(one))) for one in asked]
    groups = [[asked[number] for number in numbers] for numbers in overlapping(sets)]
    if len(groups) < 2:
        return
    first, *others = groups
    rest = [one for group in others for one in group]
    facts: dict[str, Fact] = {
        "sites": names(first),
        "others": names(rest),
        "where": listed({" ".join(_all_of(group)): group for group in groups}),
    }
    inside = [text for group in groups for text in _all_of(group) if _is_internal(text)]
    if inside and len(inside) < sum(len(_all_of(group)) for group in groups):
        facts["internal"] = tuple(inside)
    if by_file := [one for one in asked if _is_from_hosts_file(one)]:
        facts["hosts_file"] = names(by_file)
    sides = tuple(Side(names(group), {"addresses": _all_of(group)}) for group in groups)
    yield Difference(Finding(NAMES_DIFFER, facts), "dns_lookup", sides)


def _addresses(site: Seen) -> tuple[str, ...]:
    found = site.passed("dns_lookup")
    addresses = found.evidence.get("addresses") if found else None
    return tuple(filter(is_address, addresses)) if isinstance(addresses, tuple | list) else ()


def _all_of(group: Sequence[Seen]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for one in group for text in _addresses(one)))


def _real(text: str) -> str:
    address = plain(ip_address(text))
    if isinstance(address, IPv6Address) and address in NAT64:
        return str(next(carried(address)))
    return str(address)


def _is_internal(text: str) -> bool:
    return ip_address(_real(text)).is_private


def _is_from_hosts_file(site: Seen) -> bool:
    found = site.passed("dns_lookup")
    return found is not None and _FROM_HOSTS_FILE in codes_of(found)
