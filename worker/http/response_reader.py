"""Read one HTTP/1.1 response from untrusted bytes, within limits."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httptools

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed
from shared.platform.answers.not_the_product import TLS_ON_HTTP_URL
from shared.platform.http import HttpRequest, HttpResponse
from worker.http.content_coding import decoded
from worker.http.violations import (
    BAD_CHUNK,
    CHUNKED_NOT_LAST,
    SWITCHED,
    UNNAMED,
    broken_rule,
    is_whole,
    last_head,
    mended,
)
from worker.tcp.protocols import PORT_SPEAKS_OTHER, is_http2, is_tls, protocol_of, readable

MAX_HEADER_BYTES = 65_536
MAX_HEADERS = 200
MAX_BODY_BYTES = 1_048_576
MAX_INTERIM = 20  # 1xx responses before the real one
MAX_LOOKS = 20  # at a head that is not whole: it may arrive byte by byte

EMPTY_REPLY = Cause(
    code="http.empty_reply",
    owner="platform",
    summary="{host} closed the connection on port {port} without answering",
    remedies=(
        "Check that port {port} serves HTTP and that the service behind it is running.",
        "Look for the reason in the log of the service on {host}.",
    ),
)
TRUNCATED = Cause(
    code="http.truncated",
    owner="platform",
    summary="{host} closed the connection in the middle of its answer",
    remedies=(
        (
            "Look in the log of the service on {host} for a crash, and check for a proxy that cuts "
            "off answers."
        ),
    ),
)
NOT_HTTP = Cause(
    code="http.not_http",
    owner="caller",
    summary=(
        "The service on {host} port {port} does not use HTTP: its answer begins with {first_bytes}"
        "[, without a status line, as in {as_in}]"
    ),
    remedies=("Use the port of the platform's API.",),
    field="endpoint",
)
MALFORMED = Cause(
    code="http.malformed",
    owner="platform",
    summary=(
        "{host} port {port} sends an invalid HTTP response: {violation}[ ({broken_line})]"
        "[; {read_over}]"
    ),
    remedies=(
        "Correct this in the service on {host}, or in the proxy or device in front of it"
        "[: {broken_line}].",
        "Check that port {port} is {product}'s API[; its usual port is {usual_port}].",
    ),
)
HTTP2_ONLY = Cause(
    code="http.http2_only",
    owner="platform",
    summary="Port {port} of {host} supports only HTTP/2; {product}'s API is tested over HTTP/1.1",
    remedies=(
        "Enable HTTP/1.1 in addition to HTTP/2 on port {port} of {host}.",
        "Use the port of the platform's API.",
    ),
    field="endpoint",
)
HEADERS_TOO_LARGE = Cause(
    code="http.headers_too_large",
    owner="platform",
    summary=(
        "{host} answers with more than[ {most_headers} headers][ {most_interim} interim "
        "responses][ {most_bytes} bytes in addition to the body]"
    ),
    remedies=("Check that port {port} is the API port; no API answers like this.",),
    field="endpoint",
)
TOO_LARGE = Cause(
    code="http.too_large",
    owner="platform",
    summary="{host} answers with a body of more than {most_bytes} bytes",
    remedies=("Check that the endpoint is the API, not a download.",),
    field="endpoint",
)

_HTTP = (b"HTTP/", b"http/", b"ICY ")  # the last one is that of old streaming servers
_PAGE = re.compile(rb"\s*<(!doctype|html|head|body|\?xml)", re.IGNORECASE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(slots=True)
class ResponseReader:
    """Collects one response from the parser's callbacks, and enforces the limits."""

    shows_bytes: bool = True
    """Whether a verdict may quote received bytes: not if they can echo a credential."""
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
    """The requested URL."""
    request: HttpRequest | None = None
    """What the response is the answer to."""
    parser: httptools.HttpResponseParser = field(init=False)
    head: bytearray = field(default_factory=bytearray)
    """All that was received until the headers were complete."""
    is_broken: bool = False
    """Whether the parser gave up in the head, which is then read whole before it is judged."""
    is_mended: bool = False
    looks: int = 0
    """How often a head was looked at that the parser gave up in."""

    def __post_init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)

    def on_status(self, reason: bytes) -> None:
        """Store a part of the status line's reason."""
        if not self.complete:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header; repeated ones are joined (RFC 9110 5.3)."""
        if self.complete:
            return
        self.header_count += 1
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        """Store the status."""
        if self.complete:
            return
        self.headers_complete = True
        self.status = self.parser.get_status_code()
        self.keeps_alive = self.parser.should_keep_alive() and not self.is_mended

    def on_body(self, content: bytes) -> None:
        """Store a part of the body."""
        if not self.complete:
            self.body += content

    def on_message_begin(self) -> None:
        """Record a second response, which was not requested."""
        if self.complete:  # an unsolicited response must not be used as the next answer
            self.keeps_alive = False

    def on_message_complete(self) -> None:
        """Record the end of the response, or of an interim one."""
        if self.complete or self.status >= 200:
            self.complete = True
            return
        # RFC 9110 15.2: interim responses precede the final one.
        self.interim += 1
        self.reason, self.headers, self.headers_complete = b"", {}, False

    def feed(self, content: bytes) -> None:
        """Parse `content`; raises Failed if it is not HTTP or exceeds a limit."""
        self.first_bytes = (self.first_bytes + content)[:64]
        self.received_bytes += len(content)
        if not self.headers_complete:
            self.head += content
        if self.is_broken:
            if self._has_news(content):
                self._mend()
        else:
            self._parse(content)
        self._keep_limits()

    def _parse(self, content: bytes) -> None:
        if self.first_bytes.startswith(b"RTSP/"):  # which the parser takes for HTTP
            raise self._not_http()
        try:
            self.parser.feed_data(content)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self.complete:
                self.keeps_alive = False
                return
            self._judge_framing()
            self.is_broken = True
            self._mend()

    def _judge_framing(self) -> None:
        """Raise for bytes that the parser gave up in, unless they are the head of an answer."""
        if self.headers_complete or self.status == 101:
            after = {} if self.status == 101 else {"after_bytes": len(self.body)}
            raise Failed(
                MALFORMED, violation=SWITCHED if self.status == 101 else BAD_CHUNK, **after
            )
        if not self.first_bytes.startswith(_HTTP) and self.header_count == 0:
            raise self._not_http()

    def _not_http(self) -> Failed:
        if is_tls(self.first_bytes):
            return Failed(TLS_ON_HTTP_URL)
        if is_http2(self.first_bytes):
            return Failed(HTTP2_ONLY)
        protocol = protocol_of(self.first_bytes)
        if protocol:
            return Failed(PORT_SPEAKS_OTHER, protocol=protocol)
        first_bytes = readable(self.first_bytes) if self.shows_bytes else "(not shown)"
        old: Facts = {"as_in": "HTTP/0.9"} if _PAGE.match(self.first_bytes) else {}
        return Failed(NOT_HTTP, first_bytes=first_bytes, **old)

    def _has_news(self, content: bytes) -> bool:
        """Return whether `content` ended a line, while there are few, or the head."""
        is_early = self.looks < MAX_LOOKS and b"\n" in content
        return is_early or is_whole(bytes(self.head[-len(content) - 3 :]))

    def _mend(self) -> None:
        """Read a head again that the parser gave up in; raises Failed if it breaks a rule."""
        self.looks += 1
        head = last_head(bytes(self.head))
        self.head[:] = head
        if found := broken_rule(head, shows_lines=self.shows_bytes):
            raise Failed(MALFORMED, **found)
        if not is_whole(head):
            return
        if self.is_mended:
            raise Failed(MALFORMED, violation=UNNAMED)
        self.is_broken, self.is_mended, self.status = False, True, 0
        self.reason, self.headers, self.header_count = b"", {}, 0
        self.parser = httptools.HttpResponseParser(self)
        self._parse(mended(head))

    def _keep_limits(self) -> None:
        if len(self.body) > MAX_BODY_BYTES:
            raise Failed(TOO_LARGE, most_bytes=MAX_BODY_BYTES)
        if self.header_count > MAX_HEADERS:
            raise Failed(HEADERS_TOO_LARGE, most_headers=MAX_HEADERS)
        if self.interim > MAX_INTERIM:
            raise Failed(HEADERS_TOO_LARGE, most_interim=MAX_INTERIM)
        # Framing counts too, so that a chunk extension cannot grow without limit.
        framing = self.received_bytes - len(self.body)
        limit = MAX_BODY_BYTES if self.headers_complete else MAX_HEADER_BYTES
        if framing > limit:
            raise Failed(HEADERS_TOO_LARGE, most_bytes=limit)

    def end(self) -> None:
        """Handle the end of the stream, which ends the body if nothing else does."""
        if not self.received_bytes:
            raise Failed(EMPTY_REPLY)
        if self.is_broken:
            found = broken_rule(bytes(self.head), shows_lines=self.shows_bytes)
            raise Failed(MALFORMED, **(found or {"violation": UNNAMED}))
        coding = self.headers.get("transfer-encoding", "").strip().lower()
        if "chunked" in coding and not coding.endswith("chunked"):
            raise Failed(
                MALFORMED, violation=CHUNKED_NOT_LAST, broken_line=f"Transfer-Encoding: {coding}"
            )
        framed = "content-length" in self.headers or "chunked" in coding
        if not self.headers_complete or framed:
            raise Failed(TRUNCATED, received_bytes=self.received_bytes)
        self.complete = True

    def response(self) -> HttpResponse:
        """Return the response as it was read; its body is decoded, and has no byte order mark."""
        headers, body = decoded(self.headers, bytes(self.body), MAX_BODY_BYTES)
        return HttpResponse(
            status=self.status,
            reason=self.reason.decode("latin-1"),
            headers=headers,
            body=body.removeprefix(_BYTE_ORDER_MARK),
            received_at=datetime.now(UTC),
            url=self.url,
            request=self.request,
        )
