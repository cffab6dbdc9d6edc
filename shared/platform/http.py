"""HTTP requests and responses as plain values for products."""

import json
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import unquote, unquote_plus
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint

USER_AGENT = "conncheck/0.1"
MAX_XML_BYTES = 262_144  # an element takes about 100 bytes of memory for each of its own bytes

T = TypeVar("T")

_TITLE = re.compile(r"<title[^>]{0,100}>([^<]{1,200})", re.IGNORECASE)
_URL_PARTS = re.compile(r"[/?&=\n]+")
_PAGE_HEAD_BYTES = 16_384  # the head of a page is enough to recognize it


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to the tested platform; `path` is percent-encoded and may have a query.

    `presents_credentials` marks a request that the platform may count as a sign-in: it is sent
    once and never again, whatever happens to the connection.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    presents_credentials: bool = False
    at: Endpoint | None = None
    """Another host of the same platform to send this to, if it is not the tested one."""
    sign_out: "SignOut | None" = field(default=None, compare=False)
    """How to end the session that the platform opens by its answer, if it opens one."""

    @classmethod
    def with_json(cls, method: str, path: str, content: object) -> "HttpRequest":
        """Return a request with `content` as its JSON body."""
        body = json.dumps(content, separators=(",", ":")).encode()
        return cls(method, path, {"Content-Type": "application/json"}, body)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response; header names are lower-case, repeated headers joined by ", ".

    All its content comes from the platform and is untrusted.
    """

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    received_at: datetime
    url: str = ""
    """The requested URL; empty if it is not known."""
    request: HttpRequest | None = field(default=None, compare=False, repr=False)
    """What this is the answer to, if that is known."""
    _parsed: list[Any] = field(default_factory=list, init=False, compare=False, repr=False)
    """The body as a JSON value, once that was asked for."""

    def says(self, words: str) -> bool:
        """Return whether the beginning of the text has `words`, which the request did not have.

        Error pages repeat what was asked for: that proves nothing about who answers.
        """
        return words in self.beginning and not self.repeats(words)

    def header_says(self, name: str, words: str) -> bool:
        """Return whether a header has `words` in any case, which the request did not have."""
        value = self.headers.get(name)
        return value is not None and words in value.lower() and not (words and self.repeats(words))

    def is_titled(self, title: str) -> bool:
        """Return whether this is a page with exactly this title, which no part of the URL is."""
        return self.title == title and self.title_says(title)

    def title_says(self, words: str) -> bool:
        """Return whether this is a page with `words` in its title, and not in a part of the URL."""
        title = self.title
        if words not in title:
            return False
        parts = {part for part in _URL_PARTS.split(self._asked()) if words.lower() in part}
        return not any(part in title.lower() for part in parts)

    def repeats(self, words: str) -> bool:
        """Return whether the request had `words` in it, in any case and percent-encoded or not."""
        return words.lower() in self._asked()

    def _asked(self) -> str:
        parts = [self.url]
        if self.request:
            headers = self.request.headers.items()
            parts += [self.request.path, *(f"{name}: {value}" for name, value in headers)]
            parts += [self.request.body.decode("utf-8", "replace")]
        sent = "\n".join(parts)
        return "\n".join((sent, unquote(sent), unquote_plus(sent))).lower()

    @property
    def text(self) -> str:
        """The body as UTF-8, with replacement characters for invalid bytes."""
        return self.body.decode("utf-8", "replace")

    @property
    def beginning(self) -> str:
        """The part of the text that is searched for fingerprints, limited to keep that fast."""
        return self.body[:_PAGE_HEAD_BYTES].decode("utf-8", "replace")

    @property
    def title(self) -> str:
        """The title of a web page; empty if there is none."""
        found = _TITLE.search(self.beginning)
        return " ".join(found[1].split()) if found else ""

    @property
    def date(self) -> datetime | None:
        """The Date header (RFC 9110 6.6.1) as an aware datetime, if it is there and valid."""
        try:
            moment = parsedate_to_datetime(self.headers["date"])
            # RFC 5322 3.3: -0000 is UTC without information about the local time zone.
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (KeyError, ValueError, OverflowError):
            return None

    @property
    def looks_like_html(self) -> bool:
        """Whether this is a page for a browser rather than an answer for a program."""
        start = self.body[:256].lstrip().lower()
        return start.startswith((b"<!doctype html", b"<html")) or self.headers.get(
            "content-type", ""
        ).lower().startswith("text/html")

    def json_value(self) -> Any:
        """Return the body as a JSON value, or None if it is none; its Content-Type decides nothing.

        A byte order mark is passed over (RFC 8259 8.1). The body is parsed once.
        """
        if not self._parsed:
            self._parsed.append(_json_in(self.body))
        return self._parsed[0]

    def forget_json(self) -> None:
        """Free the JSON value, which can take thirty times as much memory as the body."""
        self._parsed.clear()

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object, or {} if it is none."""
        content = self.json_value()
        return content if isinstance(content, dict) else {}

    def xml(self) -> Element | None:
        """Return the body as an XML document; None if it is none, or not allowed.

        Document types and entities are not allowed. Find elements with "{*}name", which matches any
        namespace or none.
        """
        if len(self.body) > MAX_XML_BYTES:
            return None
        try:
            # Blanks before an XML declaration are not allowed, and sent nevertheless.
            root: Element = fromstring(self.body.strip(), forbid_dtd=True)
        except (ParseError, ValueError, LookupError):  # DefusedXmlException is a ValueError
            return None
        return root


def _json_in(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


SignOut = Callable[[HttpResponse], HttpRequest | None]
"""Returns the request that ends the session which an answer opens; None if it opens none.

The body of the answer may be incomplete.
"""

Flow = Generator[HttpRequest, HttpResponse, T]
"""A generator that yields requests, is sent their responses, and returns its result.

Where no answer arrives, Failed is raised at its `yield`.
"""


def answer_if_any(request: HttpRequest) -> Flow[HttpResponse | None]:
    """Ask what only tells more; return None if no answer arrives, which fails no platform."""
    try:
        return (yield request)
    except Failed:
        return None
