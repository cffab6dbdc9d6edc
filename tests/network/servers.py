"""Servers on loopback that follow a script, so that a test decides every byte they send."""

import socket
import ssl
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Condition, Event, Thread

JOIN_S = 10
_CHUNK_BYTES = 65_536
_ESTABLISHED = 1  # tcpi_state of linux/tcp.h
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, zero seconds


class Peer:
    """The server's end of one connection; `left` is set when it has closed it."""

    def __init__(self, opened: socket.socket, client_port: int, server: "ScriptedServer") -> None:
        self.server = server
        self.client_port = client_port
        self.received = bytearray()
        self.requests: list[bytes] = []
        self.handshake_error: ssl.SSLError | None = None
        self.left = Event()
        self._socket = opened
        self._taken_bytes = 0

    def read_request(self) -> bytes:
        """Return the next HTTP request, or b"" when the client leaves before its end."""
        while True:
            content = bytes(self.received[self._taken_bytes :])
            head, end, body = content.partition(b"\r\n\r\n")
            if end and len(body) >= (length := _content_length(head)):
                request = head + end + body[:length]
                self._taken_bytes += len(request)
                self.requests.append(request)
                return request
            if not self.read_some():
                return b""

    def read_some(self) -> bytes:
        """Return what arrives next, b"" when the client has left."""
        content = self._socket.recv(_CHUNK_BYTES)
        self.received += content
        return content

    def peek(self) -> bytes:
        """Return what arrives next, and leave it there."""
        return self._socket.recv(_CHUNK_BYTES, socket.MSG_PEEK)

    def send(self, content: bytes) -> None:
        """Send all of `content`."""
        self._socket.sendall(content)

    def send_beneath_tls(self, content: bytes) -> None:
        """Send bytes that are no TLS record over a connection that speaks TLS."""
        socket.socket.send(self._socket, content)

    def flood(self, content: bytes) -> None:
        """Send `content` again and again until the client leaves."""
        while True:
            self._socket.sendall(content)

    def trickle(self, content: bytes, every_s: float) -> None:
        """Send one byte every so often; being slow is what this server is there for."""
        for byte in content:
            self.send(bytes([byte]))
            if self.server.stopping.wait(every_s):
                return

    def hold(self) -> None:
        """Keep the connection open, and keep silent, until the client leaves."""
        while self.read_some():
            pass

    @property
    def is_resumed(self) -> bool:
        """Whether the client took up an earlier TLS session."""
        return isinstance(self._socket, ssl.SSLSocket) and bool(self._socket.session_reused)

    @property
    def client_certificate(self) -> bytes | None:
        """The certificate that the client has shown, in DER."""
        secured = self._socket
        return secured.getpeercert(binary_form=True) if isinstance(secured, ssl.SSLSocket) else None

    def reset(self) -> None:
        """Have the connection end with a RST when the script is over."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def shake_hands_rudely(self, tls: ssl.SSLContext) -> None:
        """Shake hands; where that fails, the alert is sent and a RST may follow at once."""
        tls.wrap_socket(self._socket, server_side=True)

    def run(self, script: "Script", tls: ssl.SSLContext | None) -> None:
        """Follow `script` to its end, then close."""
        try:
            # A client that hangs up in the middle is what many scripts are about.
            with suppress(OSError):
                self._secure(tls)
                script(self)
        finally:
            self._socket.close()
            self.left.set()

    def interrupt(self) -> None:
        """Wake a script that waits for the client, unless that has left: then the script ends.

        What it still has to read is what its test asks about, however late its thread comes to it.
        """
        with suppress(OSError):  # it is closed
            if not self._is_left():
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _is_left(self) -> bool:
        if sys.platform != "linux":
            return False
        state: int = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        return state != _ESTABLISHED

    def _secure(self, tls: ssl.SSLContext | None) -> None:
        if not tls:
            return
        secured = tls.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
        self._socket = secured
        try:
            secured.do_handshake()
        except ssl.SSLError as error:
            self.handshake_error = error
            # Closing with unread bytes would send a RST, which can overtake the alert.
            while socket.socket.recv(secured, _CHUNK_BYTES):
                pass
            raise


Script = Callable[[Peer], None]


class ScriptedServer:
    """Follows one script a connection, the last of them for all further connections."""

    def __init__(
        self,
        *scripts: Script,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.stopping = Event()
        self.peers: list[Peer] = []
        self._scripts = scripts
        self._tls = tls
        self._threads: list[Thread] = []
        self._errors: list[BaseException] = []
        self._changed = Condition()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = Thread(target=self._accept)
        self._accepting.start()

    @property
    def requests(self) -> list[bytes]:
        """Every whole HTTP request, over all connections."""
        return [request for peer in self.peers for request in peer.requests]

    def peer(self, number: int) -> Peer:
        """Return the connection of that number, from 0, as soon as it is accepted."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.peers) > number, JOIN_S)
        return self.peers[number]

    def count_connections(self) -> int:
        """Return how many were made until now; connections are accepted in their order."""
        with socket.create_connection(self._listener.getsockname()[:2]) as last:
            port = last.getsockname()[1]
            with self._changed:
                assert self._changed.wait_for(lambda: self._last_port() == port, JOIN_S)
            return len(self.peers) - 1

    def stop_listening(self) -> None:
        """Refuse every further connection."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        """End everything; an error in a script becomes the test's."""
        self.stopping.set()
        self.stop_listening()
        self._accepting.join(JOIN_S)
        for peer in self.peers:
            peer.interrupt()
        for thread in self._threads:
            thread.join(JOIN_S)
            assert not thread.is_alive(), "a script does not end"
        if self._errors:
            raise self._errors[0]

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                opened, client = self._listener.accept()
                script = self._scripts[min(len(self.peers), len(self._scripts) - 1)]
                peer = Peer(opened, client[1], self)
                thread = Thread(target=self._run, args=(peer, script))
                self._threads.append(thread)
                with self._changed:
                    self.peers.append(peer)
                    self._changed.notify_all()
                thread.start()

    def _last_port(self) -> int | None:
        return self.peers[-1].client_port if self.peers else None

    def _run(self, peer: Peer, script: Script) -> None:
        try:
            peer.run(script, self._tls)
        except BaseException as error:  # noqa: BLE001 -- raised again by close, in the test
            self._errors.append(error)


@contextmanager
def serving(
    *scripts: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> Iterator[ScriptedServer]:
    """Serve while the block runs, at any free port if `port` is 0."""
    server = ScriptedServer(*scripts, tls=tls, host=host, port=port)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def full_backlog() -> Iterator[int]:
    """Give a port of 127.0.0.1 that answers no SYN any more."""
    with ExitStack() as held:
        listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        where = listener.getsockname()
        for _ in range(4):
            client = held.enter_context(socket.socket())
            client.settimeout(0)
            client.connect_ex(where)
        yield where[1]


def reply(body: bytes = b"{}", *headers: str, status: str = "200 OK") -> bytes:
    """Return a whole HTTP/1.1 response with the body's length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def answering(*responses: bytes) -> Script:
    """Return the script that reads a request before each response, and closes at the end."""

    def script(peer: Peer) -> None:
        for response in responses:
            if not peer.read_request():
                return
            peer.send(response)

    return script


def always(answer: bytes) -> Script:
    """Return the script that gives one answer to every request."""

    def script(peer: Peer) -> None:
        while peer.read_request():
            peer.send(answer)

    return script


def answering_and_holding(*responses: bytes) -> Script:
    """Return the script that reads a request before each response, and stays connected."""

    def script(peer: Peer) -> None:
        answering(*responses)(peer)
        peer.hold()

    return script


def hold(peer: Peer) -> None:
    """Accept, and say nothing."""
    peer.hold()


def hang_up_after_reading(peer: Peer) -> None:
    """Read what comes first, and close without a word."""
    peer.read_some()


def reset_after_reading(peer: Peer) -> None:
    """Read what comes first, and reset the connection."""
    peer.read_some()
    peer.reset()


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
