import socket
from itertools import count

import dns.message
import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding
from shared.endpoint import Endpoint
from tests.network.loopback import KNOWN, failure_to, looked_into, soon
from tests.network.name_server import Answer, failing, knowing, resolving, silent
from tests.network.namespaces import (
    Answerer,
    dns_answer,
    in_own_network,
    name_server_addresses,
    name_servers,
)
from worker.deadline import Deadline
from worker.dns.causes import (
    DNS_REFUSED,
    DNS_TIMEOUT,
    HOSTS_OVERRIDE,
    LOOPBACK_ANSWER,
    NODATA,
    NXDOMAIN,
    RESOLVER_FAILED,
    SEARCH_SUFFIX,
    SINKHOLE,
    SLOW,
)
from worker.steps.dns_lookup import LOOKUP_S, dns_lookup
from worker.tcp.connection import TargetAddress

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

    assert failed.cause in (NXDOMAIN, RESOLVER_FAILED, DNS_TIMEOUT)


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
    [(3, NXDOMAIN), (0, NODATA), (2, RESOLVER_FAILED), (5, RESOLVER_FAILED)],
)
def test_each_answer_without_an_address_has_its_cause(rcode: int, cause: Cause) -> None:
    """A wrong name is the caller's to correct, a broken name server is not (RFC 1035 4.1.1)."""
    failed = failure_to(lambda: looked_up(lambda query: dns_answer(query, rcode=rcode)))

    assert failed.cause is cause
    assert failed.finding.facts["code"] in CODES


def test_a_resolver_that_fails_at_times_is_asked_again() -> None:
    """The platform works, and so does the next lookup; it is a warning all the same."""
    numbers = count()

    def at_first(query: bytes) -> bytes:
        is_first = next(numbers) < 4  # each server, for each kind of address
        return dns_answer(query, rcode=2) if is_first else dns_answer(query, addresses=["10.0.0.7"])

    def action() -> tuple[str, str]:
        with name_servers(at_first):
            passed = dns_lookup(Endpoint(UNKNOWN, 80, "http"), Deadline.after(5))
            (warning,) = passed.warnings
            return str(passed.value[0]), warning.cause.code

    assert in_own_network(action, *NAME_SERVERS_ON_LO) == ("10.0.0.7:80", "dns.intermittent")


def test_unreachable_name_servers_are_no_wrong_name() -> None:
    """Checking the spelling alone would send the caller on a fool's errand."""
    failed = failure_to(
        lambda: in_own_network(lambda: dns_lookup(Endpoint(UNKNOWN, 80, "http"), soon()))
    )

    assert failed.cause is RESOLVER_FAILED


def test_a_lookup_without_an_answer_ends_in_time() -> None:
    """The C library has no time limit of ours; a worker's slot must have one."""
    failed = failure_to(lambda: looked_up(lambda _: None, seconds=0.3))

    assert failed.cause is DNS_TIMEOUT
    waited_s = failed.finding.facts["waited_s"]
    assert isinstance(waited_s, float)
    assert 0.3 <= waited_s < LOOKUP_S


def test_a_test_whose_time_is_up_asks_nobody() -> None:
    """The recorder turns it into a cause of its own."""
    with pytest.raises(TimeoutError):
        dns_lookup(Endpoint(UNKNOWN, 80, "http"), Deadline.after(0))


NAMED = "cloud.example.com"
RIGHT = knowing({NAMED: ["A 10.0.0.7"]})


def warnings_for(
    *answers: Answer, host: str = NAMED, search: str = "", options: str = "", hosts: str = ""
) -> list[Finding]:
    """Return the warnings of a lookup that such name servers answer, each of which can be said."""

    def act() -> list[Finding]:
        with resolving(*answers, search=search, options=options, hosts=hosts):
            return list(dns_lookup(Endpoint(host, 80, "http"), soon()).warnings)

    found = in_own_network(act)
    assert all("{" not in finding.summary(KNOWN) for finding in found)
    return found


@pytest.mark.parametrize("host", [NAMED, f"{NAMED}.", NAMED.upper()])
def test_a_healthy_lookup_has_no_warning_and_asks_for_nothing_more(host: str) -> None:
    """Two queries are what every program makes."""
    queries: list[dns.message.Message] = []

    def answer(query: dns.message.Message) -> dns.message.Message | bytes | None:
        queries.append(query)
        return RIGHT(query)

    assert warnings_for(answer, host=host) == []
    assert len(queries) == 2


def test_an_alias_is_no_warning() -> None:
    """Names of load balancers are looked up by aliases every day."""
    records = {NAMED: [f"CNAME {NAMED}.cdn.net."], f"{NAMED}.cdn.net": ["A 10.0.0.7"]}

    assert warnings_for(knowing(records), search="example.com") == []


def test_a_line_of_the_hosts_file_is_a_warning() -> None:
    """A line that somebody forgot is found last by everybody."""
    (warning,) = warnings_for(RIGHT, hosts=f"10.0.0.9 {NAMED}")

    assert warning.cause is HOSTS_OVERRIDE
    assert warning.facts == {"line": 2, "addresses": ("10.0.0.9",)}


def test_a_name_that_the_search_list_completes_is_a_warning() -> None:
    """It means another machine where another list is in force."""
    (warning,) = warnings_for(RIGHT, host="cloud", search="corp.example example.com")

    assert warning.cause is SEARCH_SUFFIX
    assert warning.facts["found_as"] == NAMED


def test_a_slow_lookup_is_a_warning() -> None:
    """The first name server is dead, and every program on the machine waits for it."""
    (warning,) = warnings_for(silent, RIGHT, options="timeout:2")

    assert warning.cause is SLOW
    assert warning.facts["name_servers"] == ("127.0.0.53", "127.0.0.54")


@pytest.mark.parametrize("name", ["localhost", "x.localhost"])
def test_loopback_by_its_own_name_is_no_warning(name: str) -> None:
    """That is what the name is for (RFC 6761 6.3)."""
    assert warnings_for(knowing({"*.localhost": ["A 127.0.0.1"]}), host=name) == []


def test_loopback_for_another_name_is_a_warning() -> None:
    """Filters answer so; so do records that were made for one machine alone."""
    (warning,) = warnings_for(knowing({NAMED: ["A 127.0.0.1"]}))

    assert warning.cause is LOOPBACK_ANSWER


def test_an_address_that_nobody_has_is_a_filters() -> None:
    """0.0.0.0 would be our own machine, and never the platform."""
    failed = failure_to(lambda: warnings_for(knowing({NAMED: ["A 0.0.0.0", "AAAA ::"]})))

    assert failed.cause is SINKHOLE


def test_a_failed_lookup_brings_the_look_at_the_name_servers() -> None:
    """What getaddrinfo(3) says is too little to act on."""

    def act() -> Failed:
        with resolving(failing("REFUSED")):
            return looked_into(lambda: dns_lookup(Endpoint(NAMED, 80, "http"), soon()))

    assert in_own_network(act).cause is DNS_REFUSED


def test_a_lookup_that_takes_too_long_brings_the_look_too() -> None:
    """Which name server keeps silent is what has to be known."""

    def act() -> Failed:
        with resolving(silent):
            return looked_into(lambda: dns_lookup(Endpoint(NAMED, 80, "http"), Deadline.after(0.2)))

    failed = in_own_network(act)

    assert failed.cause is DNS_TIMEOUT
    assert failed.finding.facts["resolvers"] == "127.0.0.53"
