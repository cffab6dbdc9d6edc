"""Know a protocol by the first bytes that its servers send."""

import re

from shared.diagnosis.causes import Cause
from shared.text import printable

OTHER_PROTOCOL = Cause(
    code="tcp.port_speaks_other",
    owner="caller",
    summary="Port {port} of {host} speaks {protocol}, not HTTP",
    remedies=("Give the port that the platform's API listens on.",),
    field="endpoint",
)

_GREETINGS = (
    (b"SSH-", "SSH"),
    (b"220 ", "SMTP or FTP"),
    (b"-ERR", "Redis"),
    (b"RFB ", "VNC"),
    (b"* OK", "IMAP"),
    (b"+OK", "POP3"),
)
_PACKETS = (
    # The first packet of protocol 10, behind its length: a version, which ends with NUL.
    (re.compile(rb"...\x00\x0a\d[\x20-\x7e]{0,60}\x00", re.DOTALL), "MySQL"),
    # An ErrorResponse, behind its length; its severity comes first and may be translated.
    (re.compile(rb"E\x00\x00..S[^\x00]{1,30}\x00[VC]", re.DOTALL), "PostgreSQL"),
)
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert or a handshake, RFC 8446 5.1
_FRAME_HEADER_BYTES = 9
_SHOWN_BYTES = 24
_SETTINGS, _GOAWAY = 4, 7

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, _SETTINGS, 0, 0, 0, 0, 0])
"""What a client of HTTP/2 says first (RFC 9113 3.4); its settings are empty."""


def protocol_of(greeting: bytes) -> str | None:
    """Return the name of the protocol that `greeting` begins, if it is a known one."""
    for start, name in _GREETINGS:
        if greeting.startswith(start):
            return name
    return next((name for shape, name in _PACKETS if shape.match(greeting)), None)


def readable(greeting: bytes) -> str:
    """Return the beginning of `greeting` as a person can read it."""
    return printable(greeting[:_SHOWN_BYTES].decode("latin-1"))


def is_tls(greeting: bytes) -> bool:
    """Return whether `greeting` begins with a TLS record."""
    return greeting.startswith(_TLS_RECORDS)


def is_http2(greeting: bytes) -> bool:
    """Return whether `greeting` is the frame that HTTP/2 begins or ends with (RFC 9113 6.5, 6.8).

    Both belong to stream 0, and settings come in sixes.
    """
    if len(greeting) < _FRAME_HEADER_BYTES or greeting[5:9] != bytes(4):
        return False
    length, kind = int.from_bytes(greeting[:3]), greeting[3]
    return (kind == _SETTINGS and length % 6 == 0) or (kind == _GOAWAY and length >= 8)
