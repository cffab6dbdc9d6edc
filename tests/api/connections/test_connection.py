"""What strangers send before they are known: none of it is kept, and none of it lasts."""

import logging
import socket
import sys
from collections.abc import Iterator

import pytest

from api.connections.connection import LINGER_BYTES, MOST_WAITING, TimeLimits
from api.connections.framing import MOST_BYTES, MOST_FIELDS
from tests.api.connections.serving import LARGE_BYTES, Server, flood, rest_of, serving
from tests.running.service import poll

BEGIN = b"GET / HTTP/1.1\r\nHost: x\r\n"
PATIENT = TimeLimits(head_s=600, linger_s=600, stopping_s=600)
CLOSING = BEGIN + b"Connection: close\r\n\r\n"
BODY = b"POST /body HTTP/1.1\r\nHost: x\r\n"
ENDLESS = {
    "fields": (BEGIN, b"a: b\r\n"),
    "one field": (BEGIN + b"a: ", b"b"),
    "one name": (BEGIN, b"a"),
    "request line": (b"GET /", b"a"),
    "trailers": (BODY + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n"),
    "chunk extension": (BODY + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"),
    "chunks of a byte": (BODY + b"Transfer-Encoding: chunked\r\n\r\n", b"1;a=bbbb\r\na\r\n"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Give a server that waits for nothing in these tests' time."""
    with serving(PATIENT) as running:
        yield running


@pytest.fixture
def own_server() -> Iterator[Server]:
    """Give such a server that has no callers of other tests."""
    with serving(PATIENT) as running:
        yield running


@pytest.fixture
def hasty() -> Iterator[Server]:
    """Give a server that hardly waits."""
    with serving(TimeLimits(head_s=0.2, linger_s=0.2, stopping_s=0.2)) as running:
        yield running


def answers(server: Server, sent: bytes) -> bytes:
    """Return all that is answered until the connection has been idle for a second."""
    with server.connect() as connection:
        connection.sendall(sent)
        return rest_of(connection)


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS.keys())
def test_i19_what_never_ends_is_refused_and_the_connection_closed(
    server: Server, begin: bytes, more: bytes
) -> None:
    """Sixty megabytes of header fields took a gigabyte of memory, and no token."""
    with server.connect() as connection:
        connection.sendall(begin + more * (2 * MOST_BYTES // len(more)))
        answer = rest_of(connection)

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"\r\nconnection: close\r\n" in answer.lower()


def test_as_much_as_is_allowed_is_taken(server: Server) -> None:
    """Some callers have long tokens, and many cookies of other services."""
    fields = b"a: b\r\n" * (MOST_FIELDS - 2)
    long = b"c: " + b"d" * (MOST_BYTES - len(BEGIN + fields) - 100) + b"\r\n"

    assert answers(server, BEGIN + fields + long + b"\r\n").startswith(b"HTTP/1.1 200 ")


def test_one_field_too_many_is_refused(server: Server) -> None:
    """However short they are: each costs more memory than its bytes."""
    answer = answers(server, BEGIN + b"a: b\r\n" * MOST_FIELDS + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 431 ")


def test_trailers_become_no_fields(server: Server) -> None:
    """What comes after the body was not there when the caller was looked at."""
    sent = BODY + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nAuthorization: x\r\n\r\n"

    assert b"/body 1\n" in answers(server, sent)
    assert server.app.fields[-1] == 2


def test_who_goes_on_after_the_refusal_is_cut_off(server: Server) -> None:
    """The rest is read for a while so that the answer arrives, but not for ever."""
    with server.connect() as connection, pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
        flood(connection, 100 * LINGER_BYTES)


def test_requests_that_are_sent_ahead_wait_in_small_number(server: Server) -> None:
    """A read of 256 KiB holds 14,000 requests; each would cost 3 KB at once."""
    before = len(server.app.paths)
    with server.connect() as connection:
        connection.sendall(b"GET /ahead HTTP/1.1\r\nHost: x\r\n\r\n" * 5000)
        found = rest_of(connection)

    assert b"HTTP/1.1 200 " in found
    assert len(server.app.paths) - before <= MOST_WAITING + 1


def test_a_few_requests_sent_ahead_are_all_answered(server: Server) -> None:
    """HTTP/1.1 allows it (RFC 9112 9.3.2)."""
    found = answers(server, (BEGIN + b"\r\n") * MOST_WAITING)

    assert found.count(b"HTTP/1.1 200 ") == MOST_WAITING


def test_i26_answers_that_nobody_takes_are_not_written(server: Server) -> None:
    """Linux kept 4 MB for each such caller: 400 of them took all memory that TCP may have."""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        reader.connect(("127.0.0.1", server.port))
        reader.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * MOST_WAITING)
        for _ in range(2 * MOST_WAITING):  # each turn is one in which the next could be written
            answers(server, CLOSING)

        assert 1 <= server.app.paths.count("/large") <= 3


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels keep more of it")
def test_an_answer_that_nobody_takes_is_not_handed_over_as_a_whole(own_server: Server) -> None:
    """Anybody may ask for the largest ones, without a token, and each waiting one was a copy."""
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        reader.connect(("127.0.0.1", own_server.port))
        reader.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        poll(lambda: own_server.handed_over > 0)
        for _ in range(2 * MOST_WAITING):  # each turn is one in which the next could be written
            answers(own_server, CLOSING)

        assert own_server.handed_over < LARGE_BYTES * 3 // 4
        answer = rest_of(reader)
    assert len(answer.partition(b"\r\n\r\n")[2]) == LARGE_BYTES


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_another_protocol_is_not_spoken(
    server: Server, protocol: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """What would come then would be counted by nobody."""
    upgrade = BEGIN + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n"
    found = answers(server, upgrade + BEGIN + b"\r\n")

    assert found.count(b"HTTP/1.1 200 ") == 2
    assert caplog.records == []


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"\0" * 100])
def test_what_is_no_http_is_refused_and_not_logged(
    server: Server, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Scanners and TLS handshakes come by the thousand, and each would be a line."""
    caplog.set_level(logging.INFO)

    assert answers(server, sent).startswith(b"HTTP/1.1 400 ")
    assert caplog.records == []


def test_a_body_that_comes_after_the_answer_is_read_for_a_while_only(server: Server) -> None:
    """A caller without a token can announce gigabytes, and send them."""
    with server.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            flood(connection, 100 * LINGER_BYTES)


def test_after_a_short_body_that_was_not_read_the_next_request_is(server: Server) -> None:
    """A caller whose token was wrong may try again over the same connection."""
    body = b"a" * 100_000
    late = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)

    assert answers(server, late + body + BEGIN + b"\r\n").count(b"HTTP/1.1 200 ") == 2


def test_who_says_nothing_is_sent_away(hasty: Server) -> None:
    """Nothing was asked, so nothing is answered."""
    with hasty.connect() as connection:
        assert rest_of(connection) == b""


@pytest.mark.parametrize("half", [BEGIN, BEGIN + b"a: ", b"GET /"])
def test_half_a_request_is_not_waited_for(hasty: Server, half: bytes) -> None:
    """Thousands of them would keep everybody else out."""
    with hasty.connect() as connection:
        connection.sendall(half)

        assert rest_of(connection) == b""


def test_a_second_request_has_a_limit_of_its_own(hasty: Server) -> None:
    """The first one may have been quite in order."""
    with hasty.connect() as connection:
        connection.sendall(BEGIN + b"\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(BEGIN)

        assert b"HTTP/1.1" not in rest_of(connection)


def test_a_body_that_never_comes_after_the_answer_ends_the_connection(hasty: Server) -> None:
    """Nobody waits for it."""
    with hasty.connect() as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1")

        assert rest_of(connection).startswith(b"HTTP/1.1 200 ")


def test_half_a_body_does_not_hold_up_the_end(hasty: Server) -> None:
    """It would hold up a roll-out until its time is over, an hour in this test."""
    with hasty.connect() as connection:
        connection.sendall(BODY + b"Content-Length: 10\r\n\r\n1")
        poll(lambda: bool(hasty.app.paths))
        hasty.stop()
        answer = rest_of(connection)

    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in answer.lower()
    assert hasty.ended.wait(30)


def test_a_body_that_arrives_after_all_is_answered() -> None:
    """An API that stops has a moment for what is on its way."""
    with serving(TimeLimits(stopping_s=600)) as stopping, stopping.connect() as connection:
        connection.sendall(BODY + b"Content-Length: 2\r\n\r\n1")
        poll(lambda: bool(stopping.app.paths))
        stopping.stop()
        connection.sendall(b"2")

        assert b"/body 2\n" in rest_of(connection)
