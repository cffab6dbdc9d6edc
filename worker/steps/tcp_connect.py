"""Open the TCP connection that all later steps use."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.endpoint import Endpoint
from worker.deadline import Deadline
from worker.investigations.investigator import Unexplained
from worker.investigations.tcp_connect import Attempts, most_telling, why_not_connected
from worker.tcp.address_guard import AddressGuard, AddressRefusedError
from worker.tcp.address_verdicts import Failures, dead_among, failure_of, warnings_of
from worker.tcp.causes import HIGH_RTT, SLOW_SYN_RETRANSMIT
from worker.tcp.connection import Connection, TargetAddress

PER_ADDRESS_S = 3.0
MOST_ADDRESSES = 6
SLOW_S = 0.5  # the first SYN is retransmitted after 1 s


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
            failures[address] = failure_of(endpoint, address, error, limit.waited_s)
        else:
            took_s = limit.passed_s
            tried = tuple(str(failed.ip) for failed in dead_among(failures))
            connection.failed_before = failures
            dead = warnings_of(failures, [address])
            doubts = [*_refused(failures), *dead, *_slow(connection, took_s)]
            return Passed(
                connection,
                *doubts,
                address=str(address.ip),
                egress=connection.egress,
                failed_addresses=tried,
            )
    untried = len(addresses) - len(failures)
    attempts = Attempts(endpoint, failures, guard.uncounted(), usual_ports, untried)
    raise Unexplained(most_telling(failures, untried), partial(why_not_connected, attempts))


def _refused(failures: Failures) -> Iterator[Finding]:
    """Yield that an address was not tried, because a policy refuses it; the first is enough."""
    refused = [failed for failed in failures.values() if failed.cause.is_policy]
    for failed in refused[:1]:
        yield Finding(replace(failed.cause, severity="warning"), failed.finding.facts)


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
