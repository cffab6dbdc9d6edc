from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from tests.network.loopback import LOOPBACK_ALLOWED
from tests.network.namespaces import in_own_network, router
from tests.network.servers import hold, serving
from worker.deadline import Deadline
from worker.tcp.address_guard import AddressGuard
from worker.tcp.connection import TargetAddress
from worker.tcp.icmp import IcmpError, icmp_answer, is_forbidden_here, lacks_neighbour

PRIVATE_ALLOWED = AddressGuard()


def answer_of(
    ip: str, incoming: Sequence[str], guard: AddressGuard = PRIVATE_ALLOWED
) -> IcmpError | None:
    """Return the ICMP error that a machine with such nftables rules sends."""

    def act() -> IcmpError | None:
        with router(incoming=incoming):
            return icmp_answer(TargetAddress.parse(ip, 8080), guard, Deadline.after(3))

    return in_own_network(act)


@pytest.mark.parametrize(
    ("ip", "kind", "told"),
    [
        ("10.9.0.254", "admin-prohibited", (3, 13)),
        ("10.9.0.254", "port-unreachable", (3, 3)),
        ("fd09::254", "admin-prohibited", (1, 1)),
        ("fd09::254", "port-unreachable", (1, 4)),
    ],
)
def test_the_sender_and_the_kind_of_the_error_are_read(
    ip: str, kind: str, told: tuple[int, int]
) -> None:
    """Whoever rejects has to be asked, and only the message tells who that is."""
    found = answer_of(ip, [f"tcp dport 8080 reject with icmpx type {kind}"])

    assert found
    assert (str(found.sender), found.type, found.code) == (ip, *told)


@pytest.mark.parametrize("ip", ["10.9.0.254", "fd09::254"])
def test_a_reset_is_no_icmp_error(ip: str) -> None:
    """A closed port is the host's own."""
    assert answer_of(ip, []) is None


def test_a_connection_that_is_accepted_is_no_error() -> None:
    """The port may have been opened meanwhile."""
    with serving(hold) as server:
        target = TargetAddress.parse("127.0.0.1", server.port)

        assert icmp_answer(target, LOOPBACK_ALLOWED, Deadline.after(3)) is None


def test_the_guard_is_asked_before_a_packet_is_sent() -> None:
    """An investigation is no way around the policy."""
    with serving(hold) as server:
        target = TargetAddress.parse("127.0.0.1", server.port)

        assert icmp_answer(target, PRIVATE_ALLOWED, Deadline.after(3)) is None
        assert server.count_connections() == 0


def test_an_address_that_nobody_has_is_noticed() -> None:
    """A machine that is switched off is told from a firewall that drops."""

    def act() -> tuple[bool, bool]:
        with router():
            absent, present = (TargetAddress.parse(f"10.9.0.{n}", 80) for n in (77, 254))
            for target in (absent, present):
                icmp_answer(target, PRIVATE_ALLOWED, Deadline.after(0.2))
            return lacks_neighbour(absent.ip), lacks_neighbour(present.ip)

    assert in_own_network(act) == (True, False)


@pytest.mark.parametrize(
    ("ip", "route", "forbidden"),
    [
        ("10.40.0.7", "route add prohibit 10.40.0.0/16", True),
        ("fd40::7", "route add prohibit fd40::/16", True),
        ("10.40.0.7", "route add unreachable 10.40.0.0/16", False),
        ("10.40.0.7", "link show", False),
        ("127.0.0.1", "link show", False),
    ],
)
def test_a_rule_of_our_own_machine_shows_at_once(ip: str, route: str, *, forbidden: bool) -> None:
    """A router that rejects takes its time, and may say so only once in a while."""
    guard = AddressGuard([ip_network("127.0.0.0/8")])
    target = TargetAddress.parse(ip, 8080)

    assert in_own_network(lambda: is_forbidden_here(target, guard), route) == forbidden


def test_an_address_that_the_guard_refuses_is_not_tried_for_that() -> None:
    """The policy comes first everywhere."""
    target = TargetAddress.parse("127.0.0.1", 8080)

    assert not is_forbidden_here(target, PRIVATE_ALLOWED)
