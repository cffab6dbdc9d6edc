"""What hostile servers do, by the id of the attack; each is a script for tests.network.servers."""

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from tests.network.servers import Peer, Script, answering, hold, reply

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
JSON = "Content-Type: application/json"
PAYLOAD = (
    "\x1b]0;owned\x07\x1b[2J=HYPERLINK(0)\r\nlevel=error forged=1\u202e<script>alert(1)</script>"
)
"""Escapes of a terminal, a formula of a spreadsheet, a forged log line, bidi, HTML."""
BOMB = gzip.compress(bytes(50_000_000))


def ready() -> bytes:
    """Return a ZStack's answer to the first request."""
    return reply(b"{}", JSON, f"Date: {format_datetime(datetime.now(UTC), usegmt=True)}")


def version(text: str = "5.2.1") -> bytes:
    """Return a ZStack's answer to the question for its version."""
    return reply(
        json.dumps({"version": text}).encode(),
        JSON,
        f"Date: {format_datetime(datetime.now(UTC), usegmt=True)}",
    )


def always(*answers: bytes) -> Script:
    """Return the script that gives each request one of `answers`, and the last to all further."""

    def script(peer: Peer) -> None:
        number = 0
        while peer.read_request():
            peer.send(answers[min(number, len(answers) - 1)])
            number += 1

    return script


def at_the_sign_in(answer: bytes) -> Script:
    """Return the script that is a ZStack's until the key pair is presented."""
    return always(ready(), version(), answer)


def flood(start: bytes, again: bytes) -> Script:
    """Return the script that answers without an end."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(start)
        peer.flood(again)

    return script


def drip(start: bytes, text: bytes = b"a" * 50_000) -> Script:
    """Return the script that sends a byte now and then."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(start)
        peer.trickle(text, 0.02)

    return script


def _deep(kind: str) -> bytes:
    return (kind * 100_000).encode()


_BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">'
    + b"".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(9))
    + b"]><l>&j;</l>"
)
_XXE = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">'
    b'<!ENTITY % d SYSTEM "http://127.0.0.1:1/x.dtd">%d;]><l>&x;</l>'
)

HTTP: Mapping[str, Sequence[Script]] = {
    "F1": [
        flood(HEAD + b"\r\n", b"a" * 65_536),
        flood(CHUNKED, b"ffff\r\n" + b"a" * 65_535 + b"\r\n"),
    ],
    "F2": [
        flood(HEAD, b"X: y\r\n" * 1000),
        flood(HEAD + b"X: ", b"a" * 65_536),
        always(HEAD + b"X: y\r\n" * 100_000 + b"\r\n"),
    ],
    "F3": [
        drip(b"", HEAD + b"X: y\r\n" * 9000),
        drip(b"HTTP/1.1 200 "),
        drip(HEAD + b"X: "),
        drip(HEAD + b"Content-Length: 9999\r\n\r\n"),
        hold,
    ],
    "F4": [
        always(reply(BOMB, "Content-Encoding: gzip")),
        always(reply(BOMB, "Content-Encoding: " + "gzip, " * 50 + "gzip")),
        always(reply(b"\x8b" * 100_000, "Content-Encoding: br, zstd")),
    ],
    "F5": [
        always(reply(BOMB, "Location: /", "Content-Encoding: gzip", status="302 Found")),
        flood(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"a" * 65_536),
    ],
    "F6": [
        always(CHUNKED + b"ffffffffffffffffffffffff\r\n"),
        always(CHUNKED + b"-1\r\nab\r\n"),
        always(CHUNKED + b"zz\r\n"),
        flood(CHUNKED + b"0\r\n", b"X: y\r\n"),
        flood(CHUNKED + b"1;", b"a" * 10_000),
        answering(CHUNKED + b"5\r\nab"),
    ],
    "F7": [
        always(HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{}"),
        always(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}"),
        answering(HEAD + b"Content-Length: 99\r\n\r\n{}"),
        always(HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n{}"),
    ],
    "F8": [answering(b"<html>0.9</html>")],
    "F9": [
        flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        flood(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100),
    ],
    "F10": [
        always(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\n\r\n\x81\x05hello"
        )
    ],
    "F11": [
        flood(b"\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\0\0\0\0\0" * 1000),  # SETTINGS, and again
        flood(b"\0\0\0\4\0\0\0\0\0", b"\0\0\x08\6\0\0\0\0\0abcdefgh" * 1000),  # PING
        flood(b"\0\0\0\4\0\0\0\0\0", b"\0\0\1\x09\0\0\0\0\1a" * 1000),  # CONTINUATION
    ],
    "F12": [
        always(reply(b"\xff\xfe\x00{}", JSON + "; charset=utf-16")),
        always(reply(b'{"version":"\xff\xfe\x00"}', JSON)),
        always(ready(), reply(b'{"version":"5\x00.2"}', JSON + "; charset=x-none")),
    ],
    "F13": [
        at_the_sign_in(reply(body, JSON))
        for body in (
            _deep("["),
            _deep('{"a":'),
            b'{"version":' + b"9" * 900_000 + b"}",
            b'{"version":NaN,"total":Infinity,"error":1e999999}',
            b'{"version":"1","version":"5.2.1","inventories":[],"inventories":{"a":1}}',
            b'{"error":{"code":' + b"1" * 5000 + b"}}",
        )
    ],
    "F14": [
        at_the_sign_in(reply(body, "Content-Type: text/xml")) for body in (_BILLION_LAUGHS, _XXE)
    ],
    "F15": [
        always(reply(b"{}", *(f"Set-Cookie: a{n}=b; Domain=.com" for n in range(150)))),
        at_the_sign_in(reply(b"{}", "Set-Cookie: JSESSIONID=x; Domain=example.com; Path=/")),
    ],
    "F16": [
        always(reply(PAYLOAD.encode(), "Server: \x1b[2J=1+1<script>", "Content-Type: text/html")),
        always(ready(), version(PAYLOAD)),
        at_the_sign_in(reply(PAYLOAD.encode(), status="403 \x1b[2Jno")),
        answering(PAYLOAD.encode()),
    ],
    "F17": [
        at_the_sign_in(reply(b"{}", f"Retry-After: {wait}", status=f"{status} Wait"))
        for status in (429, 503)
        for wait in ("99999999", "-1", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT")
    ],
    "F18": [
        always(reply(body, f"Server: {server}"))
        for server, body in (
            ("nginx/" + "1." * 15_000, b"<title>" + b" " * 200_000),
            ("a" * 30_000 + "!", b"<" * 200_000 + b"!doctype html" + b"<title" * 30_000),
        )
    ]
    + [always(ready(), version("1." * 15_000 + "x")), always(ready(), version("9" * 30_000))]
    + [always(HEAD + b"X: y\r\n" + b" z\r\n" * 12_000 + b"\r\n")],
}


def sends(content: bytes) -> Script:
    """Return the script that sends `content` to whoever says hello, and holds."""

    def script(peer: Peer) -> None:
        peer.read_some()
        peer.send(content)
        peer.hold()

    return script
