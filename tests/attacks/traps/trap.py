"""A trap: it listens on every address of this machine, and remembers who stepped in."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread


class Trap:
    """One port on all addresses, IPv4 and IPv6."""

    def __init__(self) -> None:
        self._listener = socket.create_server(
            ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True
        )
        self.port: int = self._listener.getsockname()[1]
        self.caught: list[bytes] = []
        """What each connection sent first."""
        self.reached: set[str] = set()
        """The addresses of ours that somebody came to."""
        self._thread = Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        """Stop listening, when all that came is written down."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                opened, _ = self._listener.accept()
                with opened:
                    self.reached.add(opened.getsockname()[0].removeprefix("::ffff:"))
                    opened.settimeout(1)
                    self.caught.append(_first(opened))


def _first(opened: socket.socket) -> bytes:
    try:
        return opened.recv(65_536)
    except OSError:
        return b""


@contextmanager
def trap() -> Iterator[Trap]:
    """Keep a trap while the block runs."""
    opened = Trap()
    try:
        yield opened
    finally:
        opened.close()
