import socket

import pytest

from shared.causes import Cause
from shared.endpoint import Endpoint
from tests.worker.loopback import failure_to, soon
from tests.worker.network import (
    Answerer,
    dns_answer,
    in_own_network,
    name_server_addresses,
    name_servers,
)
from worker.connection import TargetAddress
from worker.deadline import Deadline
from worker.dns_causes import NO_ADDRESS, NO_ANSWER, NXDOMAIN, RESOLVER_FAILED
from worker.steps.dns_lookup import dns_lookup

UNKNOWN = "no-such-name.invalid"  # RFC 6761 6.4: never exists
CODES = (socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_AGAIN)
NAME_SERVERS_ON_LO = [
    f"address add {address}/32 dev lo"
    for address in name_server_addresses()
    if not address.startswith("127.")
]


@pytest.mark.parametrize("text", ["10.0.0.7", "192.0.2.7", "fd00::7", "2001:db8::7"])
def test_an_address_is_its_own_answer(text: str) -> None:
    """An address must work where no resolver does; nothing is asked for it."""
    passed = dns_lookup(Endpoint(text, 8443, "https"), Deadline.after(0))

    assert passed.value == [TargetAddress.parse(text, 8443)]
    assert passed.facts["addresses"] == (text,)


def test_an_ipv4_mapped_address_is_the_ipv4_address() -> None:
    """The guard and the evidence must speak of the address that is connected to."""
    passed = dns_lookup(Endpoint("::ffff:10.0.0.7", 80, "http"), soon())

    assert passed.facts["addresses"] == ("10.0.0.7",)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST"])
def test_a_name_is_looked_up_by_the_system(name: str) -> None:
    """/etc/hosts counts, as for every other program on the machine."""
    passed = dns_lookup(Endpoint(name, 80, "http"), soon())

    assert {str(address) for address in passed.value} & {"127.0.0.1:80", "[::1]:80"}
    assert passed.facts["addresses"] == tuple(str(address.ip) for address in passed.value)


def test_each_address_is_given_once() -> None:
    """The C library repeats an address for every line of /etc/hosts that has it."""
    addresses = dns_lookup(Endpoint("localhost", 80, "http"), soon()).value

    assert len(set(addresses)) == len(addresses)


def test_the_resolvers_order_is_kept() -> None:
    """It is that of RFC 6724, by which every other client on the machine chooses."""
    found = [str(info[4][0]) for info in socket.getaddrinfo("localhost", None)]

    passed = dns_lookup(Endpoint("localhost", 80, "http"), soon())

    assert passed.facts["addresses"] == tuple(dict.fromkeys(found))


def test_a_name_that_does_not_exist_is_not_found_by_the_systems_own_resolver() -> None:
    """A machine without a resolver can't tell a wrong name from a missing resolver."""
    failed = failure_to(lambda: dns_lookup(Endpoint(UNKNOWN, 80, "http"), soon()))

    assert failed.cause in (NXDOMAIN, RESOLVER_FAILED, NO_ANSWER)


def looked_up(answerer: Answerer, seconds: float = 10) -> list[str]:
    """Return the addresses of a name for which the name servers answer as `answerer` does."""

    def action() -> list[str]:
        with name_servers(answerer):
            passed = dns_lookup(Endpoint(UNKNOWN, 80, "http"), Deadline.after(seconds))
            return [str(address) for address in passed.value]

    return in_own_network(action, *NAME_SERVERS_ON_LO)


def test_the_addresses_of_a_name_are_found() -> None:
    """A name with two addresses is usable while one of them works."""
    addresses = ["10.0.0.8", "10.0.0.7"]

    found = looked_up(lambda query: dns_answer(query, addresses=addresses))

    assert sorted(found) == ["10.0.0.7:80", "10.0.0.8:80"]


@pytest.mark.parametrize(
    ("rcode", "cause"),
    [(3, NXDOMAIN), (0, NO_ADDRESS), (2, RESOLVER_FAILED), (5, RESOLVER_FAILED)],
)
def test_each_answer_without_an_address_has_its_cause(rcode: int, cause: Cause) -> None:
    """A wrong name is the caller's to correct, a broken name server is not (RFC 1035 4.1.1)."""
    failed = failure_to(lambda: looked_up(lambda query: dns_answer(query, rcode=rcode)))

    assert failed.cause is cause
    assert failed.finding.facts["code"] in CODES


def test_unreachable_name_servers_are_no_wrong_name() -> None:
    """Checking the spelling alone would send the caller on a fool's errand."""
    failed = failure_to(
        lambda: in_own_network(lambda: dns_lookup(Endpoint(UNKNOWN, 80, "http"), soon()))
    )

    assert failed.cause is RESOLVER_FAILED


def test_a_lookup_without_an_answer_ends_in_time() -> None:
    """The C library has no time limit of ours; a worker's slot must have one."""
    failed = failure_to(lambda: looked_up(lambda _: None, seconds=0.3))

    assert failed.cause is NO_ANSWER
    assert failed.finding.facts["waited_s"] == pytest.approx(0.3, abs=0.11)


def test_a_test_whose_time_is_up_asks_nobody() -> None:
    """The recorder turns it into a cause of its own."""
    with pytest.raises(TimeoutError):
        dns_lookup(Endpoint(UNKNOWN, 80, "http"), Deadline.after(0))
