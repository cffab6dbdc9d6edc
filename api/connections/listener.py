"""Listen for connections without ever taking the process's last file descriptors."""

import resource
import socket
from typing import Any

from api.connections.crowd import Crowd

MOST = 10_000
"""Connections at the same time; each costs some 10 KB of memory."""
RESERVED = 160
"""File descriptors for everything else: Redis, the broker, files, the OpenID provider."""
SPARE = 32
"""Connections that are taken while those that give way are being closed."""


class Listener(socket.socket):
    """A listening socket for asyncio, which calls `accept` until it would block.

    Without a descriptor left, asyncio would log a traceback and accept nothing for a second, again
    and again.
    """

    def __init__(self, crowd: Crowd, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._crowd = crowd
        self._most = most_connections()
        self._lets_the_loop_close = False

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; if there are too many, one that waits for a request is ended.

        Raises:
            BlockingIOError: there is none, or others have to be closed first.
        """
        if self._lets_the_loop_close:
            self._lets_the_loop_close = False
            raise BlockingIOError
        connection, address = super().accept()
        if self._crowd.count >= self._most:
            self._lets_the_loop_close = True
            if not self._crowd.thin() and self._crowd.count >= self._most + SPARE:
                connection.close()
                self._crowd.report()
                raise BlockingIOError
        self._crowd.count += 1
        return connection, address


def most_connections() -> int:
    """Return the number of connections from which on some have to give way."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY:
        return MOST
    return min(MOST, max(most - RESERVED, most // 2))


def listen(host: str, port: int, crowd: Crowd) -> list[socket.socket]:
    """Return a socket for each address of `host`, bound to `port`.

    Raises:
        OSError: nothing can listen there.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sockets.append(listener := Listener(crowd, family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
    except OSError:
        for bound in sockets:
            bound.close()
        raise
    return sockets
