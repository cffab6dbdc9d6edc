"""Serve what a rule answers, over real sockets: what the stand-ins of products have in common."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    headers: Message
    body: bytes

    @property
    def call(self) -> str:
        """The method and the path without its query."""
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass(frozen=True)
class Reply:
    """What is answered; an empty reason is the status's usual one."""

    status: int
    body: str = ""
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Rule = Callable[[Asked], Reply]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, rule: Rule, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rule = rule
        self.tls = tls

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: callers that hang up are what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        if self.server.tls:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self.server.rule(Asked(self.command, self.path, self.headers, body))
        content = reply.body.encode()
        self.send_response_only(reply.status, reply.reason or None)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


@contextmanager
def answering_by(rule: Rule, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on loopback while the block runs; gives the port."""
    server = _Server(rule, tls)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
