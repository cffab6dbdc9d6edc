"""The connection to one address that all steps of a test share."""

import select
import socket
import ssl
import sys
from dataclasses import dataclass, replace
from hashlib import sha256
from ipaddress import ip_address

from worker.deadline import Cancellation, Deadline
from worker.tcp.address_guard import Address, AddressGuard, AddressRefusedError, plain
from worker.tcp.sent_certificates import sent_certificates

CHUNK_BYTES = 65_536
_RTT_AT, _TOTAL_RETRANS_AT = 68, 100  # in struct tcp_info of linux/tcp.h

__all__ = ["AddressRefusedError", "Connection", "PinChangedError", "TargetAddress", "TlsClient"]


@dataclass(frozen=True, slots=True)
class TargetAddress:
    """An address and a port, as resolved."""

    ip: Address
    port: int

    @classmethod
    def parse(cls, text: str, port: int) -> "TargetAddress":
        """Return the target for an address in its usual notation."""
        return cls(plain(ip_address(text)), port)

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if self.ip.version == 6 else f"{self.ip}:{self.port}"


class PinChangedError(Exception):
    """Raised when the certificate is not the pinned one."""

    def __init__(self, sha256: str) -> None:
        super().__init__(sha256)
        self.sha256 = sha256


@dataclass(frozen=True, slots=True)
class Path:
    """The kernel's measurements of the path to an address."""

    rtt_ms: int
    retransmitted: int


@dataclass(frozen=True, slots=True)
class TlsClient:
    """How to secure a connection, each time it is opened."""

    context: ssl.SSLContext
    server_name: str
    """The name that the certificate must be valid for; an address is checked, but not sent as SNI.

    If it is empty, no SNI is sent, and `context` must not check the name.
    """
    pinned_sha256: str | None = None
    """The only certificate to accept, regardless of the context's verdict."""


def answers(target: TargetAddress, deadline: Deadline) -> bool:
    """Return whether `target`, an address that the operator has chosen, accepts a connection."""
    try:
        socket.create_connection((str(target.ip), target.port), deadline.remaining_s()).close()
    except OSError:
        return False
    return True


class Connection:
    """A TCP connection, later with TLS, that is only ever reopened to the same address.

    Use it as a context manager: leaving it closes the socket.
    """

    def __init__(self, target: TargetAddress, guard: AddressGuard) -> None:
        self.target = target
        self.refused: tuple[bytes, ...] = ()
        """The chain that a failed handshake was refused for, in DER, as far as OpenSSL kept it."""
        self._guard = guard
        self._tls: TlsClient | None = None
        self._socket: socket.socket | None = None
        self._cancellation: Cancellation | None = None

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, deadline: Deadline) -> None:
        """Connect.

        Raises:
            AddressRefusedError: the policy does not allow the address.
            OSError: the connection was refused, or whatever else connect(2) reports.
            TimeoutError: there was no answer before the deadline.
        """
        self._guard.check(self.target.ip, self.target.port)
        self._guard = self._guard.uncounted()
        family = socket.AF_INET6 if self.target.ip.version == 6 else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            deadline.cancellation.watch(opened)
            opened.settimeout(deadline.remaining_s())
            opened.connect((str(self.target.ip), self.target.port))
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            deadline.cancellation.forget(opened)
            opened.close()
            raise
        self._socket, self._cancellation = opened, deadline.cancellation

    def secure(self, tls: TlsClient, deadline: Deadline) -> ssl.SSLSocket:
        """Perform the TLS handshake over the open connection, which uses TLS from then on.

        Raises:
            ssl.SSLError, OSError, TimeoutError: from the handshake.
            PinChangedError: it is not the pinned certificate.
        """
        plain_socket = self._open_socket()
        plain_socket.settimeout(deadline.remaining_s())
        deadline.cancellation.forget(plain_socket)
        secured = tls.context.wrap_socket(
            plain_socket, server_hostname=tls.server_name or None, do_handshake_on_connect=False
        )
        self._socket, self._tls = secured, tls
        try:
            deadline.cancellation.watch(secured)
            secured.do_handshake()
            _check_pin(secured, tls)
        except BaseException as error:
            if isinstance(error, ssl.SSLCertVerificationError | PinChangedError):
                self.refused = sent_certificates(secured)
            self.close()
            raise
        return secured

    def reopen(self, deadline: Deadline) -> None:
        """Connect to the same address again, with the same security; the guard checks it again.

        Raises:
            What `open` and `secure` raise.
        """
        self.close()
        self.open(deadline)
        if self._tls:
            self.secure(self._tls, deadline)

    def twin(self, port: int | None = None) -> "Connection":
        """Return another, unopened connection to the same address, for an investigation."""
        return Connection(replace(self.target, port=port or self.target.port), self._guard)

    def double(self) -> "Connection":
        """Return another, unopened connection with the same security; open it by `reopen`."""
        double = self.twin()
        double._tls = self._tls  # noqa: SLF001 -- another of its kind
        return double

    def send(self, content: bytes, deadline: Deadline) -> None:
        """Send all of `content` before the deadline."""
        view = memoryview(content)
        while view:
            opened = self._open_socket()
            opened.settimeout(deadline.remaining_s())
            view = view[opened.send(view) :]

    def receive(self, deadline: Deadline) -> bytes:
        """Return the bytes that have arrived, at least one; b"" if the other side has closed."""
        opened = self._open_socket()
        opened.settimeout(deadline.remaining_s())
        return opened.recv(CHUNK_BYTES)

    def certificates(self) -> tuple[bytes, ...]:
        """Return the chain that the other side sent, in DER; empty without TLS."""
        opened = self._socket
        return sent_certificates(opened) if isinstance(opened, ssl.SSLSocket) else ()

    def path(self) -> Path:
        """Return the measurements of the path to the address, as far as the connection has any."""
        length = _TOTAL_RETRANS_AT + 4
        info = self._open_socket().getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, length)
        rtt_us, retransmitted = (
            int.from_bytes(info[at : at + 4], sys.byteorder) for at in (_RTT_AT, _TOTAL_RETRANS_AT)
        )
        return Path(rtt_us // 1000, retransmitted)

    @property
    def egress(self) -> str:
        """Our own address that the platform sees, unless something in between translates it."""
        if self._socket is None:
            return ""
        return str(self._socket.getsockname()[0]).partition("%")[0]

    @property
    def is_idle(self) -> bool:
        """Whether the connection is open and there is nothing to read, not even its end."""
        if self._socket is None:
            return False
        waiting = select.poll()  # select(2) cannot take descriptors above 1023
        waiting.register(self._socket, select.POLLIN)
        return not waiting.poll(0)

    def close(self) -> None:
        """Close the socket, if there is one."""
        if self._socket:
            if self._cancellation:
                self._cancellation.forget(self._socket)
            self._socket.close()
            self._socket = None

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionResetError
        return self._socket


def _check_pin(secured: ssl.SSLSocket, tls: TlsClient) -> None:
    if tls.pinned_sha256 is None:
        return
    shown = fingerprint(secured.getpeercert(binary_form=True) or b"")
    if shown != tls.pinned_sha256:
        raise PinChangedError(shown)


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a DER certificate in lower-case hexadecimal."""
    return sha256(der).hexdigest()
