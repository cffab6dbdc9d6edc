"""Recognize a protocol by the first bytes that its servers send."""

import re

from shared.diagnosis.causes import Cause
from shared.text import printable

PORT_SPEAKS_OTHER = Cause(
    code="tcp.port_speaks_other",
    owner="caller",
    summary="Port {port} of {host} serves {protocol}, not HTTP",
    remedies=("Use the port of the platform's API.",),
    field="endpoint",
)

_GREETINGS = (
    (b"SSH-", "SSH"),
    (b"220 ", "SMTP or FTP"),
    (b"-ERR", "Redis"),
    (b"RFB ", "VNC"),
    (b"* OK", "IMAP"),
    (b"+OK", "POP3"),
    (b"RTSP/", "RTSP"),
)
_PACKETS = (
    # MySQL: the first packet of protocol 10, after its length: a version that ends with NUL.
    (re.compile(rb"...\x00\x0a\d[\x20-\x7e]{0,60}\x00", re.DOTALL), "MySQL"),
    # PostgreSQL: an ErrorResponse, after its length; its severity comes first and may be
    # translated.
    (re.compile(rb"E\x00\x00..S[^\x00]{1,30}\x00[VC]", re.DOTALL), "PostgreSQL"),
)
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert or a handshake, RFC 8446 5.1
FRAME_HEADER_BYTES = 9  # of HTTP/2, RFC 9113 4.1
_SHOWN_BYTES = 24
_SETTINGS, _GOAWAY = 4, 7

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0])
"""The client preface of HTTP/2 (RFC 9113 3.4), with empty settings."""


def protocol_of(greeting: bytes) -> str | None:
    """Return the name of the protocol that `greeting` starts, if it is known."""
    for start, name in _GREETINGS:
        if greeting.startswith(start):
            return name
    return next((name for shape, name in _PACKETS if shape.match(greeting)), None)


def readable(greeting: bytes) -> str:
    """Return the beginning of `greeting` in readable form."""
    return printable(greeting[:_SHOWN_BYTES].decode("latin-1"))


def is_tls(greeting: bytes) -> bool:
    """Return whether `greeting` begins with a TLS record."""
    return greeting.startswith(_TLS_RECORDS)


def is_http2(greeting: bytes) -> bool:
    """Return whether `greeting` is a SETTINGS or GOAWAY frame of HTTP/2 (RFC 9113 6.5, 6.8).

    Both belong to stream 0, and the length of SETTINGS is a multiple of six.
    """
    if len(greeting) < FRAME_HEADER_BYTES or greeting[5:9] != bytes(4):
        return False
    length, kind = int.from_bytes(greeting[:3]), greeting[3]
    return (kind == _SETTINGS and length % 6 == 0) or (kind == _GOAWAY and length >= 8)
