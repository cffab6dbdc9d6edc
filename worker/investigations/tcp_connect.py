"""Find out why none of a platform's addresses accepted a connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding
from shared.endpoint import Endpoint
from shared.policy.addresses import is_address
from worker.deadline import Deadline
from worker.dns.causes import ONLY_AAAA_NO_V6
from worker.tcp.address_guard import AddressGuard, AddressRefusedError
from worker.tcp.address_verdicts import verdicts_of, what_others_did
from worker.tcp.causes import (
    ADMIN_PROHIBITED,
    HOST_REJECTS,
    NO_NEIGHBOUR,
    NO_ROUTE,
    PROHIBITED_HERE,
    ROUTING_LOOP,
    TCP_REFUSED,
    TELLING_FIRST,
    TIMEOUT_FILTERED,
    VANTAGE_NO_IPV6,
)
from worker.tcp.connection import Connection, TargetAddress
from worker.tcp.egress import egress_towards
from worker.tcp.icmp import IcmpError, icmp_answer, is_forbidden_here, lacks_neighbour

ICMP_S = 0.5
SIBLING_S = 0.4
_NO_IPV6_HERE = ("ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT")
# RFC 792 and RFC 1812 5.2.7.1; RFC 4443 3.1. A closed port answers with RST, so "port unreachable"
# also comes from a firewall.
_REJECTED = {4: ((3, 3), (3, 9), (3, 10), (3, 13)), 6: ((1, 1), (1, 4), (1, 5), (1, 6))}
_TIME_EXCEEDED = {4: 11, 6: 3}


@dataclass(frozen=True, slots=True)
class Attempts:
    """How each address of an endpoint failed, and which other ports may be tried."""

    endpoint: Endpoint
    failures: Mapping[TargetAddress, Failed]
    guard: AddressGuard
    usual_ports: Sequence[int]
    untried_count: int = 0
    """How many more addresses the name has, for which there was no time."""


def most_telling(failures: Mapping[TargetAddress, Failed], untried_count: int = 0) -> Failed:
    """Return the most specific failure, with the others and the verdict on each address.

    `untried_count` more addresses were not tried.
    """
    ordered = sorted(failures.values(), key=lambda failed: TELLING_FIRST.index(failed.cause))
    first = ordered[0]
    by_cause = {failed.cause: failed.finding for failed in reversed(ordered)}
    others = [finding for cause, finding in reversed(by_cause.items()) if cause is not first.cause]
    verdicts: dict[str, Fact] = {"untried_count": untried_count} if untried_count else {}
    if len(failures) > 1:
        rest = {address: failed for address, failed in failures.items() if failed is not first}
        others_did = what_others_did(rest)
        verdicts = {**verdicts, **others_did, "verdicts": tuple(verdicts_of(failures))}
    return Failed(first.cause, *others, **{**first.finding.facts, **verdicts})


def why_not_connected(attempts: Attempts, deadline: Deadline) -> Failed:
    """Return why no address accepts, after investigating each of them."""
    cause = _without_ipv6(attempts)
    if cause:
        plain = most_telling(attempts.failures, attempts.untried_count)
        return Failed(cause, plain.finding, *plain.contributing, **plain.finding.facts)
    refined = {
        address: _refined(address, failed, attempts.guard, deadline)
        for address, failed in attempts.failures.items()
    }
    failed = most_telling(refined, attempts.untried_count)
    if failed.cause not in (TCP_REFUSED, TIMEOUT_FILTERED, ADMIN_PROHIBITED, HOST_REJECTS):
        return failed
    facts = {
        **failed.finding.facts,
        **_private(attempts.endpoint, failed),
        **_open_sibling(attempts, failed, deadline),
    }
    doubts = _doubts(attempts, deadline)
    return Failed(failed.cause, *failed.contributing, *doubts, **facts)


def _private(endpoint: Endpoint, failed: Failed) -> dict[str, Fact]:
    """Return the address if the name leads to a private one: others may reach it, and we not."""
    address = str(failed.finding.facts.get("address", ""))
    is_by_name = is_address(address) and not is_address(endpoint.host)
    is_private = is_by_name and ip_address(address).is_private
    return {"private": address} if is_private and not ip_address(address).is_loopback else {}


def _without_ipv6(attempts: Attempts) -> Cause | None:
    """Return a failure if all addresses are IPv6 and this service has no IPv6 at all."""
    for address, failed in attempts.failures.items():
        lacks_route = failed.finding.facts.get("error") in _NO_IPV6_HERE
        if address.ip.version == 4 or not lacks_route or egress_towards(str(address.ip)):
            return None
    return VANTAGE_NO_IPV6 if is_address(attempts.endpoint.host) else ONLY_AAAA_NO_V6


def _refined(
    address: TargetAddress, failed: Failed, guard: AddressGuard, deadline: Deadline
) -> Failed:
    """Return how one address failed, as far as the time allows to find out."""
    egress = egress_towards(str(address.ip))
    facts: dict[str, Fact] = {**failed.finding.facts, **({"egress": egress} if egress else {})}
    if address.ip.is_loopback:
        facts["loopback"] = str(address.ip)
    if deadline.is_over or failed.cause not in (
        TCP_REFUSED,
        NO_ROUTE,
        ADMIN_PROHIBITED,
        TIMEOUT_FILTERED,
    ):
        return Failed(failed.cause, **facts)
    if failed.cause is not TCP_REFUSED and lacks_neighbour(address.ip):
        return Failed(NO_NEIGHBOUR, **facts)
    if failed.cause is TIMEOUT_FILTERED:
        return Failed(TIMEOUT_FILTERED, **facts)
    if failed.cause is ADMIN_PROHIBITED and is_forbidden_here(address, guard):
        return Failed(PROHIBITED_HERE, **facts)
    icmp = icmp_answer(address, guard, deadline.at_most(ICMP_S))
    if icmp:
        said: dict[str, Fact] = {
            "sender": str(icmp.sender),
            "icmp_type": icmp.type,
            "icmp_code": icmp.code,
        }
        is_host = icmp.sender == address.ip and str(icmp.sender) != egress
        ours = str(icmp.sender) == egress
        cause = HOST_REJECTS if is_host else _cause_of(icmp, failed.cause, is_ours=ours)
        return Failed(cause, **facts, **said)
    return Failed(failed.cause, **facts)


def _cause_of(icmp: IcmpError, otherwise: Cause, *, is_ours: bool) -> Cause:
    version = icmp.sender.version
    if (icmp.type, icmp.code) in _REJECTED[version]:
        return PROHIBITED_HERE if is_ours else ADMIN_PROHIBITED
    if icmp.type == _TIME_EXCEEDED[version]:
        return ROUTING_LOOP
    # Our own kernel reports "host unreachable" if no machine answers for the address.
    return NO_NEIGHBOUR if is_ours and otherwise is NO_ROUTE else otherwise


def _open_sibling(attempts: Attempts, failed: Failed, deadline: Deadline) -> dict[str, Fact]:
    """Return a port of the product that accepts a connection, if its ports may be tried.

    The first of the usual ports is the API's, so only that one is recommended.
    """
    address = str(failed.finding.facts["address"])
    for port in attempts.usual_ports:
        if port == attempts.endpoint.port:
            continue
        with Connection(TargetAddress.parse(address, port), attempts.guard) as sibling:
            try:
                sibling.open(deadline.at_most(SIBLING_S))
            except (OSError, AddressRefusedError):  # closed, or must not be tested
                continue
            return {"open_port" if port == attempts.usual_ports[0] else "other_port": port}
    return {}


def _doubts(attempts: Attempts, deadline: Deadline) -> Sequence[Finding]:
    """Return findings that put in doubt whether these are the platform's addresses at all."""
    host = attempts.endpoint.host
    if deadline.is_over or is_address(host):
        return ()
    # Here, because dnspython takes 60 ms to load, and an address needs no name server.
    from worker.investigations.dns_lookup import wildcard

    found = wildcard(host, [str(address.ip) for address in attempts.failures], deadline)
    return (found,) if found else ()
