"""Speak HTTP/1.1 over a connection that is already open, within limits."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

import httptools

from shared.causes import Cause
from shared.endpoint import Endpoint
from shared.http import Flow, HttpRequest, HttpResponse
from shared.not_the_product import TLS_EXPECTED
from shared.outcomes import Facts, Failed
from shared.text import printable
from worker.certificate import PIN_CHANGED
from worker.connection import Connection, PinChangedError
from worker.deadline import Deadline

T = TypeVar("T")
Reaching = Callable[[Endpoint, Deadline], AbstractContextManager[Connection]]

MAX_HEADER_BYTES = 65_536
MAX_HEADERS = 200
MAX_BODY_BYTES = 1_048_576
MAX_INTERIM = 20  # 1xx responses before the real one
EXCHANGE_S = 10.0
_USER_AGENT = "conncheck/0.1"

NO_RESPONSE = Cause(
    code="http.header_timeout",
    owner="platform",
    summary="{host} took the request on port {port} but did not answer within {waited_s} s",
    remedies=(
        "Check that the service on port {port} is healthy; it accepts connections but is silent.",
        "Check that port {port} is the one of the API.",
    ),
)
BODY_TOO_SLOW = Cause(
    code="http.body_timeout",
    owner="platform",
    summary="{host} began to answer on port {port} but was not done within {waited_s} s",
    remedies=("Check the load of {host} and of what stands between; the answer trickles.",),
)
EMPTY_REPLY = Cause(
    code="http.empty_reply",
    owner="platform",
    summary="{host} closed the connection on port {port} without an answer",
    remedies=(
        "Check that port {port} speaks HTTP and that the service behind it is running.",
        "Look for the reason in the log of the service on {host}.",
    ),
)
RESET = Cause(
    code="http.reset",
    owner="network",
    summary="The connection to {host} port {port} was reset while waiting for the answer",
    remedies=(
        "Check that port {port} speaks HTTP, and look for a firewall or a proxy that cuts it.",
        "Try https:// if the port expects TLS.",
    ),
    field="endpoint",
)
TRUNCATED = Cause(
    code="http.truncated",
    owner="platform",
    summary="{host} closed the connection in the middle of its answer",
    remedies=("Look for a crash in the log of the service on {host}, or for a proxy that cuts.",),
)
MALFORMED = Cause(
    code="http.malformed",
    owner="caller",
    summary="What answers on {host} port {port} is not HTTP: it begins with {first_bytes}",
    remedies=("Give the port that the platform's API listens on.",),
    field="endpoint",
)
OTHER_PROTOCOL = Cause(
    code="tcp.port_speaks_other",
    owner="caller",
    summary="Port {port} of {host} speaks {protocol}, not HTTP",
    remedies=("Give the port that the platform's API listens on.",),
    field="endpoint",
)
HEADERS_TOO_LARGE = Cause(
    code="http.headers_too_large",
    owner="platform",
    summary="{host} answers with more than {limit}",
    remedies=("Check that port {port} is the one of the API; no API answers like this.",),
    field="endpoint",
)
BODY_TOO_LARGE = Cause(
    code="http.too_large",
    owner="platform",
    summary="{host} answers with a body of more than {limit}",
    remedies=("Check that the endpoint is the API's and not a download's.",),
    field="endpoint",
)
REOPEN_FAILED = Cause(
    code="tcp.reopen_failed",
    owner="platform",
    summary="{host} accepted one connection on port {port} but not the next ({error})",
    remedies=("Look for a connection limit or an unstable load balancer in front of {host}.",),
)
CLIENT_CERTIFICATE = Cause(
    code="tls.client_cert_required",
    owner="caller",
    summary="{host} demands a client certificate on port {port}",
    remedies=("Use a port of the API that takes the key pair alone.",),
    field="endpoint",
)
TLS_BROKE = Cause(
    code="tls.broke_off",
    owner="platform",
    summary="{host} ended the TLS connection with {alert}",
    remedies=("Look for the reason in the TLS log of {host} or of its load balancer.",),
)

_GREETINGS = (
    (b"SSH-", "SSH"),
    (b"220 ", "SMTP or FTP"),
    (b"-ERR", "Redis"),
    (b"RFB ", "VNC"),
    (b"* OK", "IMAP"),
    (b"+OK", "POP3"),
)
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert or a handshake, RFC 8446 5.1


def protocol_of(greeting: bytes) -> str | None:
    """Return the name of the protocol that `greeting` begins, if it is a known one."""
    for start, name in _GREETINGS:
        if greeting.startswith(start):
            return name
    return None


@dataclass(slots=True)
class _Reader:
    """Collects one response from the parser's callbacks; the limits are kept here."""

    shows_bytes: bool = True
    """Whether a verdict may quote what was received: not when it can echo a credential."""
    status: int = 0
    reason: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    header_count: int = 0
    body: bytearray = field(default_factory=bytearray)
    received_bytes: int = 0
    headers_complete: bool = False
    complete: bool = False
    keeps_alive: bool = False
    interim: int = 0
    first_bytes: bytes = b""
    parser: httptools.HttpResponseParser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def on_status(self, reason: bytes) -> None:
        if not self.complete:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:
            return
        self.header_count += 1
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.complete:
            return
        self.headers_complete = True
        self.status = self.parser.get_status_code()
        self.keeps_alive = self.parser.should_keep_alive()

    def on_body(self, content: bytes) -> None:
        if not self.complete:
            self.body += content

    def on_message_begin(self) -> None:
        if self.complete:  # what follows unasked must not be taken for the next answer
            self.keeps_alive = False

    def on_message_complete(self) -> None:
        if self.complete or self.status >= 200:
            self.complete = True
            return
        # RFC 9110 15.2: interim responses precede the final one.
        self.interim += 1
        self.reason, self.headers, self.headers_complete = b"", {}, False

    def feed(self, content: bytes) -> None:
        """Take what arrived; raises Failed where it is no HTTP or past a limit."""
        self.first_bytes = (self.first_bytes + content)[:64]
        self.received_bytes += len(content)
        try:
            self.parser.feed_data(content)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.complete:
                raise self._not_http() from None
            self.keeps_alive = False
        self._keep_limits()

    def _not_http(self) -> Failed:
        if self.first_bytes.startswith(_TLS_RECORDS):
            return Failed(TLS_EXPECTED)
        protocol = protocol_of(self.first_bytes)
        if protocol:
            return Failed(OTHER_PROTOCOL, protocol=protocol)
        first_bytes = printable(self.first_bytes[:24]) if self.shows_bytes else "(not shown)"
        return Failed(MALFORMED, first_bytes=first_bytes)

    def _keep_limits(self) -> None:
        if len(self.body) > MAX_BODY_BYTES:
            raise Failed(BODY_TOO_LARGE, limit=f"{MAX_BODY_BYTES} bytes")
        if self.header_count > MAX_HEADERS:
            raise Failed(HEADERS_TOO_LARGE, limit=f"{MAX_HEADERS} headers")
        if self.interim > MAX_INTERIM:
            raise Failed(HEADERS_TOO_LARGE, limit=f"{MAX_INTERIM} interim responses")
        # Framing counts with the body, so that a chunk extension can't grow without end.
        framing = self.received_bytes - len(self.body)
        limit = MAX_BODY_BYTES if self.headers_complete else MAX_HEADER_BYTES
        if framing > limit:
            raise Failed(HEADERS_TOO_LARGE, limit=f"{limit} bytes beside its body")

    def end(self) -> None:
        """Take the end of the stream, which is a body's end where nothing else marks it."""
        if not self.received_bytes:
            raise Failed(EMPTY_REPLY)
        coding = self.headers.get("transfer-encoding", "")
        framed = "content-length" in self.headers or "chunked" in coding.lower()
        if not self.headers_complete or framed:
            raise Failed(TRUNCATED, received_bytes=self.received_bytes)
        self.complete = True

    def response(self) -> HttpResponse:
        return HttpResponse(
            status=self.status,
            reason=self.reason.decode("latin-1"),
            headers=self.headers,
            body=bytes(self.body),
            received_at=datetime.now(UTC),
        )


Learner = Callable[[Mapping[str, str]], None]
"""Is told the headers of each request before it is sent."""


class Exchange:
    """Request and response over one connection, reopened to the same address where needed.

    `reach` opens a connection to another endpoint, for the few requests that are for one.
    """

    def __init__(
        self,
        connection: Connection,
        endpoint: Endpoint,
        reach: Reaching | None = None,
        learn: Learner = lambda _: None,
    ) -> None:
        self._learn = learn
        self.connection = connection
        self._reach = reach
        self._host = endpoint.host_header
        self._is_used = False

    def ask(self, request: HttpRequest, deadline: Deadline) -> HttpResponse:
        """Send `request` and return the response to it, within EXCHANGE_S and `deadline`.

        A connection that the platform has closed between two requests is opened again. A
        request that presents credentials is never sent a second time.

        Raises:
            Failed: with one of the causes of this module.
        """
        deadline = deadline.at_most(EXCHANGE_S)
        self._learn(request.headers)
        if request.at:
            return self._ask_at(request.at, replace(request, at=None), deadline)
        if not self._is_used:
            self._is_used = True
            return self._send_and_read(request, deadline)
        if not self.connection.is_idle:
            self._reopen(deadline)
            return self._send_and_read(request, deadline)
        try:
            return self._send_and_read(request, deadline)
        except Failed as failed:
            if request.presents_credentials or failed.cause not in (EMPTY_REPLY, RESET):
                raise
        self._reopen(deadline)
        return self._send_and_read(request, deadline)

    def follow(self, flow: Flow[T], deadline: Deadline) -> T:
        """Carry on the conversation that `flow` leads, and return what it found out."""
        try:
            request = next(flow)
            while True:
                request = flow.send(self.ask(request, deadline))
        except StopIteration as done:
            result: T = done.value
            return result

    def _ask_at(self, endpoint: Endpoint, request: HttpRequest, deadline: Deadline) -> HttpResponse:
        if self._reach is None:
            raise ValueError("there is no way to other endpoints")
        try:
            with self._reach(endpoint, deadline) as connection:
                return Exchange(connection, endpoint).ask(request, deadline)
        except Failed as failed:
            place: Facts = {"host": endpoint.server_name, "port": endpoint.port or 0}
            raise Failed(failed.cause, **{**place, **failed.finding.facts}) from None

    def _reopen(self, deadline: Deadline) -> None:
        try:
            self.connection.reopen(deadline)
        except PinChangedError as error:
            raise Failed(PIN_CHANGED, sha256=error.sha256) from None
        except OSError as error:  # TimeoutError and SSLError are OSErrors
            raise Failed(REOPEN_FAILED, error=type(error).__name__) from None

    def _send_and_read(self, request: HttpRequest, deadline: Deadline) -> HttpResponse:
        reader = _Reader(shows_bytes=not request.presents_credentials)
        wire = self._wire(request)
        with _causes_of_errors(reader, deadline):
            self._send(wire, deadline)
            while not reader.complete:
                content = self.connection.receive(deadline)
                if content:
                    reader.feed(content)
                else:
                    reader.end()
        if not reader.keeps_alive:
            self.connection.close()
        return reader.response()

    def _send(self, wire: bytes, deadline: Deadline) -> None:
        """Send; what the platform said before it hung up tells more than that it did."""
        try:
            self.connection.send(wire, deadline)
        except TimeoutError:
            raise
        except OSError:
            return

    def _wire(self, request: HttpRequest) -> bytes:
        headers = {
            "Host": self._host,
            "User-Agent": _USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # a compressed bomb is not asked for
            **request.headers,
        }
        if request.body or request.method in ("POST", "PUT"):
            headers["Content-Length"] = str(len(request.body))
        lines = [f"{request.method} {request.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a request line holds a line break")
        return "\r\n".join([*lines, "", ""]).encode() + request.body


@contextmanager
def _causes_of_errors(reader: _Reader, deadline: Deadline) -> Iterator[None]:
    """Turn what a socket can raise into the cause that it stands for."""
    try:
        yield
    except TimeoutError:
        cause = BODY_TOO_SLOW if reader.received_bytes else NO_RESPONSE
        raise Failed(cause, waited_s=deadline.waited_s) from None
    except ssl.SSLEOFError:  # closed without close_notify, as many servers do
        reader.end()
    except ssl.SSLError as error:
        raise _tls_failure(error) from None
    except OSError as error:
        if reader.received_bytes:
            raise Failed(TRUNCATED, received_bytes=reader.received_bytes) from None
        raise Failed(RESET, error=type(error).__name__) from None


def _tls_failure(error: ssl.SSLError) -> Failed:
    # With TLS 1.3 the demand for a client certificate shows at the first read (RFC 8446 4.4.2.4).
    if "CERTIFICATE_REQUIRED" in (error.reason or "") or "BAD_CERTIFICATE" in (error.reason or ""):
        return Failed(CLIENT_CERTIFICATE, alert=error.reason or "")
    return Failed(TLS_BROKE, alert=error.reason or "an unknown error")
