"""A real server with the API's connections, and an application that tests tell what to do."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from api.connections.connection import Connection, TimeLimits
from api.connections.crowd import Crowd
from api.connections.listener import listen
from api.cut_calls import CutCalls
from api.in_pieces import InPieces
from tests.running.service import poll

LARGE_BYTES = 131_072


class Served:
    """An application that answers `/body` with the size of the body, all else at once.

    Its answer to `/large` is one of LARGE_BYTES.
    """

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.fields: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request = Request(scope, receive)
        self.paths.append(request.url.path)
        self.fields.append(len(request.headers))
        size = 0
        if request.url.path == "/body":
            try:
                size = len(await request.body())
            except ClientDisconnect:
                return
        answer = f"{request.url.path} {size}\n"
        if request.url.path == "/large":
            answer = answer.ljust(LARGE_BYTES)
        await PlainTextResponse(answer)(scope, receive, send)


class Server:
    """A running server; `port` is where it listens on 127.0.0.1."""

    def __init__(self, limits: TimeLimits) -> None:
        self.app = Served()
        self.handed_over = 0
        """Bytes of bodies that have been written or wait to be."""
        crowd = Crowd()
        self._sockets = listen("127.0.0.1", 0, crowd)
        self.port: int = self._sockets[0].getsockname()[1]
        self.ended = Event()
        config = uvicorn.Config(
            self._counting,
            http=partial(Connection, crowd=crowd, limits=limits),  # type: ignore[arg-type]
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            timeout_keep_alive=1,
            timeout_graceful_shutdown=3600,
        )
        self._server = uvicorn.Server(config)

    async def _counting(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the API does, and count what uvicorn takes of the bodies."""

        async def counted(message: Message) -> None:
            await send(message)
            self.handed_over += len(message.get("body", b""))

        await InPieces(CutCalls(self.app))(scope, receive, counted)

    @property
    def has_started(self) -> bool:
        """Whether connections are accepted."""
        return self._server.started

    def run(self) -> None:
        """Serve until `stop`."""
        self._server.run(self._sockets)
        self.ended.set()

    def stop(self) -> None:
        """Take no more requests, and end when the last one is answered."""
        self._server.should_exit = True

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), 30)


@contextmanager
def serving(limits: TimeLimits) -> Iterator[Server]:
    """Serve while the block runs."""
    server = Server(limits)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    poll(lambda: server.has_started)
    try:
        yield server
    finally:
        server.stop()
        thread.join(30)
        assert not thread.is_alive()


def flood(connection: socket.socket, most_bytes: int) -> None:
    """Send until the other side does not take it any more.

    Raises:
        OSError: it does not.
    """
    sent = 0
    while sent < most_bytes:
        sent += connection.send(b"a" * 65_536)


def rest_of(connection: socket.socket) -> bytes:
    """Return what comes until the connection ends."""
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionResetError:
        pass
    return found
