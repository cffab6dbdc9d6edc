from collections.abc import Callable

import dns.message
import dns.rcode
import pytest

from tests.network.name_server import (
    OTHER_RESOLVER,
    RESOLVER,
    Answer,
    failing,
    knowing,
    name_server,
    silent,
    truncating,
)
from tests.network.namespaces import in_own_network
from worker.deadline import Deadline
from worker.dns.client import LONGEST_EXTENDED, MOST_RECORDS, Reply, ask

NAME = "cloud.example.com."
RIGHT = knowing({NAME: ["A 10.0.0.7"]})


def asked(answer: Answer, tcp: Answer | None = None, seconds: float = 3) -> Reply:
    """Return the reply of a name server that answers so."""

    def act() -> Reply:
        with name_server(answer, tcp=tcp):
            (reply,) = ask([RESOLVER], NAME, "A", Deadline.after(seconds))
            return reply

    return in_own_network(act)


def test_all_name_servers_are_asked_at_once() -> None:
    """A silent one must not take the others' time."""

    def act() -> tuple[Reply, ...]:
        with name_server(silent), name_server(RIGHT, OTHER_RESOLVER):
            return ask([RESOLVER, OTHER_RESOLVER], NAME, "A", Deadline.after(2))

    first, second = in_own_network(act)

    assert (first.message, first.error) == (None, "")
    assert second.addresses == ("10.0.0.7",)  # the first took all the time that there is


def test_a_name_server_that_does_not_run_is_told_from_a_silent_one() -> None:
    """One is started, the other's firewall is opened."""

    def act() -> list[str]:
        servers = [RESOLVER, "10.1.1.1", "2001:db8::1"]
        return [reply.error for reply in ask(servers, NAME, "A", Deadline.after(3))]

    assert in_own_network(act) == ["ECONNREFUSED", "ENETUNREACH", "ENETUNREACH"]


def test_an_answer_that_is_too_large_is_fetched_over_tcp() -> None:
    """What was cut off says nothing."""
    reply = asked(truncating, tcp=RIGHT)

    assert reply.addresses == ("10.0.0.7",)
    assert not reply.is_cut_off


def test_an_answer_that_can_not_be_fetched_stays_cut_off() -> None:
    """That the port is closed is the fault."""
    reply = asked(truncating)

    assert (reply.is_cut_off, reply.error) == (True, "ECONNREFUSED")


def test_a_server_that_knows_no_edns_is_asked_without() -> None:
    """RFC 6891 7; else every old server would seem broken."""

    def answer(query: dns.message.Message) -> dns.message.Message | bytes | None:
        return (failing("FORMERR") if query.edns >= 0 else RIGHT)(query)

    assert asked(answer).addresses == ("10.0.0.7",)


def test_the_extended_error_is_shown_in_words_and_bounded() -> None:
    """The text is the name server's, and it goes into pages and terminals."""
    reply = asked(failing("SERVFAIL", 22, "\x1b[31m" + "x" * 500))

    assert reply.rcode == dns.rcode.SERVFAIL
    assert reply.extended.startswith("no reachable authority, ")
    assert reply.extended.isprintable()
    assert len(reply.extended) < LONGEST_EXTENDED + 40


def test_of_endless_records_a_handful_counts() -> None:
    """A hostile answer must not become endless evidence."""
    records = {NAME: [f"A 10.0.{n // 256}.{n % 256}" for n in range(200)]}

    assert len(asked(truncating, tcp=knowing(records)).addresses) == MOST_RECORDS


def _of_another_id(query: dns.message.Message) -> bytes:
    wire = knowing({NAME: ["A 6.6.6.6"]})(query)
    assert isinstance(wire, dns.message.Message)
    return (query.id ^ 1).to_bytes(2) + wire.to_wire()[2:]


def _of_another_name(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(dns.message.make_query("evil.example.", "A"))
    response.id = query.id
    return response


@pytest.mark.parametrize("forged", [_of_another_id, _of_another_name])
def test_an_answer_to_another_question_is_none(
    forged: Callable[[dns.message.Message], dns.message.Message | bytes],
) -> None:
    """Anybody can send packets with the resolver's address."""
    assert asked(forged, seconds=0.2).message is None


@pytest.mark.parametrize(
    "rest", [b"", b"\x81\x80", b"\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c", b"\xff" * 99]
)
def test_rubbish_is_no_answer_and_breaks_nothing(rest: bytes) -> None:
    """Every byte from a name server is hostile."""
    reply = asked(lambda query: query.id.to_bytes(2) + rest, seconds=0.3)

    assert reply.message is None
