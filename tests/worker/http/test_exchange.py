import gzip
import ssl
import zlib
from collections.abc import Mapping
from datetime import timedelta
from threading import Event

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import CLIENT_CERT_REQUIRED, TLS_ON_HTTP_URL
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.policy.target_policy import NAME_BLOCKED, TargetPolicy
from shared.request.options import TlsOptions
from tests.certificates.crafted import NOW, Authority, Validity, self_signed
from tests.network.loopback import (
    KNOWN,
    LOOPBACK_ALLOWED,
    NAME,
    connected,
    endpoint,
    failure_to,
    said,
    soon,
)
from tests.network.lossy import SMALL_MTU, lose_large_packets
from tests.network.namespaces import in_own_network
from tests.network.servers import (
    Peer,
    Script,
    always,
    answering,
    answering_and_holding,
    hang_up_after_reading,
    hold,
    reply,
    reset_after_reading,
    serving,
)
from worker.deadline import Deadline
from worker.further_endpoint import FurtherEndpoints
from worker.http.exchange import (
    BODY_TIMEOUT,
    BROKE_OFF,
    EXCHANGE_S,
    HEADER_TIMEOUT,
    REOPEN_FAILED,
    RESET,
    Exchange,
)
from worker.http.response_reader import (
    EMPTY_REPLY,
    HEADERS_TOO_LARGE,
    HTTP2_ONLY,
    MALFORMED,
    MAX_BODY_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_INTERIM,
    NOT_HTTP,
    TOO_LARGE,
    TRUNCATED,
)
from worker.http.violations import (
    BAD_CHUNK,
    BAD_LENGTH,
    BAD_NAME,
    BARE_LF,
    BLANK_BEFORE_COLON,
    CHUNKED_NOT_LAST,
    CONTROL_CHARACTER,
    LENGTHS_DIFFER,
    NO_COLON,
    NUL,
    STATUS_LINE,
    STRAY_CR,
    SWITCHED,
    TWO_FRAMINGS,
    UNNAMED,
)
from worker.site import Site
from worker.tcp.causes import ANSWER_LOST, TCP_REFUSED
from worker.tcp.connection import Connection, TlsClient, fingerprint
from worker.tcp.protocols import PORT_SPEAKS_OTHER, protocol_of
from worker.tls.certificate_causes import CHAIN_EXPIRED, PIN_CHANGED
from worker.tls.trust import Trust

HOME = Endpoint("cloud.example.com", 8080, "http")
GET = HttpRequest("GET", "/")
SIGN_IN = HttpRequest("GET", "/login", presents_credentials=True)
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CLOSE = "Connection: close"
CHUNKED_LINES = b"Transfer-Encoding: chunked\r\n\r\n"
UPGRADE = b"Connection: upgrade\r\nUpgrade: websocket\r\n"
CODING = "Transfer-Encoding: chunked"
LENGTHS = "Content-Length: 2, Content-Length: 3"
BOTH = f"{CODING}, Content-Length: 2"


def exchange_over(connection: Connection) -> Exchange:
    return Exchange(connection, endpoint(scheme="http"))


def ask(*scripts: Script, request: HttpRequest = GET) -> HttpResponse:
    """Ask a platform that follows `scripts`."""
    with serving(*scripts) as server, connected(server.port) as connection:
        return exchange_over(connection).ask(request, soon())


def failure_of(
    *scripts: Script, deadline: Deadline | None = None, tls: ssl.SSLContext | None = None
) -> Failed:
    """Return how the first request to a platform that follows `scripts` fails."""
    with serving(*scripts, tls=tls) as server, connected(server.port) as connection:
        if tls:
            unchecked = Trust().context_for(TlsOptions(verify=False))
            connection.secure(TlsClient(unchecked, NAME), soon())
        return failure_to(lambda: exchange_over(connection).ask(GET, deadline or soon()))


def sending(content: bytes) -> Script:
    """Return the script of a platform that answers with exactly these bytes, and closes."""
    return answering(content)


def flooding(start: bytes, content: bytes) -> Script:
    """Return the script of a platform that never comes to an end."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(start)
        peer.flood(content)

    return script


def wire(request: HttpRequest, to: Endpoint) -> list[bytes]:
    """Return the lines that a platform receives."""
    with serving(answering(reply())) as server, connected(server.port) as connection:
        Exchange(connection, to).ask(request, soon())
        return server.requests[0].split(b"\r\n")


def test_a_request_is_sent_as_the_product_wrote_it() -> None:
    """A signature covers the path and the headers."""
    request = HttpRequest("GET", "/a%20b?c=d", {"Date": "now", "X-Key": "k"})

    lines = wire(request, endpoint())

    assert lines[0] == b"GET /a%20b?c=d HTTP/1.1"
    assert b"Date: now" in lines
    assert b"X-Key: k" in lines


def test_a_compressed_answer_is_not_asked_for() -> None:
    """A kilobyte of gzip unpacks to a gigabyte."""
    assert b"Accept-Encoding: identity" in wire(GET, endpoint())


def test_a_body_is_sent_with_its_length() -> None:
    """Without a length the platform reads no body, or the next request as one."""
    lines = wire(HttpRequest.with_json("PUT", "/", {"getVersion": {}}), endpoint())

    assert b"Content-Length: 17" in lines
    assert lines[-1] == b'{"getVersion":{}}'


@pytest.mark.parametrize(("method", "has_length"), [("GET", False), ("POST", True), ("PUT", True)])
def test_an_empty_body_has_a_length_where_one_is_expected(method: str, has_length: bool) -> None:
    """Some servers answer 411 to a POST without a length (RFC 9110 8.6)."""
    assert (b"Content-Length: 0" in wire(HttpRequest(method, "/"), endpoint())) is has_length


@pytest.mark.parametrize(
    ("to", "host"),
    [
        (Endpoint(NAME, 80, "http"), b"cloud.example.com"),
        (Endpoint(NAME, 443, "https"), b"cloud.example.com"),
        (Endpoint(NAME, 443, "http"), b"cloud.example.com:443"),
        (Endpoint(NAME, 80, "https"), b"cloud.example.com:80"),
        (Endpoint(NAME, 8080, "http"), b"cloud.example.com:8080"),
        (Endpoint(NAME + ".", 8080, "http"), b"cloud.example.com:8080"),
        (Endpoint("10.0.0.7", 8080, "http"), b"10.0.0.7:8080"),
        (Endpoint("fd00::7", 8080, "http"), b"[fd00::7]:8080"),
        (Endpoint("fd00::7", 443, "https"), b"[fd00::7]"),
    ],
)
def test_the_host_header_names_the_endpoint(to: Endpoint, host: bytes) -> None:
    """Virtual hosts are chosen by it, and some servers compare it byte by byte."""
    assert b"Host: " + host in wire(GET, to)


@pytest.mark.parametrize(
    "request_",
    [
        HttpRequest("GET", "/", {"Authorization": "key\r\nX-Admin: yes"}),
        HttpRequest("GET", "/", {"Authorization": "key\nX-Admin: yes"}),
        HttpRequest("GET", "/", {"A\r\nX-Admin": "yes"}),
        HttpRequest("GET", "/ HTTP/1.1\r\nX-Admin: yes\r\n\r\n"),
        HttpRequest("GET\r\n", "/"),
    ],
)
def test_a_line_break_in_a_header_is_refused_and_nothing_is_sent(request_: HttpRequest) -> None:
    """An access key with a line break in it must not become a header of its own."""
    with serving(hold) as server:
        with connected(server.port) as connection, pytest.raises(ValueError, match="line break"):
            exchange_over(connection).ask(request_, soon())
        assert server.peer(0).left.wait(5)

        assert server.peer(0).received == b""


def test_an_answer_is_read_whole() -> None:
    """A product judges by status, headers and body."""
    script = answering_and_holding(
        reply(b'{"a":1}', "Server: nginx", "X-A: 1", "x-a: 2", "X-Empty:", status="403 No Way")
    )

    response = ask(script)

    assert (response.status, response.reason, response.body) == (403, "No Way", b'{"a":1}')
    assert response.headers["server"] == "nginx"
    assert response.headers["x-a"] == "1, 2"
    assert response.headers["x-empty"] == ""
    assert response.received_at.tzinfo is not None


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (CHUNKED + b"3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n", 200, b"abcdefg"),
        (HEAD + b"Connection: close\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304, b""),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}"),
        (b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" + reply(b"{}"), 200, b"{}"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * MAX_INTERIM + reply(b"{}"), 200, b"{}"),
        (HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}"),
        (reply(b"\x00\xff\x1b[31m"), 200, b"\x00\xff\x1b[31m"),
    ],
)
def test_every_framing_of_http_1_is_understood(answer: bytes, status: int, body: bytes) -> None:
    """Which one a platform uses is not for us to choose."""
    response = ask(sending(answer))

    assert (response.status, response.body) == (status, body)


def test_headers_of_an_interim_response_are_forgotten() -> None:
    """A 103 may come from a proxy and say nothing about the platform."""
    interim = b"HTTP/1.1 103 Early Hints\r\nServer: proxy\r\nDate: x\r\n\r\n"

    response = ask(sending(interim + reply(b"{}", "Server: platform")))

    assert response.headers["server"] == "platform"
    assert "date" not in response.headers
    assert response.reason == "OK"


def test_an_answer_in_single_bytes_is_put_together() -> None:
    """TCP keeps no message boundaries."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.trickle(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", every_s=0)

    assert ask(script).body == b"abc"


def raw_deflate(content: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(content) + packing.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("x-gzip", gzip.compress(b'{"a":1}', mtime=0)),
        ("GZIP", gzip.compress(b'{"a":1}', mtime=0)),
        ("deflate", zlib.compress(b'{"a":1}')),
        ("deflate", raw_deflate(b'{"a":1}')),
        ("gzip", gzip.compress(b'\xef\xbb\xbf{"a":1}', mtime=0)),
    ],
)
def test_a_compressed_body_is_unpacked(coding: str, packed: bytes) -> None:
    """It was not asked for, but proxies send it, and what it says decides."""
    response = ask(sending(reply(packed, f"Content-Encoding: {coding}")))

    assert response.body == b'{"a":1}'
    assert "content-encoding" not in response.headers


def test_a_compressing_transfer_coding_is_undone_too() -> None:
    """It was not asked for either (RFC 9112 7.4)."""
    packed = gzip.compress(b'{"a":1}', mtime=0)
    head = HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n"

    assert ask(sending(head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed), packed))).body == b'{"a":1}'


def test_a_transfer_coding_that_is_unknown_is_left_to_be_told() -> None:
    """Its body would look like garbage of the platform's."""
    response = ask(sending(HEAD + b"Transfer-Encoding: shrunk\r\n\r\n\x01"))

    assert response.headers["content-encoding"] == "shrunk"


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(bytes(MAX_BODY_BYTES + 1))),
        ("gzip", b"not gzip"),
        ("br", b"\x0b\x03\x80{}\x03"),
    ],
)
def test_a_body_that_cannot_be_unpacked_stays_as_it_is(coding: str, packed: bytes) -> None:
    """A kilobyte of gzip unpacks to a gigabyte; the header says that it is still packed."""
    response = ask(sending(reply(packed, f"Content-Encoding: {coding}")))

    assert response.body == packed
    assert response.headers["content-encoding"] == coding


def test_the_largest_body_is_accepted() -> None:
    """A limit that begins one byte early refuses what it promises to take."""
    assert len(ask(sending(reply(bytes(MAX_BODY_BYTES)))).body) == MAX_BODY_BYTES


def test_the_most_headers_are_accepted() -> None:
    """The length header is one of them."""
    headers = [f"X-{number}: y" for number in range(MAX_HEADERS - 1)]

    assert len(ask(sending(reply(b"{}", *headers))).headers) == MAX_HEADERS


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (flooding(HEAD, b"X: y\r\n"), HEADERS_TOO_LARGE),
        (flooding(HEAD + b"X: ", b"a" * 1000), HEADERS_TOO_LARGE),
        (flooding(HEAD, b"a" * 1000), HEADERS_TOO_LARGE),
        (flooding(b"HTTP/1.1 200 ", b"a" * 1000), HEADERS_TOO_LARGE),
        (flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), HEADERS_TOO_LARGE),
        (flooding(CHUNKED + b"1;", b"a" * 1000), HEADERS_TOO_LARGE),
        (flooding(CHUNKED, b"1;" + b"a" * 1000 + b"\r\nb\r\n"), HEADERS_TOO_LARGE),
        (flooding(CHUNKED + b"0\r\n", b"X: y\r\n"), HEADERS_TOO_LARGE),
        (flooding(CHUNKED + b"0\r\nX: ", b"a" * 1000), HEADERS_TOO_LARGE),
        (flooding(HEAD + b"Content-Length: 9999999999\r\n\r\n", b"a" * 1000), TOO_LARGE),
        (flooding(HEAD + b"\r\n", b"a" * 1000), TOO_LARGE),
        (flooding(CHUNKED, b"3e8\r\n" + b"a" * 1000 + b"\r\n"), TOO_LARGE),
        (sending(reply(bytes(MAX_BODY_BYTES + 1))), TOO_LARGE),
        (sending(reply(b"{}", *(f"X-{n}: y" for n in range(MAX_HEADERS)))), HEADERS_TOO_LARGE),
        (sending(b"HTTP/1.1 100 C\r\n\r\n" * (MAX_INTERIM + 1) + reply()), HEADERS_TOO_LARGE),
    ],
)
def test_an_answer_without_end_is_cut_off(script: Script, cause: Cause) -> None:
    """A hostile platform must not fill a worker's memory."""
    assert failure_of(script).cause is cause


def test_a_giant_header_is_cut_off_soon_after_the_limit() -> None:
    """The limit is on what is read, not on what was stored after reading it all."""
    sent = bytearray()

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(HEAD + b"X: ")
        while len(sent) < 100 * MAX_HEADER_BYTES:
            peer.send(b"a" * 1000)
            sent.extend(bytes(1000))

    assert failure_of(script).cause is HEADERS_TOO_LARGE
    assert len(sent) < 100 * MAX_HEADER_BYTES


@pytest.mark.parametrize(
    ("answer", "violation", "line"),
    [
        (b"HTTP/1.1 abc OK\r\n\r\n", STATUS_LINE, "HTTP/1.1 abc OK"),
        (b"HTTP/1.2 200 OK\r\n\r\n", STATUS_LINE, "HTTP/1.2 200 OK"),
        (b"HTTP/3.7 200 OK\r\n\r\n", STATUS_LINE, "HTTP/3.7 200 OK"),
        (b"ICY 200 OK\r\n\r\n", STATUS_LINE, "ICY 200 OK"),
        (HEAD + b"no colon here\r\n\r\n", NO_COLON, "no colon here"),
        (HEAD + b"X: a\nY: b\r\n\r\n", BARE_LF, "X"),
        (b"HTTP/1.1 200 OK\nX: a\n\n", BARE_LF, "HTTP/1.1 200 OK"),
        (HEAD + b"X: a\rb\r\n\r\n", STRAY_CR, "X"),
        (HEAD + b"X: a\x00b\r\n\r\n", NUL, "X"),
        (HEAD + b"Set-Cookie: a\x0b\x01\r\n\r\n", CONTROL_CHARACTER, "Set-Cookie"),
        (HEAD + b"X : a\r\n\r\n", BLANK_BEFORE_COLON, "X"),
        (HEAD + b"X Y: a\r\n\r\n", BAD_NAME, "X Y: a"),
        (HEAD + b": a\r\n\r\n", BAD_NAME, ": a"),
        (HEAD + b" X: a\r\n\r\n", UNNAMED, None),
        (HEAD + b"X: a\r\n\n", UNNAMED, None),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}", LENGTHS_DIFFER, LENGTHS),
        (HEAD + b"Content-Length: 2\r\n" + CHUNKED_LINES + b"0\r\n\r\n", TWO_FRAMINGS, BOTH),
        (CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n", TWO_FRAMINGS, BOTH),
        (HEAD + b"Content-Length: -1\r\n\r\n", BAD_LENGTH, "Content-Length"),
        (HEAD + b"Content-Length: 9%s\r\n\r\n" % (b"9" * 22), BAD_LENGTH, "Content-Length"),
        (HEAD + b"Content-Length: two\r\n\r\n{}", BAD_LENGTH, "Content-Length"),
        (HEAD + b"Transfer-Encoding: chunked, br\r\n\r\nx", CHUNKED_NOT_LAST, f"{CODING}, br"),
    ],
)
def test_a_head_that_breaks_a_rule_is_told_by_its_line(
    answer: bytes, violation: str, line: str | None
) -> None:
    """'Invalid header' sends nobody to the line that a browser reads over."""
    failed = failure_of(sending(answer))

    assert failed.cause is MALFORMED
    assert failed.finding.facts["violation"] == violation
    assert failed.finding.facts.get("broken_line") == line


@pytest.mark.parametrize(
    ("answer", "violation"),
    [
        (CHUNKED + b"-1\r\n", BAD_CHUNK),
        (CHUNKED + b"xyz\r\n", BAD_CHUNK),
        (CHUNKED + b"FFFFFFFFFFFFFFFFFFFF\r\n", BAD_CHUNK),
        (CHUNKED + b"2\r\nabc\r\n0\r\n\r\n", BAD_CHUNK),
        (b"HTTP/1.1 101 Switching Protocols\r\n" + UPGRADE + b"\r\n", SWITCHED),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", SWITCHED),
    ],
)
def test_what_follows_a_head_can_break_a_rule_too(answer: bytes, violation: str) -> None:
    """A lenient reading is how requests are smuggled; where it breaks tells what to look for."""
    failed = failure_of(sending(answer))

    assert failed.cause is MALFORMED
    assert failed.finding.facts["violation"] == violation


def test_what_browsers_read_over_is_told_as_that() -> None:
    """Whoever sees the page in a browser takes the verdict for wrong."""
    assert "browsers and curl read over it" in said(
        failure_of(sending(HEAD + b"X: a\nY: b\r\n\r\n"))
    )
    assert "browsers" not in said(failure_of(sending(CHUNKED + b"xyz\r\n")))


def test_a_line_in_the_answer_to_credentials_is_not_quoted() -> None:
    """It may be an echo of what was sent; a header's name is none."""
    with (
        serving(sending(HEAD + b"no colon\r\n\r\n")) as server,
        connected(server.port) as connection,
    ):
        failed = failure_to(lambda: exchange_over(connection).ask(SIGN_IN, soon()))

    assert failed.finding.facts["violation"] == NO_COLON
    assert "broken_line" not in failed.finding.facts


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
        HEAD + b"X: a\r\n  b\r\n\tc\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n" + HEAD + b"X: a\r\n b\r\n\r\n{}",
    ],
)
@pytest.mark.parametrize("every_s", [None, 0.0])
def test_what_a_recipient_may_read_is_read(answer: bytes, every_s: float | None) -> None:
    """RFC 9112 5.2 and 6.3 allow it, and a platform that works for all clients works for us."""

    def script(peer: Peer) -> None:
        peer.read_request()
        if every_s is None:
            peer.send(answer)
        else:
            peer.trickle(answer, every_s)

    response = ask(script)

    assert (response.status, response.body) == (200, b"{}")
    assert response.headers.get("x") in (None, "a b", "a b c")


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\x01\x02\x03garbage\xff\xfe",
        b"<html>an HTTP/0.9 server has no status line</html>",
    ],
)
def test_what_is_no_http_is_told_apart(answer: bytes) -> None:
    """Garbage must not become a verdict on a platform that is somewhere else."""
    assert failure_of(sending(answer)).cause is NOT_HTTP


@pytest.mark.parametrize(
    "frame",
    [
        bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]),
        bytes([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100]),
        bytes([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ],
)
def test_a_server_of_http_2_alone_is_called_that(frame: bytes) -> None:
    """To the eye its answer is garbage, and the remedy is a setting of the server."""
    assert failure_of(sending(frame)).cause is HTTP2_ONLY


def test_a_malformed_answer_is_quoted_in_printable_characters() -> None:
    """The first bytes tell an expert what it is; they must not move his terminal's cursor."""
    failed = failure_of(sending(b"\x1b[2J\x07hello\r\n"))

    summary = failed.finding.summary(KNOWN)
    assert "hello" in summary
    assert summary.isprintable()


def test_an_answer_to_credentials_is_not_quoted() -> None:
    """An echo may be cut in the middle of a secret, where no redactor finds it."""
    script = sending(b"hunter2-is-a-long-password-of-mine\r\n")
    with serving(script) as server, connected(server.port) as connection:
        failed = failure_to(lambda: exchange_over(connection).ask(SIGN_IN, soon()))

    assert failed.cause is NOT_HTTP
    assert failed.finding.facts == {"first_bytes": "(not shown)"}


def test_endless_interim_responses_are_said_to_be_that() -> None:
    """Whoever reads of headers would look for them in vain."""
    failed = failure_of(flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n"))

    assert f"more than {MAX_INTERIM} interim responses" in said(failed)


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
        (b"220 mail.example.com ESMTP\r\n", "SMTP or FTP"),
        (b"-ERR unknown command 'GET'\r\n", "Redis"),
        (b"RFB 003.008\n", "VNC"),
        (b"* OK IMAP4rev1 ready\r\n", "IMAP"),
        (b"+OK POP3 ready\r\n", "POP3"),
        (b"RTSP/1.0 400 Bad Request\r\n\r\n", "RTSP"),
    ],
)
def test_another_protocol_is_called_by_its_name(greeting: bytes, name: str) -> None:
    """To read that it is SSH tells a caller at once that the port is wrong."""
    failed = failure_of(sending(greeting))

    assert failed.cause is PORT_SPEAKS_OTHER
    assert f"serves {name}," in failed.finding.summary(KNOWN)


def test_a_greeting_before_the_request_is_seen_too() -> None:
    """SSH servers speak first; what they say is there before we have asked."""

    def script(peer: Peer) -> None:
        peer.send(b"SSH-2.0-x\r\n")
        peer.hold()

    assert failure_of(script).cause is PORT_SPEAKS_OTHER


def test_http_is_no_other_protocol() -> None:
    """Only known greetings have a name."""
    assert protocol_of(b"HTTP/1.1 200 OK") is None
    assert protocol_of(b"") is None


@pytest.mark.parametrize("record", [b"\x15\x03\x01\x00\x02\x02\x46", b"\x16\x03\x03\x00\x05hello"])
def test_tls_records_in_the_answer_tell_that_tls_is_expected(record: bytes) -> None:
    """The remedy is https://, and no other cause says so."""
    assert failure_of(sending(record)).cause is TLS_ON_HTTP_URL


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (hang_up_after_reading, EMPTY_REPLY),
        (reset_after_reading, RESET),
        (sending(b"HTT"), TRUNCATED),
        (sending(HEAD), TRUNCATED),
        (sending(HEAD + b"Content-Length: 5\r\n\r\nab"), TRUNCATED),
        (sending(CHUNKED + b"5\r\nab"), TRUNCATED),
        (sending(CHUNKED + b"2\r\nab\r\n"), TRUNCATED),
    ],
)
def test_an_early_end_is_told_by_how_early_it_is(script: Script, cause: Cause) -> None:
    """Nothing, a reset and half an answer have different people to ask."""
    assert failure_of(script).cause is cause


def test_a_reset_in_the_middle_of_the_answer_is_a_truncation() -> None:
    """The platform was reached and did answer."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(HEAD + b"Content-Length: 5\r\n\r\nab")
        peer.reset()

    assert failure_of(script).cause is TRUNCATED


def test_silence_ends_at_the_deadline() -> None:
    """A platform that accepts and hangs is a different fault from one that is not there."""
    failed = failure_of(hold, deadline=Deadline.after(0.2))

    assert failed.cause is HEADER_TIMEOUT
    waited_s = failed.finding.facts["waited_s"]
    assert isinstance(waited_s, float)
    assert 0.2 <= waited_s < EXCHANGE_S


@pytest.mark.parametrize("start", [HEAD, HEAD + b"Content-Length: 5\r\n\r\n", CHUNKED + b"5\r\nab"])
def test_silence_after_a_beginning_is_a_slow_answer(start: bytes) -> None:
    """The platform did begin to answer, so port and protocol are right."""
    script = answering_and_holding(start)

    assert failure_of(script, deadline=Deadline.after(0.2)).cause is BODY_TIMEOUT


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 ",
        HEAD + b"X: ",
        HEAD + b"Content-Length: 999\r\n\r\n",
        HEAD + b"\r\n",
        CHUNKED + b"3e7\r\n",
        CHUNKED + b"3e7;",
    ],
)
def test_a_trickling_answer_does_not_move_the_deadline(start: bytes) -> None:
    """One byte at a time keeps a naive timeout of each read from ever passing."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(start)
        peer.trickle(b"a" * 900, 0.05)

    failed = failure_of(script, deadline=Deadline.after(0.5))

    assert failed.cause is BODY_TIMEOUT  # after 45 s the peer would hang up


def test_an_answer_that_was_sent_before_the_request_survives_a_reset() -> None:
    """A busy load balancer says 503 and resets at once; its words tell more than the reset."""
    is_connected = Event()

    def script(peer: Peer) -> None:
        assert is_connected.wait(5)
        peer.send(reply(status="503 Service Unavailable"))
        peer.reset()

    with serving(script) as server, connected(server.port) as connection:
        is_connected.set()
        assert server.peer(0).left.wait(5)

        assert exchange_over(connection).ask(GET, soon()).status == 503


def ask_times(count: int, *scripts: Script) -> tuple[list[int], int, int]:
    """Ask `count` times; return the statuses, the connections made and the requests sent."""
    with serving(*scripts) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        statuses = [exchange.ask(GET, soon()).status for _ in range(count)]
        return statuses, server.count_connections(), len(server.requests)


def closing_on_the_second_request(*, is_reset: bool) -> Script:
    """Return the script of a platform that answers once."""

    def script(peer: Peer) -> None:
        answering(reply())(peer)
        peer.read_request()
        if is_reset:
            peer.reset()

    return script


def test_a_connection_that_is_kept_alive_is_used_again() -> None:
    """One connection a test is what the platform's log should show."""
    script = answering_and_holding(reply(), reply(status="404 Not Found"), reply())

    assert ask_times(3, script) == ([200, 404, 200], 1, 3)


def test_the_json_of_an_answer_is_not_kept_while_the_next_is_awaited() -> None:
    """Of a body of 1 MiB it can take 30 MB, and 200 tests wait at once."""

    def flow() -> Flow[HttpResponse]:
        return (yield GET)

    with serving(answering(reply(), reply())) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        first = exchange.ask(GET, soon())
        parsed = first.json_value()
        exchange.follow(flow(), soon())

        assert first.json_value() is not parsed


def test_a_connection_is_opened_again_after_connection_close() -> None:
    """Many platforms close after every answer."""
    script = answering_and_holding(reply(b"{}", CLOSE))

    assert ask_times(3, script) == ([200, 200, 200], 3, 3)


def test_an_http_1_0_server_is_connected_to_for_each_request() -> None:
    """Its answers end with the connection."""
    assert ask_times(3, answering(b"HTTP/1.0 200 OK\r\n\r\n{}")) == ([200, 200, 200], 3, 3)


def test_a_connection_that_was_closed_between_two_requests_is_opened_again() -> None:
    """An idle timeout of the platform's is no fault of it."""
    with serving(answering(reply()), answering(reply(b"second"))) as server:
        with connected(server.port) as connection:
            exchange = exchange_over(connection)
            exchange.ask(GET, soon())
            assert server.peer(0).left.wait(5)

            assert exchange.ask(SIGN_IN, soon()).body == b"second"
        assert len(server.requests) == 2


@pytest.mark.parametrize("is_reset", [True, False])
def test_a_connection_that_closes_as_the_next_request_comes_is_opened_again(
    is_reset: bool,
) -> None:
    """The platform's idle timeout and our request can cross on the way (RFC 9112 9.3.1)."""
    script = closing_on_the_second_request(is_reset=is_reset)
    with (
        serving(script, answering(reply(b"second"))) as server,
        connected(server.port) as connection,
    ):
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())

        assert exchange.ask(GET, soon()).body == b"second"
        assert len(server.requests) == 3


def test_a_request_is_repeated_once_at_most() -> None:
    """A platform that closes on every request has a fault, and that is the answer."""
    script = closing_on_the_second_request(is_reset=False)
    with serving(script, hang_up_after_reading) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())

        assert failure_to(lambda: exchange.ask(GET, soon())).cause is EMPTY_REPLY
        assert server.count_connections() == 2


IDLE = answering(reply(), reply(status="408 Request Timeout"))


def test_a_408_for_an_idle_connection_is_asked_again_on_a_fresh_one() -> None:
    """RFC 9110 15.5.9: the server was about to close it, and has not read the request."""
    with serving(IDLE, always(reply(b"again"))) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())

        assert exchange.ask(GET, soon()).body == b"again"
        assert server.count_connections() == 2


def test_a_408_to_a_sign_in_is_its_answer() -> None:
    """A key pair is presented once."""
    with serving(IDLE, always(reply(b"again"))) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())

        assert exchange.ask(SIGN_IN, soon()).status == 408
        assert server.count_connections() == 1


@pytest.mark.parametrize("is_reset", [True, False])
def test_credentials_are_never_sent_twice(is_reset: bool) -> None:
    """The platform may have counted the sign-in before it closed; three of them lock an account."""
    script = closing_on_the_second_request(is_reset=is_reset)
    with serving(script, answering(reply())) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())

        failed = failure_to(lambda: exchange.ask(SIGN_IN, soon()))
        assert failed.cause is (RESET if is_reset else EMPTY_REPLY)
        assert len(server.requests) == 2
        assert server.count_connections() == 1


def test_the_first_request_is_not_repeated() -> None:
    """The connection was fresh, so there is no idle timeout to excuse the platform with."""
    with serving(hang_up_after_reading, answering(reply())) as server:
        with connected(server.port) as connection:
            failed = failure_to(lambda: exchange_over(connection).ask(GET, soon()))

        assert failed.cause is EMPTY_REPLY
        assert server.count_connections() == 1


def test_a_request_that_was_half_answered_is_not_repeated() -> None:
    """The platform has worked on it."""
    script = answering(reply(), HEAD + b"Content-Length: 9\r\n\r\nhalf")
    with serving(script, answering(reply())) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())

        assert failure_to(lambda: exchange.ask(GET, soon())).cause is TRUNCATED
        assert server.count_connections() == 1


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one() -> None:
    """A platform could prepare the verdict on a sign-in that it never saw."""
    may_send, was_sent = Event(), Event()

    def script(peer: Peer) -> None:
        answering(reply())(peer)
        may_send.wait(5)
        peer.send(reply(b"forged"))
        was_sent.set()
        peer.hold()

    with (
        serving(script, answering(reply(b"genuine"))) as server,
        connected(server.port) as connection,
    ):
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())
        may_send.set()
        assert was_sent.wait(5)

        assert exchange.ask(SIGN_IN, soon()).body == b"genuine"


def test_a_second_response_in_the_same_segment_does_not_change_the_first() -> None:
    """A platform could put its "welcome" behind the 401 that it means."""
    both = reply(b"no", status="401 Unauthorized") + reply(b"welcome")
    with (
        serving(answering_and_holding(both), answering(reply(b"next"))) as server,
        connected(server.port) as connection,
    ):
        exchange = exchange_over(connection)
        response = exchange.ask(GET, soon())

        assert (response.status, response.reason, response.body) == (401, "Unauthorized", b"no")
        assert exchange.ask(GET, soon()).body == b"next"


def test_the_pin_holds_when_the_connection_is_opened_again() -> None:
    """The first connection may be let through in order to get at the sign-in on the next."""
    genuine, impostor = self_signed(NAME), self_signed(NAME)
    tls = genuine.server_context()
    contexts = iter([tls, impostor.server_context()])
    tls.sni_callback = lambda secured, _, __: setattr(secured, "context", next(contexts))
    pinned = TlsOptions(fingerprint_sha256=fingerprint(genuine.der))
    client = TlsClient(Trust().context_for(pinned), NAME, pinned.fingerprint_sha256)
    with (
        serving(answering(reply(b"{}", CLOSE)), answering(reply()), tls=tls) as server,
        connected(server.port) as connection,
    ):
        connection.secure(client, soon())
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())

        failed = failure_to(lambda: exchange.ask(SIGN_IN, soon()))
        assert failed.cause is PIN_CHANGED
        assert fingerprint(impostor.der) in said(failed)
        assert len(server.requests) == 1


def test_a_second_connection_with_an_expired_certificate_is_told_as_that() -> None:
    """One of the servers behind an address has the old certificate; it is no connection limit."""
    ours = Authority()
    past = Validity(not_after=NOW - timedelta(days=10))
    tls = ours.issue(NAME).server_context()
    contexts = iter([tls, ours.issue(NAME, validity=past).server_context()])
    tls.sni_callback = lambda secured, _, __: setattr(secured, "context", next(contexts))
    trusting = TlsOptions(ca_certificate=ours.pem)
    client = TlsClient(Trust().context_for(trusting), NAME)
    with (
        serving(answering(reply(b"{}", CLOSE)), hold, tls=tls) as server,
        connected(server.port) as connection,
    ):
        connection.secure(client, soon())
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())

        failed = failure_to(lambda: exchange.ask(SIGN_IN, soon()))
        assert failed.cause is CHAIN_EXPIRED
        assert "another connection to the same address received a valid certificate" in said(failed)
        assert len(server.requests) == 1


def test_a_platform_that_takes_no_second_connection_is_told_apart() -> None:
    """It is reachable, as the steps before have shown; a limit is what to look for."""

    def only_once(peer: Peer) -> None:
        peer.read_request()
        peer.server.stop_listening()
        peer.send(reply(b"{}", CLOSE))

    with serving(only_once) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())

        failed = failure_to(lambda: exchange.ask(GET, soon()))
        assert failed.cause is REOPEN_FAILED
        assert "ConnectionRefusedError" in failed.finding.summary(KNOWN)


def test_a_flow_is_sent_each_answer_and_its_result_is_returned() -> None:
    """Products are conversations; this is what carries them on."""

    def flow() -> Flow[list[bytes]]:
        first = yield GET
        second = yield HttpRequest("GET", "/" + first.text)
        return [first.body, second.body]

    with (
        serving(answering_and_holding(reply(b"a"), reply(b"b"))) as server,
        connected(server.port) as connection,
    ):
        assert exchange_over(connection).follow(flow(), soon()) == [b"a", b"b"]
        assert server.requests[1].startswith(b"GET /a HTTP/1.1\r\n")


def test_a_flow_may_ask_nothing() -> None:
    """An answer of an earlier step can have told already."""

    def flow() -> Flow[str]:
        yield from ()
        return "known"

    with serving(hold) as server, connected(server.port) as connection:
        assert exchange_over(connection).follow(flow(), soon()) == "known"
        assert server.requests == []


def test_a_flow_may_go_on_without_an_answer() -> None:
    """What it asks beside the point must not fail a platform that works."""

    def flow() -> Flow[str]:
        first = yield GET
        try:
            yield HttpRequest("GET", "/unanswered")
        except Failed as failed:
            return f"{first.text}, then {failed.cause.code}"
        return ""

    def script(peer: Peer) -> None:
        while (request := peer.read_request()) and b"/unanswered" not in request:
            peer.send(reply(b"known"))

    with serving(script) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        assert exchange.follow(flow(), soon()) == f"known, then {EMPTY_REPLY.code}"


def test_a_failure_that_a_flow_raises_is_the_steps() -> None:
    """The product alone knows what its answers mean."""

    def flow() -> Flow[None]:
        yield GET
        raise Failed(NOT_HTTP, first_bytes="it says so")

    with serving(answering(reply())) as server, connected(server.port) as connection:
        exchange = exchange_over(connection)
        assert failure_to(lambda: exchange.follow(flow(), soon())).cause is NOT_HTTP


def test_a_failure_has_the_words_of_the_answer_that_it_judges() -> None:
    """Each product would forget them somewhere; one that knows better keeps its own."""

    def flow() -> Flow[None]:
        yield GET
        yield GET
        raise Failed(EMPTY_REPLY, error_code="ours")

    first, second = reply(b"of no interest"), reply(b'{"error": {"code": "E7", "message": "no"}}')
    with (
        serving(answering_and_holding(first, second)) as server,
        connected(server.port) as connection,
    ):
        exchange = exchange_over(connection)
        failed = failure_to(lambda: exchange.follow(flow(), soon()))
    assert failed.finding.facts == {"says": "no", "error_code": "ours"}


def test_a_failure_before_the_first_request_has_no_words_of_the_platform() -> None:
    """What the platform said before has nothing to do with an option that is missing."""

    def flow() -> Flow[None]:
        yield from ()
        raise Failed(EMPTY_REPLY)

    with (
        serving(answering_and_holding(reply(b'{"error": {"message": "denied"}}'))) as server,
        connected(server.port) as connection,
    ):
        exchange = exchange_over(connection)
        exchange.ask(GET, soon())
        assert failure_to(lambda: exchange.follow(flow(), soon())).finding.facts == {}


def server_tls() -> ssl.SSLContext:
    return Authority().issue(NAME).server_context()


def tls_ask(tls: ssl.SSLContext, script: Script) -> HttpResponse:
    unchecked = Trust().context_for(TlsOptions(verify=False))
    with serving(script, tls=tls) as server, connected(server.port) as connection:
        connection.secure(TlsClient(unchecked, NAME), soon())
        return exchange_over(connection).ask(GET, soon())


def test_an_answer_over_tls_is_read() -> None:
    """Most platforms are asked over TLS."""
    assert tls_ask(server_tls(), answering_and_holding(reply(b"x" * 50_000))).body == b"x" * 50_000


def test_a_body_may_end_with_the_connection_without_a_goodbye() -> None:
    """Many servers leave out close_notify."""
    assert tls_ask(server_tls(), answering(HEAD + b"\r\nuntil the end")).body == b"until the end"


def test_a_truncated_answer_over_tls_is_truncated() -> None:
    """A missing close_notify must not hide that bytes are missing."""
    script = sending(HEAD + b"Content-Length: 9\r\n\r\nhalf")

    assert failure_of(script, tls=server_tls()).cause is TRUNCATED


def test_an_empty_reply_over_tls_is_an_empty_reply() -> None:
    """TLS has an end of its own, which must not change the verdict."""
    assert failure_of(hang_up_after_reading, tls=server_tls()).cause is EMPTY_REPLY


def test_silence_over_tls_ends_at_the_deadline() -> None:
    """The timeout is that of the socket underneath."""
    failed = failure_of(hold, tls=server_tls(), deadline=Deadline.after(0.2))

    assert failed.cause is HEADER_TIMEOUT


def test_a_demand_for_a_client_certificate_shows_in_the_exchange() -> None:
    """With TLS 1.3 the handshake is over for us before the server has judged our part of it."""
    tls, authority = server_tls(), Authority()
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=authority.pem)

    assert failure_of(hold, tls=tls).cause is CLIENT_CERT_REQUIRED


def test_a_demand_for_a_client_certificate_survives_the_reset_after_it() -> None:
    """Many servers send the alert and close with our request unread, which resets."""
    tls, authority = server_tls(), Authority()
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(cadata=authority.pem)
    unchecked = Trust().context_for(TlsOptions(verify=False))
    with (
        serving(lambda peer: peer.shake_hands_rudely(tls)) as server,
        connected(server.port) as connection,
    ):
        connection.secure(TlsClient(unchecked, NAME), soon())
        assert server.peer(0).left.wait(5)

        failed = failure_to(lambda: exchange_over(connection).ask(GET, soon()))
        assert failed.cause is CLIENT_CERT_REQUIRED


def test_garbage_between_tls_records_breaks_tls() -> None:
    """It is no answer of the platform's, however it looks."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send_beneath_tls(reply())
        peer.hold()

    assert failure_of(script, tls=server_tls()).cause is BROKE_OFF


class TestElsewhere:
    """Requests for another host of the same platform."""

    def test_such_a_request_goes_there_and_the_connection_stays(self) -> None:
        """AWS answers who signs at one host and what the signer may do at another."""
        here = answering_and_holding(reply(b"one"), reply(b"three"))
        with serving(here) as home, serving(answering(reply(b"two"))) as other:
            at = Endpoint("127.0.0.1", other.port, "http")
            further = FurtherEndpoints(HOME, TlsOptions(), Site(LOOPBACK_ALLOWED, Trust()))
            exchange = Exchange(connected(home.port), HOME, further.connection)

            requests = (GET, HttpRequest("GET", "/regions", at=at), GET)
            answers = [exchange.ask(request, soon()).text for request in requests]

            assert answers == ["one", "two", "three"]
            assert len(home.requests) == 2
            assert b"\r\nHost: 127.0.0.1:%d\r\n" % other.port in other.requests[0]

    def test_a_host_that_is_not_to_be_had_is_named(self) -> None:
        """Else the reader takes the platform under test for the one that refuses."""
        with serving(answering(reply(b"one"))) as home, serving(hold) as other:
            other.stop_listening()
            at = Endpoint("127.0.0.1", other.port, "http")
            further = FurtherEndpoints(HOME, TlsOptions(), Site(LOOPBACK_ALLOWED, Trust()))
            exchange = Exchange(connected(home.port), HOME, further.connection)

            failed = failure_to(lambda: exchange.ask(HttpRequest("GET", "/", at=at), soon()))

            assert failed.cause is TCP_REFUSED
            assert failed.finding.facts["host"] == "127.0.0.1"
            assert failed.finding.facts["port"] == other.port
            assert home.requests == []

    def test_what_the_caller_may_not_have_tested_is_not_asked(self) -> None:
        """The product names the host, but the token's policy decides."""
        policy = TargetPolicy(domains=("cloud.example.com",))
        site = Site(LOOPBACK_ALLOWED, Trust()).limited_to(policy)
        with serving(answering(reply(b"one"))) as home:
            further = FurtherEndpoints(HOME, TlsOptions(), site)
            exchange = Exchange(connected(home.port), HOME, further.connection)
            at = Endpoint("ec2.example.net", 443, "https")

            failed = failure_to(lambda: exchange.ask(HttpRequest("GET", "/", at=at), soon()))

            assert failed.cause is NAME_BLOCKED


def test_the_signature_in_a_query_is_made_known_before_it_is_sent() -> None:
    """CloudStack has it there, and a platform may echo the whole URL."""
    known: list[Mapping[str, str]] = []
    request = HttpRequest("GET", "/api?apiKey=AKID&signature=q83v%2B%3D", {"X-Date": "today"})
    with serving(answering(reply(b"{}"))) as server, connected(server.port) as connection:
        Exchange(connection, endpoint(), learn=known.append).ask(request, soon())

    assert known == [{"X-Date": "today", "apiKey": "AKID", "signature": "q83v+="}]


def test_an_answer_that_was_lost_on_the_path_is_no_silence() -> None:
    """The end of the answer arrived, so the platform has given it."""
    large, small = reply(b"x" * 3000), reply()

    def act() -> Failed:
        with (
            serving(answering_and_holding(small, large)) as server,
            connected(server.port) as connection,
        ):
            lose_large_packets(sent_by=server.port)
            exchange = Exchange(connection, endpoint(scheme="http"))
            exchange.ask(HttpRequest("GET", "/"), soon())
            return failure_to(lambda: exchange.ask(HttpRequest("GET", "/"), Deadline.after(0.5)))

    failed = in_own_network(act, *SMALL_MTU)

    assert failed.cause is ANSWER_LOST
    assert failed.finding.facts["out_of_order"] == 1
