"""Say what each address of a name did, so that no address is called dead that was not tried."""

import errno
from collections.abc import Iterator, Mapping, Sequence

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding
from shared.endpoint import Endpoint
from worker.tcp.address_guard import AddressRefusedError
from worker.tcp.causes import (
    ADMIN_PROHIBITED,
    BLACKHOLE_ROUTE,
    LOCAL_EXHAUSTION,
    NO_NEIGHBOUR,
    NO_ROUTE,
    NO_ROUTE_HERE,
    PARTIAL_BACKENDS,
    PROHIBITED_HERE,
    RESET_ON_CONNECT,
    TCP_FAILED,
    TCP_REFUSED,
    TIMEOUT_FILTERED,
    V4_FAILS_V6_OK,
    V6_FAILS_V4_OK,
)
from worker.tcp.connection import TargetAddress
from worker.tcp.egress import egress_towards

Failures = Mapping[TargetAddress, Failed]

_CAUSE_BY_ERRNO = {
    errno.ECONNREFUSED: TCP_REFUSED,
    errno.ECONNRESET: RESET_ON_CONNECT,
    errno.EACCES: ADMIN_PROHIBITED,
    errno.EPERM: ADMIN_PROHIBITED,
    errno.EHOSTUNREACH: NO_ROUTE,
    errno.ENETUNREACH: NO_ROUTE,
    errno.EINVAL: BLACKHOLE_ROUTE,
    errno.ETIMEDOUT: TIMEOUT_FILTERED,
    errno.EADDRNOTAVAIL: LOCAL_EXHAUSTION,
    errno.EAFNOSUPPORT: NO_ROUTE,
    errno.EMFILE: LOCAL_EXHAUSTION,
    errno.ENFILE: LOCAL_EXHAUSTION,
    errno.ENOBUFS: LOCAL_EXHAUSTION,
}
_HERE: Mapping[Cause, Cause] = {NO_ROUTE: NO_ROUTE_HERE, ADMIN_PROHIBITED: PROHIBITED_HERE}
_GROUPS: Mapping[Cause, str] = {
    TCP_REFUSED: "refusing",
    TIMEOUT_FILTERED: "silent",
    NO_NEIGHBOUR: "silent",
    NO_ROUTE: "unrouted",
}
_OURS = (NO_ROUTE_HERE, PROHIBITED_HERE, BLACKHOLE_ROUTE, LOCAL_EXHAUSTION)
"""What is wrong with this machine: the address was not tested."""
_FAMILIES = {4: "IPv4", 6: "IPv6"}
MOST_SHOWN = 8  # addresses in a sentence


def failure_of(
    endpoint: Endpoint,
    address: TargetAddress,
    error: OSError | AddressRefusedError,
    waited_s: float,
) -> Failed:
    """Return how `address` failed with `error` after `waited_s` seconds."""
    shown = str(address.ip)
    where = shown if endpoint.host == shown else f"{endpoint.server_name} ({shown})"
    if isinstance(error, AddressRefusedError):
        return Failed(error.failed.cause, where=where, **error.failed.finding.facts)
    code = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno or 0
    name = errno.errorcode.get(code, type(error).__name__)
    cause = _CAUSE_BY_ERRNO.get(code, TCP_FAILED)
    if code == errno.EADDRNOTAVAIL and address.ip.version == 6:
        cause = NO_ROUTE  # IPv6 is disabled on this machine
    if cause in _HERE and egress_towards(shown) is None:  # no router was asked, either
        cause = _HERE[cause]
    return Failed(cause, where=where, address=shown, error=name, waited_s=waited_s)


def verdicts_of(failures: Failures) -> Iterator[str]:
    """Return the cause of each address in one word."""
    for address, failed in failures.items():
        yield f"{address.ip} {failed.cause.code.partition('.')[2]}"


def what_others_did(failures: Failures) -> dict[str, Fact]:
    """Return the addresses by what they did: refusing, silent, unrouted, otherwise, untested."""
    groups: dict[str, list[str]] = {}
    for address, failed in failures.items():
        groups.setdefault(_group_of(address, failed), []).append(str(address.ip))
    return {name: tuple(shown[:MOST_SHOWN]) for name, shown in groups.items()}


def dead_among(failures: Failures) -> dict[TargetAddress, Failed]:
    """Return the failures of addresses that were tried, and not kept from it by us."""
    return {address: failed for address, failed in failures.items() if not _is_untested(failed)}


def _is_untested(failed: Failed) -> bool:
    """Return whether a policy or this machine kept the first packet from being sent."""
    return failed.cause.is_policy or failed.cause in _OURS


def _group_of(address: TargetAddress, failed: Failed) -> str:
    if address.ip.version == 6 and failed.cause is NO_ROUTE_HERE:
        return "without_ipv6"
    return "untested" if _is_untested(failed) else _GROUPS.get(failed.cause, "otherwise")


def warnings_of(failures: Failures, accepting: Sequence[TargetAddress]) -> Iterator[Finding]:
    """Yield what is wrong with the addresses that fail beside those that accept, by family."""
    versions = {one.ip.version for one in (*failures, *accepting)}
    for version in sorted(versions):
        mine = {a: f for a, f in failures.items() if a.ip.version == version}
        dead = dead_among(mine)
        if not dead:
            continue
        working = [one for one in accepting if one.ip.version == version]
        facts: dict[str, Fact] = {
            **what_others_did(mine),
            "failed": tuple(verdicts_of(dead)),
            "failed_addresses": tuple(str(address.ip) for address in dead),
            "accepted_count": len(working),
            "tried_count": len(dead) + len(working),
        }
        if len(versions) > 1:
            facts["family"] = _FAMILIES[version]
        apart = V4_FAILS_V6_OK if version == 4 else V6_FAILS_V4_OK
        yield Finding(PARTIAL_BACKENDS if working else apart, facts)
