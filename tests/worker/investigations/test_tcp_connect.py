from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint
from shared.policy.target_policy import TargetPolicy
from tests.network.loopback import LOOPBACK_ALLOWED, NAME, failure_to, looked_into, said
from tests.network.name_server import knowing, resolving
from tests.network.namespaces import filter_packets, in_own_network, router
from tests.network.servers import full_backlog, hold, serving
from worker.deadline import Cancellation, Deadline
from worker.dns.causes import ONLY_AAAA_NO_V6, WILDCARD
from worker.investigations.investigator import Investigator
from worker.steps.tcp_connect import tcp_connect
from worker.tcp.address_guard import AddressGuard
from worker.tcp.causes import (
    ADMIN_PROHIBITED,
    BLACKHOLE_ROUTE,
    HOST_REJECTS,
    NO_NEIGHBOUR,
    NO_ROUTE,
    NO_ROUTE_HERE,
    PROHIBITED_HERE,
    ROUTING_LOOP,
    TCP_REFUSED,
    TIMEOUT_FILTERED,
    VANTAGE_NO_IPV6,
)
from worker.tcp.connection import TargetAddress

THERE, THERE_V6 = "10.40.0.7", "fd40::7"
BEYOND = (
    *("link add on type veth peer name off", "link set on up", "link set off up"),
    *("route add 10.40.0.0/16 dev on", "route add fd40::/16 dev on"),
)


def why(
    *ips: str,
    port: int = 8080,
    host: str = NAME,
    guard: AddressGuard = LOOPBACK_ALLOWED,
    usual_ports: Sequence[int] = (),
    seconds: float = 10,
) -> Failed:
    """Return why none of the addresses accepts a connection."""
    return looked_into(
        lambda: attempt(
            *ips, port=port, host=host, guard=guard, usual_ports=usual_ports, seconds=seconds
        )
    )


def attempt(
    *ips: str,
    port: int = 8080,
    host: str = NAME,
    guard: AddressGuard = LOOPBACK_ALLOWED,
    usual_ports: Sequence[int] = (),
    seconds: float = 10,
) -> None:
    """Try the addresses, which fail."""
    addresses = [TargetAddress.parse(ip, port) for ip in ips]
    deadline = Deadline.after(seconds)
    tcp_connect(Endpoint(host, port, "http"), addresses, guard, deadline, usual_ports)


def beyond(action: Callable[[], Failed], *rules: str) -> Failed:
    """Return what `action` does where a router filters what goes to THERE."""

    def act() -> Failed:
        with router(*BEYOND, forward=rules):
            return action()

    return in_own_network(act)


@pytest.mark.parametrize(
    ("ip", "kind", "cause"),
    [
        (THERE, "admin-prohibited", ADMIN_PROHIBITED),
        (THERE, "port-unreachable", ADMIN_PROHIBITED),
        (THERE, "host-unreachable", NO_ROUTE),
        (THERE_V6, "admin-prohibited", ADMIN_PROHIBITED),
        (THERE_V6, "port-unreachable", ADMIN_PROHIBITED),
        (THERE_V6, "no-route", NO_ROUTE),
    ],
)
def test_a_router_that_rejects_is_named(ip: str, kind: str, cause: Cause) -> None:
    """Its owner is who has to be asked; connect(2) has one error number for several of them."""
    failed = beyond(lambda: why(ip), f"tcp dport 8080 reject with icmpx type {kind}")

    sender = "10.9.0.254" if ip == THERE else "fd09::254"
    assert failed.cause is cause
    assert failed.finding.facts["sender"] == sender
    assert sender in said(failed)


def test_what_a_router_says_replaces_what_connect_said() -> None:
    """One address is rejected, the other refuses: neither is without a route."""

    def act() -> Failed:
        failed = failure_to(lambda: attempt("127.0.0.1", THERE))
        return Investigator(3)("tcp_connect", failed, Cancellation())

    failed = beyond(act, "tcp dport 8080 reject with icmpx type admin-prohibited")

    assert [finding.cause for finding in failed.findings] == [TCP_REFUSED, ADMIN_PROHIBITED]


@pytest.mark.parametrize("ip", ["10.9.0.254", "fd09::254"])
@pytest.mark.parametrize("kind", ["admin-prohibited", "port-unreachable", "host-unreachable"])
def test_a_host_that_rejects_is_no_router(ip: str, kind: str) -> None:
    """Its own firewall is asked about at the platform, and no firewall on the way is opened."""

    def act() -> Failed:
        with router(incoming=[f"tcp dport 8080 reject with icmpx type {kind}"]):
            return why(ip)

    failed = in_own_network(act)

    assert failed.cause is HOST_REJECTS
    assert f"({ip}) itself rejects" in said(failed)


def test_a_router_that_resets_looks_like_the_host() -> None:
    """Nothing in a reset tells who sent it, so nothing is claimed."""
    failed = beyond(lambda: why(THERE), "tcp dport 8080 reject with tcp reset")

    assert failed.cause is TCP_REFUSED
    assert "sender" not in failed.finding.facts


def test_the_remedy_names_our_own_address() -> None:
    """Whoever opens a firewall needs the source, the destination and the port."""
    failed = beyond(lambda: why(THERE, seconds=0.3), "tcp dport 8080 drop")

    assert failed.cause is TIMEOUT_FILTERED
    assert f"Open 8080/tcp from 10.9.0.1 to {THERE}" in said(failed).replace("8443", "8080")


def test_packets_that_grow_too_old_are_a_loop() -> None:
    """Two routers that send packets to each other are mended by neither host."""

    def act() -> Failed:
        Path("/proc/sys/net/ipv4/ip_default_ttl").write_text("1")
        with router(*BEYOND):
            return why(THERE)

    assert in_own_network(act).cause is ROUTING_LOOP


def test_a_host_that_is_switched_off_is_no_firewall() -> None:
    """Nobody answers in our own network, so there is nothing in between."""

    def act() -> Failed:
        with router():
            return why("10.9.0.77", seconds=0.3)

    assert in_own_network(act).cause is NO_NEIGHBOUR


@pytest.mark.parametrize(
    ("route", "cause"),
    [
        ("route add prohibit 10.40.0.0/16", PROHIBITED_HERE),
        ("route add blackhole 10.40.0.0/16", BLACKHOLE_ROUTE),
        ("route add unreachable 10.40.0.0/16", NO_ROUTE_HERE),
        ("link show", NO_ROUTE_HERE),
    ],
)
def test_what_our_own_machine_forbids_is_ours(route: str, cause: Cause) -> None:
    """No firewall of anybody else needs to be searched."""
    failed = in_own_network(lambda: why(THERE), route)

    assert failed.cause is cause
    assert "sender" not in failed.finding.facts


def test_our_own_firewall_is_ours() -> None:
    """Its message has our own address."""

    def act() -> Failed:
        filter_packets("output", "tcp dport 8080 reject with icmpx type admin-prohibited")
        return why("127.0.0.1")

    assert in_own_network(act).cause is PROHIBITED_HERE


@pytest.mark.parametrize(("host", "cause"), [(NAME, ONLY_AAAA_NO_V6), ("fd40::7", VANTAGE_NO_IPV6)])
def test_without_ipv6_of_our_own_the_platform_is_not_blamed(host: str, cause: Cause) -> None:
    """The name needs an A record, or we need IPv6; the platform's network is right."""
    failed = in_own_network(lambda: why(THERE_V6, "fd40::8", host=host))

    assert failed.cause is cause
    assert failed.contributing[0].cause is NO_ROUTE_HERE


def test_an_ipv4_address_beside_it_is_told_for_itself() -> None:
    """That we lack IPv6 is not why an IPv4 address refuses."""
    failed = in_own_network(lambda: why(THERE_V6, "127.0.0.1"))

    assert failed.cause is TCP_REFUSED
    assert [finding.cause for finding in failed.contributing] == [NO_ROUTE_HERE]
    assert "not tested, because this service has no IPv6: fd40::7" in said(failed)


def test_every_address_has_its_own_verdict() -> None:
    """Two dead machines with two faults are mended by two people."""
    failed = in_own_network(lambda: why("127.0.0.1", THERE, "127.0.0.2"))

    assert failed.finding.facts["verdicts"] == (
        "127.0.0.1 refused",
        f"{THERE} no_route_here",
        "127.0.0.2 refused",
    )


def test_the_open_port_of_the_product_is_told() -> None:
    """A wrong port is the most common fault of all, and easily mended."""
    with serving(hold) as server:
        failed = why("127.0.0.1", port=1, usual_ports=[server.port, 1])

    assert failed.finding.facts["open_port"] == server.port
    assert failed.finding.remedies({"host": "h", "port": 1, "product": "p", "usual_port": 8})[
        0
    ].startswith(f"Use port {server.port} ")


def test_another_open_port_of_the_product_is_told_but_not_advised() -> None:
    """It may be the one of its web pages."""
    with serving(hold) as server:
        failed = why("127.0.0.1", port=1, usual_ports=[2, server.port])

    assert failed.finding.facts["other_port"] == server.port
    assert f"but port {server.port} answers" in said(failed)
    assert f"Use port {server.port}" not in said(failed)


def test_where_no_usual_port_is_open_nothing_is_said_of_one() -> None:
    """The first remedy is dropped then, and not said with a hole in it."""
    failed = why("127.0.0.1", port=1, usual_ports=[1, 2])

    assert "open_port" not in failed.finding.facts
    assert failed.finding.remedies({"host": "h", "port": 1, "product": "p", "usual_port": 8})[
        0
    ].startswith("Check that p is running on h")


def test_a_port_that_the_caller_may_not_have_tested_is_left_alone() -> None:
    """The investigation must not be a way to scan what the policy forbids."""
    with serving(hold) as server:
        guard = LOOPBACK_ALLOWED.narrowed_to(TargetPolicy(ports=(1,)))
        failed = why("127.0.0.1", port=1, guard=guard, usual_ports=[server.port])

        assert "open_port" not in failed.finding.facts
        assert server.count_connections() == 0


def test_a_silent_port_beside_an_open_one_is_told_so() -> None:
    """The host is up, so the firewall is about this port."""
    with full_backlog() as port, serving(hold) as server:
        failed = why("127.0.0.1", port=port, usual_ports=[server.port], seconds=0.3)

    assert failed.cause is TIMEOUT_FILTERED
    assert failed.finding.facts["open_port"] == server.port


def test_a_wildcard_record_makes_the_address_doubtful() -> None:
    """The name may be misspelt although it has an address."""

    def act() -> Failed:
        with resolving(knowing({"*.example.com": ["A 127.0.0.1"]})):
            return why("127.0.0.1")

    failed = in_own_network(act)

    assert failed.cause is TCP_REFUSED
    assert [finding.cause for finding in failed.contributing] == [WILDCARD]
