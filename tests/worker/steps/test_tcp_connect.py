import resource
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_network

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Passed
from shared.endpoint import Endpoint
from tests.network.far_host import ADDRESS, far_host
from tests.network.loopback import KNOWN, LOOPBACK_ALLOWED, NAME, failure_to, said, soon
from tests.network.namespaces import filter_packets, in_own_network
from tests.network.servers import full_backlog, hold, serving
from worker.deadline import Deadline
from worker.steps.tcp_connect import MOST_ADDRESSES, PER_ADDRESS_S, tcp_connect
from worker.tcp.address_guard import ADDRESS_BLOCKED, AddressGuard
from worker.tcp.causes import (
    BLACKHOLE_ROUTE,
    HIGH_RTT,
    LOCAL_EXHAUSTION,
    NO_ROUTE_HERE,
    PARTIAL_BACKENDS,
    PROHIBITED_HERE,
    SLOW_SYN_RETRANSMIT,
    TCP_REFUSED,
    TIMEOUT_FILTERED,
    V4_FAILS_V6_OK,
    V6_FAILS_V4_OK,
)
from worker.tcp.connection import Connection, TargetAddress

DEFAULT_POLICY = PRIVATE_ALLOWED = AddressGuard()
BROADCAST_ALLOWED = AddressGuard([ip_network("255.255.255.255/32")])
OTHER_LOOPBACK = "127.0.0.2"  # where nothing listens


def connect(
    port: int,
    *ips: str,
    guard: AddressGuard = LOOPBACK_ALLOWED,
    host: str = NAME,
    deadline: Deadline | None = None,
) -> Passed[Connection]:
    addresses = [TargetAddress.parse(ip, port) for ip in ips]
    return tcp_connect(Endpoint(host, port, "http"), addresses, guard, deadline or soon())


@contextmanager
def unused_port() -> Iterator[int]:
    """Give a port of loopback on which nobody listens, and nobody will."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_an_address_that_accepts_is_connected_to() -> None:
    """The later steps use this very connection."""
    with serving(hold) as server, connect(server.port, "127.0.0.1").value as connection:
        assert connection.is_idle
        assert connection.target == TargetAddress.parse("127.0.0.1", server.port)
        assert server.count_connections() == 1


def test_a_dead_first_address_does_not_hide_a_live_second() -> None:
    """A name with two A records is usable while one of them works."""
    with serving(hold) as server:
        passed = connect(server.port, OTHER_LOOPBACK, "127.0.0.1")
        passed.value.close()

    assert passed.facts["address"] == "127.0.0.1"
    assert passed.facts["failed_addresses"] == (OTHER_LOOPBACK,)


def test_the_addresses_after_a_live_one_are_left_alone() -> None:
    """The platform's other node need not see a connection for nothing."""
    with serving(hold) as server:
        passed = connect(server.port, "127.0.0.1", OTHER_LOOPBACK)
        passed.value.close()

    assert passed.facts["failed_addresses"] == ()


def test_ipv6_is_connected_to() -> None:
    """An AAAA record is as good as an A record."""
    with serving(hold, host="::1") as server:
        passed = connect(server.port, "::1")
        passed.value.close()

    assert passed.facts["address"] == "::1"


def test_a_closed_port_is_refused() -> None:
    """The host is up and says that nobody listens there."""
    with unused_port() as port:
        failed = failure_to(lambda: connect(port, "127.0.0.1"))

    assert failed.cause is TCP_REFUSED
    assert failed.finding.facts["address"] == "127.0.0.1"
    assert failed.finding.facts["error"] == "ECONNREFUSED"
    assert f"{NAME} (127.0.0.1) refused" in said(failed)


def test_an_address_as_endpoint_is_said_once() -> None:
    """Nobody needs to read that 127.0.0.1 is 127.0.0.1."""
    with unused_port() as port:
        failed = failure_to(lambda: connect(port, "127.0.0.1", host="127.0.0.1"))

    assert said(failed).startswith("127.0.0.1 refused")


def test_a_port_that_does_not_answer_times_out() -> None:
    """A firewall that drops is asked about differently from a service that is down."""
    with full_backlog() as port:
        failed = failure_to(lambda: connect(port, "127.0.0.1", deadline=Deadline.after(0.4)))

    assert failed.cause is TIMEOUT_FILTERED
    waited_s = failed.finding.facts["waited_s"]
    assert isinstance(waited_s, float)
    assert 0.4 <= waited_s < PER_ADDRESS_S


def test_what_the_guard_refuses_is_blocked_and_sees_no_connection() -> None:
    """The result must not tell whether a port of our own host is open (Harbor CVE-2020-13788)."""
    with serving(hold) as server:
        failed = failure_to(lambda: connect(server.port, "127.0.0.1", guard=DEFAULT_POLICY))

        assert failed.cause is ADDRESS_BLOCKED
        assert failed.finding.facts["kind"] == "loopback"
        assert server.count_connections() == 0


def test_a_refused_address_does_not_hide_an_allowed_one() -> None:
    """Each address of a mixed answer is judged by itself."""
    with serving(hold) as server:
        passed = connect(server.port, "169.254.169.254", "127.0.0.1")
        passed.value.close()

    assert passed.facts["address"] == "127.0.0.1"
    assert passed.facts["failed_addresses"] == ()
    (warning,) = passed.warnings
    assert warning.cause.code == ADDRESS_BLOCKED.code
    assert "169.254.169.254" not in " ".join(warning.remedies(KNOWN))


def test_where_all_addresses_are_refused_it_is_the_policy() -> None:
    """A policy must never look like a fault of the network."""
    failed = failure_to(
        lambda: connect(80, "169.254.169.254", "127.0.0.1", "::1", guard=DEFAULT_POLICY)
    )

    assert failed.cause is ADDRESS_BLOCKED
    assert failed.finding.facts["address"] == "169.254.169.254"


@pytest.mark.parametrize("ips", [("169.254.169.254", "127.0.0.1"), ("127.0.0.1", "169.254.1.1")])
def test_what_the_network_did_is_told_before_what_the_policy_did(ips: Sequence[str]) -> None:
    """The address that was tried is the one that the caller can do something about."""
    with unused_port() as port:
        failed = failure_to(lambda: connect(port, *ips))

    assert failed.cause is TCP_REFUSED


def test_an_answer_is_told_before_a_silence() -> None:
    """A refusal proves that the network is right and the port is wrong."""
    with full_backlog() as port:
        failed = failure_to(
            lambda: connect(port, OTHER_LOOPBACK, "127.0.0.1", deadline=Deadline.after(0.3))
        )

    assert failed.cause is TCP_REFUSED
    assert failed.finding.facts["address"] == OTHER_LOOPBACK


def test_of_endless_addresses_a_handful_is_tried() -> None:
    """A hostile DNS answer with a thousand addresses must not become a thousand connections."""
    with serving(hold) as server:
        dead = [f"127.0.0.{number}" for number in range(2, 2 + MOST_ADDRESSES)]
        failed = failure_to(lambda: connect(server.port, *dead, "127.0.0.1"))

        assert failed.cause is TCP_REFUSED
        assert "refused by 127.0.0.3, 127.0.0.4" in said(failed)
        assert "1 more was not tried" in said(failed)
        assert server.count_connections() == 0


def test_a_broadcast_address_has_no_route() -> None:
    """TCP goes to one host."""
    failed = failure_to(lambda: connect(80, "255.255.255.255", guard=BROADCAST_ALLOWED))

    assert failed.cause is NO_ROUTE_HERE


@pytest.mark.parametrize(
    ("route", "cause", "error"),
    [
        ("route add unreachable 10.9.9.9", NO_ROUTE_HERE, "EHOSTUNREACH"),
        ("route add blackhole 10.9.9.9", BLACKHOLE_ROUTE, "EINVAL"),
        ("link show", NO_ROUTE_HERE, "ENETUNREACH"),
        ("route add prohibit 10.9.9.9", PROHIBITED_HERE, "EACCES"),
    ],
)
def test_the_kind_of_route_decides_the_cause(route: str, cause: Cause, error: str) -> None:
    """A missing route and a rule that forbids are mended differently, and both are ours."""
    failed = failure_to(lambda: in_own_network(lambda: connect(80, "10.9.9.9"), route))

    assert failed.cause is cause
    assert failed.finding.facts["error"] == error


@pytest.mark.parametrize("command", ["link show", "link set lo down"])
def test_a_worker_without_ipv6_has_no_route_and_is_not_exhausted(command: str) -> None:
    """The same error number tells over IPv4 that all ports are taken, which would be our fault."""
    failed = failure_to(lambda: in_own_network(lambda: connect(80, "fd00::7"), command))

    assert failed.cause is NO_ROUTE_HERE
    assert failed.finding.facts["error"] in ("EADDRNOTAVAIL", "ENETUNREACH")


def test_a_worker_without_descriptors_blames_itself() -> None:
    """The platform has nothing to do with it, and the next minute may be better."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    failures: list[Failed] = []
    with serving(hold) as server:
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            connect(server.port, "127.0.0.1")
        except Failed as failed:
            failures.append(failed)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert failures[0].cause is LOCAL_EXHAUSTION
    assert "EMFILE" in said(failures[0])


def warnings_of(passed: Passed[Connection]) -> list[Cause]:
    """Return the causes of the warnings, each of which can be said."""
    passed.value.close()
    assert all("{" not in warning.summary(KNOWN) for warning in passed.warnings)
    return [warning.cause for warning in passed.warnings]


def test_a_dead_address_before_a_live_one_is_a_warning() -> None:
    """Other clients may choose the dead one."""
    with serving(hold) as server:
        passed = connect(server.port, OTHER_LOOPBACK, "127.0.0.3", "127.0.0.1")

    assert warnings_of(passed) == [PARTIAL_BACKENDS]
    assert passed.warnings[0].facts["failed"] == ("127.0.0.2 refused", "127.0.0.3 refused")
    assert passed.warnings[0].summary(KNOWN) == (
        f"1 of 3 addresses of {NAME} accept connections on port 8443; "
        "refused by 127.0.0.2, 127.0.0.3"
    )


@pytest.mark.parametrize(
    ("dead", "works", "cause"),
    [("::1", "127.0.0.1", V6_FAILS_V4_OK), ("127.0.0.1", "::1", V4_FAILS_V6_OK)],
)
def test_a_family_that_fails_is_told_as_such(dead: str, works: str, cause: Cause) -> None:
    """A platform that listens on one family alone has one record too many."""
    with serving(hold, host=works) as server:
        passed = connect(server.port, dead, works)

    assert warnings_of(passed) == [cause]


def test_that_we_have_no_ipv6_is_no_warning() -> None:
    """It is nobody's fault at the platform."""

    def act() -> list[Cause]:
        with serving(hold) as server:
            return warnings_of(connect(server.port, "fd00::7", "127.0.0.1"))

    assert in_own_network(act) == []


def test_a_healthy_connection_has_no_warning() -> None:
    """And nothing but its own packets was sent for it."""
    with serving(hold) as server:
        assert warnings_of(connect(server.port, "127.0.0.1")) == []
        assert server.count_connections() == 1


def test_a_lost_first_packet_is_a_warning() -> None:
    """A second of every connection is lost with it."""

    def act() -> Passed[Connection]:
        rule = "tcp flags syn limit rate 1/hour burst 1 packets drop"
        filter_packets("input", rule)
        with serving(hold) as server:
            return connect(server.port, "127.0.0.1")

    passed = in_own_network(act)

    assert warnings_of(passed) == [SLOW_SYN_RETRANSMIT]
    assert passed.warnings[0].facts["retransmitted"] == 1


def test_a_long_way_is_a_warning_and_no_loss() -> None:
    """The kernel has measured the way, so a busy worker is not taken for a slow network."""

    def act() -> Passed[Connection]:
        with far_host(delay_s=0.6):
            return connect(8080, ADDRESS, guard=PRIVATE_ALLOWED)

    passed = in_own_network(act)

    assert warnings_of(passed) == [HIGH_RTT]
    assert 600 <= int(str(passed.warnings[0].facts["rtt_ms"])) < 1000


def test_addresses_that_there_is_no_time_for_have_no_verdict() -> None:
    """That an address did not answer within 0 s would be a lie."""
    with full_backlog() as port:
        failed = failure_to(
            lambda: connect(port, "127.0.0.1", OTHER_LOOPBACK, deadline=Deadline.after(0.2))
        )

    assert "verdicts" not in failed.finding.facts


def test_of_addresses_that_fail_differently_each_is_told() -> None:
    """The cause is one of them; the others contribute."""
    with unused_port() as port:
        failed = failure_to(lambda: connect(port, "169.254.169.254", "127.0.0.1"))

    assert [finding.cause for finding in failed.findings] == [TCP_REFUSED, ADDRESS_BLOCKED]
    assert failed.finding.facts["verdicts"] == (
        "169.254.169.254 address_blocked",
        "127.0.0.1 refused",
    )
