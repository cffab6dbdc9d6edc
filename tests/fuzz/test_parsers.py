"""Send each parser what it can't expect; it may refuse, and may not break (hypothesis)."""

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.jobs.events import last_seen
from api.preferences import Preferences
from shared.diagnosis.outcomes import Failed
from shared.endpoint import parse_endpoint
from shared.platform.http import HttpRequest, HttpResponse
from shared.text import is_hidden
from tests.certificates.crafted import Authority
from tests.network.loopback import connected, endpoint, said, soon
from tests.network.servers import answering, serving
from worker.http.exchange import Exchange
from worker.tls.chain import NoCertificateError, chain_of, facts_of_each
from worker.tls.handshake_messages import Flight

pytestmark = pytest.mark.timeout(3600)
DER = Authority().issue("cloud.example.com", "10.0.0.7", issuer_url="http://h/ca").der

_URL_PARTS = [
    "http",
    "https",
    "://",
    ":",
    "/",
    "[",
    "]",
    "@",
    "#",
    "?",
    "%",
    "\\",
    ".",
    "..",
    "xn--",
]
URLS = st.lists(st.one_of(st.sampled_from(_URL_PARTS), st.text(max_size=8))).map("".join)

_HTTP_PARTS = [
    *(
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.0 204 \r\n",
        b"\r\n",
        b"\n",
    ),
    *(
        b"Content-Length: ",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
    ),
    *(b"Connection: close\r\n", b"Upgrade: x\r\nConnection: upgrade\r\n", b"X: y\r\n", b": \r\n"),
    *(b"0\r\n\r\n", b"5\r\nhello\r\n", b"ffffffff\r\n", b"-1", b"1;a=b\r\nx\r\n", b"{}", b"\0"),
]
ANSWERS = st.lists(st.one_of(st.sampled_from(_HTTP_PARTS), st.binary(max_size=20))).map(b"".join)

_CHANGES = st.lists(
    st.tuples(st.integers(0, len(DER) - 1), st.integers(0, 255)), min_size=1, max_size=6
)


@given(st.one_of(URLS, st.text()))
def test_an_endpoint_is_refused_or_read_the_same_again(text: str) -> None:
    """A second parser must not see another host."""
    try:
        found = parse_endpoint(text)
    except Failed as failed:
        failed.finding.summary({})
        return
    assert parse_endpoint(str(found)) == found
    assert found.host.isascii()
    assert not any(is_hidden(character) for character in str(found))


@given(st.binary(max_size=200), ANSWERS)
def test_whatever_bytes_answer_the_exchange_ends_in_a_verdict(start: bytes, rest: bytes) -> None:
    """Or in an answer; nothing else may leave the channel."""
    for content in (rest, rest + start, start):
        with serving(answering(content)) as server, connected(server.port) as connection:
            exchange = Exchange(connection, endpoint(port=server.port, scheme="http"))
            try:
                response = exchange.ask(HttpRequest("GET", "/"), soon())
            except Failed as failed:
                said(failed)
            else:
                assert 100 <= response.status <= 999


@given(_CHANGES, st.binary(max_size=30), st.integers(0, len(DER)))
def test_a_mutated_certificate_is_read_or_refused(
    changes: list[tuple[int, int]], tail: bytes, end: int
) -> None:
    """It is the first thing that a stranger sends."""
    der = bytearray(DER)
    for at, byte in changes:
        der[at] = byte
    for shown in (bytes(der), bytes(der[:end]) + tail):
        facts = facts_of_each([shown])
        with suppress(NoCertificateError):
            chain = chain_of((shown,))
            facts |= {"path": tuple(one.subject for one in chain.path)}
        texts = [part for fact in facts.values() if isinstance(fact, tuple) for part in fact]
        texts += [fact for fact in facts.values() if isinstance(fact, str)]
        assert not any(is_hidden(character) for text in texts for character in text)


@given(st.binary(max_size=400), st.sampled_from([1, 2, 4, 11, 13]), st.sampled_from([21, 22]))
def test_a_handshake_message_of_any_bytes_is_heard(content: bytes, message: int, kind: int) -> None:
    """A message may be shorter than it says."""
    flight = Flight()
    for version in (0x0303, 0x0304):
        flight.hear(None, "read", version, kind, message, content)  # type: ignore[arg-type] # not used


_RAW = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=5), inner)),
)


@given(st.one_of(_RAW.map(json.dumps).map(str.encode), st.binary()), st.text(max_size=60))
def test_a_body_is_read_whatever_it_is(body: bytes, header: str) -> None:
    """As text, as JSON, as a date: each has an answer for what it is not."""
    names = ("date", "content-type", "retry-after", "location")
    response = HttpResponse(200, "", dict.fromkeys(names, header), body, datetime.now(UTC))

    assert isinstance(response.json_object(), dict)
    assert isinstance(response.text, str)
    assert response.looks_like_html in (True, False)
    assert response.date is None or response.date.tzinfo
    response.xml()


@given(st.text())
def test_a_last_event_id_is_an_id_or_none(header: str) -> None:
    """It goes to Redis."""
    seen = last_seen(header)

    assert seen is None or (seen == header and seen.replace("-", "").isdecimal() and seen.isascii())


@given(
    st.lists(st.one_of(st.text(), st.sampled_from(['wait="', "respond-async", ";", ",", '\\"'])))
)
def test_preferences_are_read_whatever_they_are(lines: list[str]) -> None:
    """An odd header is as good as none."""
    found = Preferences.parse(*lines, "".join(lines))

    assert found.wait_s is None or 0 <= found.wait_s <= 300
