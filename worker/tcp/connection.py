"""The connection to one address that all steps of a test share."""

import select
import socket
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from ipaddress import ip_address

from shared.diagnosis.outcomes import Facts, Failed
from worker.deadline import Cancellation, Deadline
from worker.tcp.address_guard import Address, AddressGuard, AddressRefusedError, plain
from worker.tcp.sent_certificates import sent_certificates

CHUNK_BYTES = 65_536
IMPRECISION_S = 0.01  # setting a time limit is a system call, and hands the interpreter lock on
# Where they are in struct tcp_info of linux/tcp.h; rcv_ooopack is the newest of them (Linux 5.4).
_UNACKED_AT, _RTT_AT, _TOTAL_RETRANS_AT, _BYTES_ACKED_AT, _RCV_OOOPACK_AT = 24, 68, 100, 120, 224
_SMALL_SEGMENT_BYTES = {4: 536, 6: 1220}  # the least that paths carry: RFC 9293 3.7.1

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
    """What the kernel has seen of a connection, however silent the other side is."""

    rtt_ms: int
    retransmitted: int
    """How many packets were sent again, the first one of the connection included."""
    unacknowledged: int = 0
    """How many of our packets the other side's TCP has not acknowledged."""
    acknowledged_bytes: int = 0
    out_of_order: int = 0
    """How many packets arrived although one before them did not."""

    @property
    def loses_ours(self) -> bool:
        """Whether what was sent has not arrived, although it was sent again."""
        return self.unacknowledged > 0 and self.retransmitted > 0

    @property
    def of_lost_packets(self) -> Facts:
        """The evidence for it."""
        arrived, again = self.acknowledged_bytes, {"retransmitted": self.retransmitted}
        return {"acknowledged_bytes": arrived, **again} if arrived else again


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


UNSEEN = Path(0, 0)
"""Of a connection that the kernel has told nothing of."""


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
        self.failed_before: Mapping[TargetAddress, Failed] = {}
        """How the name's addresses failed that were tried before this one."""
        self.path_at_the_end = UNSEEN
        """What the kernel had seen when a handshake failed."""
        self.refused: tuple[bytes, ...] = ()
        """The chain that a failed handshake was refused for, in DER, as far as OpenSSL kept it."""
        self._guard = guard
        self.segment_bytes = 0
        """The size of the largest packets on both ways, without headers; 0 leaves it to the kernel.
        """
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
        with deadline.clock.stopped():  # it may count in the store
            self._guard.check(self.target.ip, self.target.port)
        self._guard = self._guard.uncounted()
        family = socket.AF_INET6 if self.target.ip.version == 6 else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_STREAM)
        try:
            deadline.cancellation.watch(opened)
            opened.settimeout(deadline.remaining_s())
            if self.segment_bytes:  # announced in the SYN, so that both sides keep to it
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, self.segment_bytes)
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
            self.path_at_the_end = self.path()
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

    def in_small_segments(self) -> "Connection":
        """Return the same connection, to be opened so that only small packets are sent on it.

        Both sides keep to the size that the SYN announces (RFC 9293 3.7.1): what gets through then,
        and does not otherwise, is lost because of its size.
        """
        self.segment_bytes = _SMALL_SEGMENT_BYTES[self.target.ip.version]
        return self

    def double(self) -> "Connection":
        """Return another, unopened connection with the same security; open it by `reopen`."""
        double = self.twin()
        double._tls = self._tls  # noqa: SLF001 -- another of its kind
        return double

    def send(self, content: bytes, deadline: Deadline) -> None:
        """Send all of `content` before the deadline."""
        view = memoryview(content)
        while view:
            view = view[self._waiting_until(deadline).send(view) :]

    def receive(self, deadline: Deadline) -> bytes:
        """Return the bytes that have arrived, at least one; b"" if the other side has closed."""
        return self._waiting_until(deadline).recv(CHUNK_BYTES)

    def certificates(self) -> tuple[bytes, ...]:
        """Return the chain that the other side sent, in DER; empty without TLS."""
        opened = self._socket
        return sent_certificates(opened) if isinstance(opened, ssl.SSLSocket) else ()

    def path(self) -> Path:
        """Return what the kernel has seen of the connection until now."""
        info = self._tcp_info()

        def number(at: int, size: int = 4) -> int:
            # An older kernel's structure is shorter: an empty slice is 0.
            return int.from_bytes(info[at : at + size], sys.byteorder)

        return Path(
            rtt_ms=number(_RTT_AT) // 1000,
            retransmitted=number(_TOTAL_RETRANS_AT),
            unacknowledged=number(_UNACKED_AT),
            acknowledged_bytes=max(0, number(_BYTES_ACKED_AT, 8) - 1),  # the SYN counts as one
            out_of_order=number(_RCV_OOOPACK_AT),
        )

    @property
    def out_of_order(self) -> int:
        """How many packets have arrived before one that precedes them; 0 of a closed connection."""
        if self._socket is None:
            return 0
        return int.from_bytes(self._tcp_info()[_RCV_OOOPACK_AT:], sys.byteorder)

    def _tcp_info(self) -> bytes:
        length = _RCV_OOOPACK_AT + 4
        return self._open_socket().getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, length)

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

    def _waiting_until(self, deadline: Deadline) -> socket.socket:
        """Return the socket, which waits until the deadline; at most IMPRECISION_S longer."""
        opened, left_s = self._open_socket(), deadline.remaining_s()
        if abs((opened.gettimeout() or 0) - left_s) > IMPRECISION_S:
            opened.settimeout(left_s)
        return opened

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
