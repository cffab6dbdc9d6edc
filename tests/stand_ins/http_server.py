"""The HTTP server that the stand-ins for platforms have in common."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class StandInServer(ThreadingHTTPServer):
    """Serves HTTP, or HTTPS with `tls`."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(
        self,
        host: str,
        port: int,
        handler: type[BaseHTTPRequestHandler],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), handler)
        self.tls = tls

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: callers that hang up are what the tests are about."""


class StandInHandler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    server: StandInServer
    protocol_version = "HTTP/1.1"
    # With Nagle's algorithm the second write of a response waits 40 ms for an ACK.
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        """Shake hands in the connection's own thread."""
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        """Answer it."""
        self.answer()

    def do_POST(self) -> None:
        """Answer it."""
        self.answer()

    def do_PUT(self) -> None:
        """Answer it."""
        self.answer()

    def do_DELETE(self) -> None:
        """Answer it."""
        self.answer()

    def answer(self) -> None:
        """Answer a request."""
        raise NotImplementedError

    def body(self) -> bytes:
        """Return the body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


@contextmanager
def serving(server: StandInServer) -> Iterator[int]:
    """Serve while the block runs; gives the port."""
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
