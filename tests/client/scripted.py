"""A server that answers what a test has written down, one answer a request."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(frozen=True)
class Reply:
    """An answer; with `cut` the connection ends before all of it that was announced came."""

    status: int
    body: str = "{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Scripted:
    """What the server will answer, and what it was asked."""

    replies: list[Reply]
    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request."""
    headers: list[Mapping[str, str]] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    script: Scripted

    def handle_error(self, *_: object) -> None:
        """Keep quiet: clients that hang up are what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        script = self.server.script
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        script.asked.append((self.command, self.path))
        script.headers.append(dict(self.headers))
        reply = script.replies.pop(0)
        content = reply.body.encode()
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) + 1000 * reply.cut))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = reply.cut

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 -- as http.server calls them

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def scripted(*replies: Reply) -> Iterator[Scripted]:
    """Serve `replies` on loopback while the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.script = Scripted([*replies], f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
