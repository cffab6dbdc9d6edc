"""Serve what a rule answers, over real sockets: what the stand-ins of products have in common."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message

from tests.stand_ins.http_server import StandInHandler, StandInServer, serving


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


class _Server(StandInServer):
    def __init__(self, rule: Rule, tls: ssl.SSLContext | None, host: str, port: int) -> None:
        super().__init__(host, port, _Handler, tls)
        self.rule = rule


class _Handler(StandInHandler):
    server: _Server

    def answer(self) -> None:
        reply = self.server.rule(Asked(self.command, self.path, self.headers, self.body()))
        content = reply.body.encode()
        self.send_response_only(reply.status, reply.reason or None)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


@contextmanager
def answering_by(
    rule: Rule, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0
) -> Iterator[int]:
    """Serve while the block runs, at any free port if `port` is 0; gives the port."""
    with serving(_Server(rule, tls, host, port)) as taken:
        yield taken
