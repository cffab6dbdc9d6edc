"""Open the TCP connection that all later steps use."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic

from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from shared.endpoint import Endpoint
from worker.deadline import Deadline
from worker.investigations.investigator import Unexplained
from worker.investigations.tcp_connect import Attempts, most_telling, verdicts_of, why_not_connected
from worker.tcp.address_guard import AddressGuard, AddressRefusedError
from worker.tcp.causes import (
    ADMIN_PROHIBITED,
    BLACKHOLE_ROUTE,
    HIGH_RTT,
    LOCAL_EXHAUSTION,
    NO_ROUTE,
    PARTIAL_BACKENDS,
    RESET_ON_CONNECT,
    SLOW_SYN_RETRANSMIT,
    TCP_FAILED,
    TCP_REFUSED,
    TIMEOUT_FILTERED,
    V4_FAILS_V6_OK,
    V6_FAILS_V4_OK,
)
from worker.tcp.connection import Connection, TargetAddress

PER_ADDRESS_S = 3.0
MOST_ADDRESSES = 6
SLOW_S = 0.5  # the first SYN is retransmitted after 1 s

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
    errno.EMFILE: LOCAL_EXHAUSTION,
    errno.ENFILE: LOCAL_EXHAUSTION,
    errno.ENOBUFS: LOCAL_EXHAUSTION,
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
    seconds and never past `deadline`. `guard` checks each address when its socket is opened. Only
    the investigation tries `usual_ports`, if `guard` allows them.

    Raises:
        Failed: with the most specific of the causes that the addresses failed with.
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
            return Passed(
                connection,
                *doubts,
                address=str(address.ip),
                egress=connection.egress,
                failed_addresses=tried,
            )
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
    cause = _CAUSE_BY_ERRNO.get(code, TCP_FAILED)
    if code == errno.EADDRNOTAVAIL and address.ip.version == 6:
        cause = NO_ROUTE  # IPv6 is disabled on this machine
    return Failed(cause, where=where, address=shown, error=name, waited_s=waited_s)


def _dead(failures: Mapping[TargetAddress, Failed], works: TargetAddress) -> Iterator[Finding]:
    """Yield what is wrong with the addresses that were tried before the one that works."""
    # If this service itself has no IPv6, the platform is not to blame.
    dead = {a: f for a, f in failures.items() if not (a.ip.version == 6 and f.cause is NO_ROUTE)}
    # One that we refuse was not tried, and nobody is advised to open the way to it.
    refused = [failed for failed in dead.values() if failed.cause.is_policy]
    for failed in refused[:1]:
        yield Finding(replace(failed.cause, severity="warning"), failed.finding.facts)
    dead = {a: f for a, f in dead.items() if not f.cause.is_policy}
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
        yield Finding(PARTIAL_BACKENDS, facts)
    else:
        yield Finding(V6_FAILS_V4_OK if works.ip.version == 4 else V4_FAILS_V6_OK, facts)


def _slow(connection: Connection, took_s: float) -> Iterator[Finding]:
    """Yield why connecting took long; nothing if the network was not the reason."""
    if took_s < SLOW_S:
        return
    path, address = connection.path(), str(connection.target.ip)
    if path.retransmitted:
        retransmitted = path.retransmitted
        yield Finding(
            SLOW_SYN_RETRANSMIT,
            {"address": address, "took_s": round(took_s, 1), "retransmitted": retransmitted},
        )
    elif path.rtt_ms >= SLOW_S * 1000:
        yield Finding(HIGH_RTT, {"address": address, "rtt_ms": path.rtt_ms})
