"""Record the messages that a server sends in a TLS handshake."""

import ssl
from dataclasses import dataclass, field

from shared.text import printable
from worker.deadline import Deadline
from worker.tcp.connection import Connection, TlsClient

# RFC 8446 B.1 and B.3, as OpenSSL numbers them for its callback.
_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _CERTIFICATE, _CERTIFICATE_REQUEST = 2, 11, 13
_SUPPORTED_VERSIONS = 43
_TLS_1_3 = 0x0304
_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2"}
_VERSIONS[_TLS_1_3] = "TLSv1.3"

_OP_LEGACY_SERVER_CONNECT = 0x4  # of OpenSSL's ssl.h; the ssl module has it from 3.12 on
_COMMON_NAME = b"\x06\x03\x55\x04\x03"  # 2.5.4.3 in DER
_MOST_AUTHORITIES = 5


@dataclass(slots=True)
class Flight:
    """The messages of a server in one handshake, however it ended."""

    protocol: str = ""
    """The version that the server chose; empty if it sent no ServerHello."""
    cipher: str = ""
    """The cipher suite, if the handshake was completed."""
    certificates: tuple[bytes, ...] = ()
    """The chain that the server sent, in DER, its own certificate first."""
    asks_client_certificate: bool = False
    client_authorities: tuple[str, ...] = ()
    """Names of authorities whose client certificates the server accepts, if it lists them."""
    alerts: list[int] = field(default_factory=list)
    """Numbers of the alerts that the server sent (RFC 8446 6)."""
    error: OSError | None = None
    """The error that ended the handshake early, or kept the connection from being opened."""

    def hear(
        self,
        _: ssl.SSLSocket,
        direction: str,
        version: int,
        kind: int,
        message: int,
        content: bytes,
    ) -> None:
        """Record one message; OpenSSL passes only complete ones, of 100 KiB at most."""
        if direction != "read":
            return
        if kind == _ALERT:
            self.alerts.append(_number(content, 1, 1))
        elif kind == _HANDSHAKE and message == _SERVER_HELLO:
            self.protocol = _chosen_version(content)
        elif kind == _HANDSHAKE and message == _CERTIFICATE:
            self.certificates = _certificates(content, version)
        elif kind == _HANDSHAKE and message == _CERTIFICATE_REQUEST:
            self.asks_client_certificate = True
            self.client_authorities = _common_names(content)


def lax_context() -> ssl.SSLContext:
    """Return a context that accepts as much as OpenSSL can; nothing may be sent through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= _OP_LEGACY_SERVER_CONNECT
    context.set_alpn_protocols(["http/1.1"])
    return context


def hear_flight(
    twin: Connection, server_name: str, limit: Deadline, *, to_its_end: bool = False
) -> Flight:
    """Return what the server sends in a handshake over `twin`, which is opened and closed here.

    With `to_its_end`, messages are recorded until the server closes the connection or `limit` is
    over: with TLS 1.3, a server rejects a missing client certificate only after the handshake.

    Everything that OpenSSL supports is accepted, nothing is verified, and nothing but the handshake
    is sent. Without a `server_name`, no SNI is sent.

    Raises:
        AddressRefusedError: the policy does not allow the address.
    """
    flight, context = Flight(), lax_context()
    # Private to CPython; docs/decisions/0013 says why this is used at all.
    context._msg_callback = flight.hear  # type: ignore[attr-defined] # noqa: SLF001 -- see above
    with twin:
        try:
            twin.open(limit)
            secured = twin.secure(TlsClient(context, server_name), limit)
        except OSError as error:
            flight.error = error
        else:
            flight.cipher = (secured.cipher() or ("",))[0]
            if to_its_end:
                flight.error = _end_of(secured, limit)
    return flight


def _end_of(secured: ssl.SSLSocket, limit: Deadline) -> OSError | None:
    """Return how the server ends a connection without a request; None if it does not."""
    try:
        secured.settimeout(limit.remaining_s())
        return None if secured.recv(1) else ConnectionResetError("closed")
    except TimeoutError:
        return None
    except OSError as error:
        return error


# Slices, never an index: a message may be shorter than its length fields say.


def _number(message: bytes, at: int, length: int) -> int:
    return int.from_bytes(message[at : at + length])


def _chosen_version(message: bytes) -> str:
    """Return the version in a ServerHello (RFC 5246 7.4.1.3, RFC 8446 4.1.3 and 4.2.1)."""
    version = _number(message, 4, 2)
    at = 38 + 1 + _number(message, 38, 1) + 3 + 2  # session, suite, compression, length
    while len(message) >= at + 4:
        kind, length = _number(message, at, 2), _number(message, at + 2, 2)
        if kind == _SUPPORTED_VERSIONS:
            version = _number(message, at + 4, 2)
        at += 4 + length
    return _VERSIONS.get(version, f"0x{version:04x}")


def _certificates(message: bytes, version: int) -> tuple[bytes, ...]:
    """Return the certificates of a Certificate message (RFC 5246 7.4.2, RFC 8446 4.4.2)."""
    at = 4  # the message's own type and length
    if version >= _TLS_1_3:
        at += 1 + _number(message, at, 1)  # the context, which is empty here
    at += 3  # the length of the list, which ends with the message
    found: list[bytes] = []
    while len(message) >= at + 3:
        length = _number(message, at, 3)
        found.append(message[at + 3 : at + 3 + length])
        at += 3 + length
        if version >= _TLS_1_3:
            at += 2 + _number(message, at, 2)  # extensions of the entry
    return tuple(found)


def _common_names(message: bytes) -> tuple[str, ...]:
    """Return the Common Names in a CertificateRequest, which contains them in plain DER."""
    parts = message.split(_COMMON_NAME, _MOST_AUTHORITIES)[1:]
    names = [part[2 : 2 + part[1]] for part in parts if len(part) > 2]
    return tuple(printable(name.decode("utf-8", "replace")) for name in names)
