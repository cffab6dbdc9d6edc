import threading
from collections.abc import Sequence
from ipaddress import ip_network

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Finding
from shared.policy.target_policy import TargetPolicy
from tests.network.loopback import KNOWN, LOOPBACK_ALLOWED, NAME, endpoint, failure_to, soon
from tests.network.namespaces import filter_packets, in_own_network
from tests.network.servers import hold, serving
from worker.deadline import Deadline
from worker.steps.tcp_connect import tcp_connect
from worker.tcp.address_guard import AddressGuard
from worker.tcp.causes import PARTIAL_BACKENDS, V6_FAILS_V4_OK
from worker.tcp.connection import TargetAddress
from worker.tcp.other_addresses import LIMIT_S, MOST_OTHERS, trying_others

ALSO_ALLOWED = AddressGuard([ip_network("127.0.0.0/8"), ip_network("2001:db8::/32")])


class Told:
    """What was told at the end."""

    def __init__(self) -> None:
        self.times = 0
        self.warnings: Sequence[Finding] = ()
        self.facts: Facts = {}
        self.took_s = 0.0

    def __call__(self, warnings: Sequence[Finding], facts: Facts) -> None:
        """Keep it."""
        self.times += 1
        self.warnings, self.facts = warnings, facts

    @property
    def causes(self) -> list[Cause]:
        """The causes of the warnings."""
        return [warning.cause for warning in self.warnings]

    @property
    def said(self) -> str:
        """The warnings in words."""
        return " | ".join(warning.summary(KNOWN) for warning in self.warnings)


def beside(
    port: int,
    *ips: str,
    guard: AddressGuard = LOOPBACK_ALLOWED,
    deadline: Deadline | None = None,
) -> Told:
    """Return what is told of all addresses, where the first one that accepts is connected to."""
    addresses, told = [TargetAddress.parse(ip, port) for ip in ips], Told()
    connected = tcp_connect(endpoint(port=port), addresses, guard, soon()).value
    with connected as connection:
        clock = soon()
        limit = deadline or soon()
        with trying_others(connection, endpoint(), addresses, guard, limit, told):
            pass
        told.took_s = clock.waited_s
    return told


def test_a_dead_address_after_the_one_that_works_is_told() -> None:
    """The next client may be given that one."""
    with (
        serving(hold, host="127.0.0.1") as server,
        serving(hold, host="127.0.0.2", port=server.port),
    ):
        told = beside(server.port, "127.0.0.1", "127.0.0.2", "127.0.0.3")

    assert told.causes == [PARTIAL_BACKENDS]
    assert told.said == (
        f"2 of 3 addresses of {NAME} accept connections on port 8443; refused by 127.0.0.3"
    )
    assert told.facts["accepting"] == ("127.0.0.1", "127.0.0.2")


def test_those_that_failed_before_count_too() -> None:
    """It is one sentence about all addresses of the name."""
    with serving(hold, host="127.0.0.2") as server:
        told = beside(server.port, "127.0.0.1", "127.0.0.2", "127.0.0.3")

    assert told.said.startswith("1 of 3 addresses")
    assert told.said.endswith("refused by 127.0.0.1, 127.0.0.3")


def test_where_all_accept_there_is_no_warning() -> None:
    """That they do is told as a fact, and each was connected to once."""
    with (
        serving(hold, host="127.0.0.1") as first,
        serving(hold, host="127.0.0.2", port=first.port) as second,
    ):
        told = beside(first.port, "127.0.0.1", "127.0.0.2")

        assert first.count_connections() == second.count_connections() == 1

    assert told.warnings == []
    assert told.facts == {"accepting": ("127.0.0.1", "127.0.0.2")}


def test_an_address_that_has_just_accepted_is_left_alone() -> None:
    """A batch of a thousand tests must not connect a thousand times to each of its addresses."""
    with serving(hold) as first, serving(hold, host="127.0.0.2", port=first.port) as second:
        told = [beside(first.port, "127.0.0.1", "127.0.0.2") for _ in range(3)]

        assert second.count_connections() == 1

    assert {one.facts["accepting"] for one in told} == {("127.0.0.1", "127.0.0.2")}


def test_a_single_address_costs_nothing() -> None:
    """Most platforms have one."""
    before = threading.active_count()
    with serving(hold) as server:
        told = beside(server.port, "127.0.0.1")

        assert server.count_connections() == 1

    assert told.times == 0
    assert threading.active_count() <= before


def test_an_accepted_connection_is_closed_at_once() -> None:
    """A server that serves one connection at a time must not wait for ours."""
    with (
        serving(hold, host="127.0.0.1") as first,
        serving(hold, host="127.0.0.2", port=first.port) as second,
    ):
        addresses = [TargetAddress.parse(f"127.0.0.{n}", first.port) for n in (1, 2)]
        with (
            tcp_connect(endpoint(), addresses, LOOPBACK_ALLOWED, soon()).value as connection,
            trying_others(connection, endpoint(), addresses, LOOPBACK_ALLOWED, soon(), Told()),
        ):
            assert second.peer(0).left.wait(5)

        assert first.count_connections() == 1


def test_a_silent_address_takes_half_a_second_in_all() -> None:
    """However many of them there are, and no thread of its own."""

    def act() -> Told:
        filter_packets("input", "ip daddr { 127.0.0.2, 127.0.0.3, 127.0.0.4 } drop")
        with serving(hold) as server:
            return beside(server.port, "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")

    told = in_own_network(act)

    assert told.said.endswith("no answer from 127.0.0.2, 127.0.0.3, 127.0.0.4")
    assert LIMIT_S <= told.took_s < 2 * LIMIT_S


def test_without_time_silence_proves_nothing() -> None:
    """That an address did not answer within 0 s is no fault of it."""

    def act() -> Told:
        filter_packets("input", "ip daddr 127.0.0.2 drop")
        with serving(hold) as server:
            return beside(server.port, "127.0.0.1", "127.0.0.2", deadline=Deadline.after(0.2))

    told = in_own_network(act)

    assert told.warnings == []
    assert told.facts["untried_count"] == 1


def test_a_family_that_we_do_not_have_is_not_tested() -> None:
    """Half of the clouds have IPv6 addresses, and many workers have no IPv6."""

    def act() -> Told:
        with serving(hold) as server:
            return beside(server.port, "127.0.0.1", "2001:db8::7", guard=ALSO_ALLOWED)

    told = in_own_network(act)

    assert told.warnings == []
    assert told.facts["without_ipv6"] == ("2001:db8::7",)


def test_families_are_told_apart() -> None:
    """A platform that listens on IPv4 alone has one record too many, not a dead node."""
    with serving(hold) as server, serving(hold, host="127.0.0.2", port=server.port):
        told = beside(server.port, "127.0.0.1", "::1", "127.0.0.2", "127.0.0.3")

    assert told.causes == [PARTIAL_BACKENDS, V6_FAILS_V4_OK]
    assert told.said == (
        f"2 of 3 IPv4 addresses of {NAME} accept connections on port 8443; refused by 127.0.0.3 | "
        f"{NAME} answers on port 8443 over IPv4 but not over IPv6; refused by ::1"
    )


def test_what_our_policy_refuses_is_not_tested_and_not_dead() -> None:
    """Nobody is to remove a record because of our rules."""
    guard = LOOPBACK_ALLOWED.narrowed_to(
        TargetPolicy(denied_networks=(ip_network("127.0.0.2/32"),))
    )
    with serving(hold) as server, serving(hold, host="127.0.0.2", port=server.port) as other:
        told = beside(server.port, "127.0.0.1", "127.0.0.2", guard=guard)

        assert other.count_connections() == 0

    assert told.warnings == []
    assert told.facts["untested"] == ("127.0.0.2",)


def test_of_hundreds_a_handful_is_tried() -> None:
    """A name with a thousand addresses must not become a thousand connections."""
    many = [f"127.0.1.{n}" for n in range(1, 200)]
    with serving(hold) as server:
        told = beside(server.port, "127.0.0.1", *many)

    assert told.said.startswith(f"1 of {MOST_OTHERS + 1} addresses")
    assert told.said.endswith(f"{len(many) - MOST_OTHERS} more were not tried")


def test_they_are_told_although_a_step_fails() -> None:
    """Whoever mends the platform wants to know of its other nodes most of all then."""
    told = Told()
    with serving(hold) as server:
        addresses = [TargetAddress.parse(f"127.0.0.{n}", server.port) for n in (1, 2)]
        connected = tcp_connect(endpoint(), addresses, LOOPBACK_ALLOWED, soon()).value

        def fail() -> None:
            with (
                connected as connection,
                trying_others(connection, endpoint(), addresses, LOOPBACK_ALLOWED, soon(), told),
            ):
                tcp_connect(endpoint(), addresses[1:], LOOPBACK_ALLOWED, soon())

        failure_to(fail)

    assert told.causes == [PARTIAL_BACKENDS]


def test_descriptors_that_are_used_again_are_not_mixed_up() -> None:
    """The thread that ends attempts may hear of a socket that has the number of a closed one."""

    def act() -> list[str]:
        filter_packets("input", "ip daddr 127.0.0.9 drop")
        with serving(hold) as server, serving(hold, host="127.0.0.2", port=server.port):
            said = []
            for _ in range(40):
                beside(server.port, "127.0.0.1", "127.0.0.9", deadline=Deadline.after(0.01))
                said.append(beside(server.port, "127.0.0.1", "127.0.0.2", "127.0.0.3").said)
            return said

    assert {said.partition(" of ")[0] for said in in_own_network(act)} == {"2"}
