"""Open the TCP connection that all later steps use."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from time import monotonic

from shared.endpoint import Endpoint
from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from worker.tcp.address_guard import AddressGuard, AddressRefusedError
from worker.tcp.connection import Connection, TargetAddress
from worker.deadline import Deadline
from worker.investigations.investigator import Unexplained
from worker.tcp.causes import (
    BLACKHOLE,
    EXHAUSTED,
    HIGH_RTT,
    NO_ANSWER,
    NO_ROUTE,
    PARTIAL,
    PROHIBITED,
    REFUSED,
    RESET,
    SYN_LOST,
    UNEXPECTED,
    V4_FAILS,
    V6_FAILS,
)
from worker.investigations.tcp_connect import Attempts, most_telling, verdicts_of, why_not_connected

PER_ADDRESS_S = 3.0
MOST_ADDRESSES = 6
SLOW_S = 0.5  # the first packet is sent again after 1 s

_CAUSE_BY_ERRNO = {
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: RESET,
    errno.EACCES: PROHIBITED,
    errno.EPERM: PROHIBITED,
    errno.EHOSTUNREACH: NO_ROUTE,
    errno.ENETUNREACH: NO_ROUTE,
    errno.EINVAL: BLACKHOLE,
    errno.ETIMEDOUT: NO_ANSWER,
    errno.EADDRNOTAVAIL: EXHAUSTED,
    errno.EMFILE: EXHAUSTED,
    errno.ENFILE: EXHAUSTED,
    errno.ENOBUFS: EXHAUSTED,
}


def tcp_connect(
    endpoint: Endpoint,
    addresses: Sequence[TargetAddress],
    guard: AddressGuard,
    deadline: Deadline,
    usual_ports: Sequence[int] = (),
) -> Passed[Connection]:
    """Return a connection to the first of `addresses` that accepts one.

    The addresses are tried one after another, MOST_ADDRESSES at most, each for PER_ADDRESS_S
    seconds and never past `deadline`. `guard` is asked about each when its socket is opened.
    `usual_ports` are tried by the investigation alone, where `guard` allows it.

    Raises:
        Failed: with the most telling of the causes that the addresses failed with.
    """
    failures: dict[TargetAddress, Failed] = {}
    for address in addresses[:MOST_ADDRESSES]:
        connection, limit = Connection(address, guard), deadline.at_most(PER_ADDRESS_S)
        if failures and limit.is_over:
            break
        try:
            connection.open(limit)
        except (OSError, AddressRefusedError) as error:
            failures[address] = _failure(endpoint, address, error, limit.waited_s)
        else:
            took_s = monotonic() - limit.since_s
            tried = tuple(str(failed.ip) for failed in failures)
            doubts = [*_dead(failures, address), *_slow(connection, took_s)]
            return Passed(connection, *doubts, address=str(address.ip), failed_addresses=tried)
    attempts = Attempts(endpoint, failures, guard.uncounted(), usual_ports)
    raise Unexplained(most_telling(failures), partial(why_not_connected, attempts))


def _failure(
    endpoint: Endpoint,
    address: TargetAddress,
    error: OSError | AddressRefusedError,
    waited_s: float,
) -> Failed:
    shown = str(address.ip)
    where = shown if endpoint.host == shown else f"{endpoint.server_name} ({shown})"
    if isinstance(error, AddressRefusedError):
        return Failed(error.failed.cause, where=where, **error.failed.finding.facts)
    code = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno or 0
    name = errno.errorcode.get(code, type(error).__name__)
    cause = _CAUSE_BY_ERRNO.get(code, UNEXPECTED)
    if code == errno.EADDRNOTAVAIL and address.ip.version == 6:
        cause = NO_ROUTE  # IPv6 is switched off here
    return Failed(cause, where=where, address=shown, error=name, waited_s=waited_s)


def _dead(failures: Mapping[TargetAddress, Failed], works: TargetAddress) -> Iterator[Finding]:
    """Give what is wrong with the addresses that were tried before the one that works."""
    # That this service has no IPv6 itself is nobody's fault there.
    dead = {a: f for a, f in failures.items() if not (a.ip.version == 6 and f.cause is NO_ROUTE)}
    if not dead:
        return
    facts: dict[str, Fact] = {
        "failed": tuple(verdicts_of(dead)),
        "failed_addresses": tuple(str(address.ip) for address in dead),
        "failed_count": len(dead),
        "tried_count": len(dead) + 1,
    }
    families = {address.ip.version for address in dead}
    if works.ip.version in families:
        yield Finding(PARTIAL, facts)
    else:
        yield Finding(V6_FAILS if works.ip.version == 4 else V4_FAILS, facts)


def _slow(connection: Connection, took_s: float) -> Iterator[Finding]:
    """Give why it took long to connect; nothing where the network was not the reason."""
    if took_s < SLOW_S:
        return
    path, address = connection.path(), str(connection.target.ip)
    if path.retransmitted:
        retransmitted = path.retransmitted
        yield Finding(
            SYN_LOST,
            {"address": address, "took_s": round(took_s, 1), "retransmitted": retransmitted},
        )
    elif path.rtt_ms >= SLOW_S * 1000:
        yield Finding(HIGH_RTT, {"address": address, "rtt_ms": path.rtt_ms})
