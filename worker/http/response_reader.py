"""Read one HTTP/1.1 response out of bytes that nobody vouches for, within limits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import httptools

from shared.diagnosis.causes import Cause
from shared.platform.http import HttpResponse
from shared.platform.not_the_product import TLS_EXPECTED
from shared.diagnosis.outcomes import Failed
from worker.tcp.protocols import OTHER_PROTOCOL, is_http2, is_tls, protocol_of, readable

MAX_HEADER_BYTES = 65_536
MAX_HEADERS = 200
MAX_BODY_BYTES = 1_048_576
MAX_INTERIM = 20  # 1xx responses before the real one

EMPTY_REPLY = Cause(
    code="http.empty_reply",
    owner="platform",
    summary="{host} closed the connection on port {port} without an answer",
    remedies=(
        "Check that port {port} speaks HTTP and that the service behind it is running.",
        "Look for the reason in the log of the service on {host}.",
    ),
)
TRUNCATED = Cause(
    code="http.truncated",
    owner="platform",
    summary="{host} closed the connection in the middle of its answer",
    remedies=("Look for a crash in the log of the service on {host}, or for a proxy that cuts.",),
)
NOT_HTTP = Cause(
    code="http.not_http",
    owner="caller",
    summary="What answers on {host} port {port} is not HTTP: it begins with {first_bytes}",
    remedies=("Give the port that the platform's API listens on.",),
    field="endpoint",
)
MALFORMED = Cause(
    code="http.malformed",
    owner="platform",
    summary="{host} port {port} answers with HTTP that breaks its rules ({violation})",
    remedies=(
        "Look for a proxy or a device between this service and {host} that changes answers.",
        "Check that port {port} is {product}'s API[; its usual port is {usual_port}].",
    ),
)
HTTP2_ONLY = Cause(
    code="http.http2_only",
    owner="platform",
    summary="Port {port} of {host} speaks HTTP/2 alone, and {product}'s API is asked in HTTP/1.1",
    remedies=(
        "Enable HTTP/1.1 beside HTTP/2 on port {port} of {host}.",
        "Give the port that the platform's API listens on.",
    ),
    field="endpoint",
)
HEADERS_TOO_LARGE = Cause(
    code="http.headers_too_large",
    owner="platform",
    summary="{host} answers with more than[ {most_headers} headers][ {most_interim} interim "
    "responses][ {most_bytes} bytes beside its body]",
    remedies=("Check that port {port} is the one of the API; no API answers like this.",),
    field="endpoint",
)
BODY_TOO_LARGE = Cause(
    code="http.too_large",
    owner="platform",
    summary="{host} answers with a body of more than {most_bytes} bytes",
    remedies=("Check that the endpoint is the API's and not a download's.",),
    field="endpoint",
)

_HTTP_1 = b"HTTP/1."
_FRAMING_HEADERS = (b"\ncontent-length:", b"\ntransfer-encoding:")


@dataclass(slots=True)
class ResponseReader:
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
    url: str = ""
    """What was asked for."""
    parser: httptools.HttpResponseParser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def on_status(self, reason: bytes) -> None:
        """Take a part of the status line's reason."""
        if not self.complete:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; repeated ones are joined as RFC 9110 5.3 has it."""
        if self.complete:
            return
        self.header_count += 1
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Take the status."""
        if self.complete:
            return
        self.headers_complete = True
        self.status = self.parser.get_status_code()
        self.keeps_alive = self.parser.should_keep_alive()

    def on_body(self, content: bytes) -> None:
        """Take a part of the body."""
        if not self.complete:
            self.body += content

    def on_message_begin(self) -> None:
        """Notice a second response, which nobody asked for."""
        if self.complete:  # what follows unasked must not be taken for the next answer
            self.keeps_alive = False

    def on_message_complete(self) -> None:
        """Notice the response's end, or that of an interim one."""
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
                raise self._not_http(content) from None
            self.keeps_alive = False
        self._keep_limits()

    def _not_http(self, content: bytes) -> Failed:
        """Return what came instead of HTTP; `content` is where the parser gave up."""
        if is_tls(self.first_bytes):
            return Failed(TLS_EXPECTED)
        if is_http2(self.first_bytes):
            return Failed(HTTP2_ONLY)
        protocol = protocol_of(self.first_bytes)
        if protocol:
            return Failed(OTHER_PROTOCOL, protocol=protocol)
        if self.first_bytes.startswith(_HTTP_1):
            return Failed(MALFORMED, violation=self._violation(content))
        first_bytes = readable(self.first_bytes) if self.shows_bytes else "(not shown)"
        return Failed(NOT_HTTP, first_bytes=first_bytes)

    def _violation(self, content: bytes) -> str:
        """Return where the answer breaks the rules, in HTTP's own terms."""
        if self.headers_complete or self.status == 101:
            return "Upgrade" if self.status == 101 else "chunk"
        head = content.partition(b"\r\n\r\n")[0].lower()
        if sum(head.count(name) for name in _FRAMING_HEADERS) > 1:
            return "Content-Length, Transfer-Encoding"  # two of them: RFC 9112 6.3
        return "header" if self.reason else "status line"

    def _keep_limits(self) -> None:
        if len(self.body) > MAX_BODY_BYTES:
            raise Failed(BODY_TOO_LARGE, most_bytes=MAX_BODY_BYTES)
        if self.header_count > MAX_HEADERS:
            raise Failed(HEADERS_TOO_LARGE, most_headers=MAX_HEADERS)
        if self.interim > MAX_INTERIM:
            raise Failed(HEADERS_TOO_LARGE, most_interim=MAX_INTERIM)
        # Framing counts with the body, so that a chunk extension can't grow without end.
        framing = self.received_bytes - len(self.body)
        limit = MAX_BODY_BYTES if self.headers_complete else MAX_HEADER_BYTES
        if framing > limit:
            raise Failed(HEADERS_TOO_LARGE, most_bytes=limit)

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
        """Return the response as it was read."""
        return HttpResponse(
            status=self.status,
            reason=self.reason.decode("latin-1"),
            headers=self.headers,
            body=bytes(self.body),
            received_at=datetime.now(UTC),
            url=self.url,
        )
