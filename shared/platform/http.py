"""An HTTP request and its response as a product sees them: plain values."""

import json
import re
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from shared.endpoint import Endpoint

MAX_XML_BYTES = 262_144  # an element takes some 100 bytes of memory for each of its own

T = TypeVar("T")

_TITLE = re.compile(r"<title[^>]{0,100}>([^<]{1,200})", re.IGNORECASE)
_PAGE_HEAD_BYTES = 16_384  # what of a page is looked at: its head says what it is


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request to the platform under test; `path` is percent-encoded and may carry a query.

    `presents_credentials` marks a request that the platform may count as a sign-in: it is sent
    once and never again, whatever happens to the connection.
    """

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    presents_credentials: bool = False
    at: Endpoint | None = None
    """Another host of the same platform to ask, where it is not the one under test."""

    @classmethod
    def with_json(cls, method: str, path: str, content: object) -> "HttpRequest":
        """Return a request with `content` as its JSON body."""
        body = json.dumps(content, separators=(",", ":")).encode()
        return cls(method, path, {"Content-Type": "application/json"}, body)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole response; header names are lower-case, repeated headers joined by ", ".

    Every byte of it is the platform's: hostile until shown otherwise.
    """

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes
    received_at: datetime
    url: str = ""
    """What was asked for; empty where nobody says."""

    @property
    def text(self) -> str:
        """The body as UTF-8, with replacement characters for what is not."""
        return self.body.decode("utf-8", "replace")

    @property
    def beginning(self) -> str:
        """The text as far as a fingerprint is looked for in it, so that no body makes it slow."""
        return self.body[:_PAGE_HEAD_BYTES].decode("utf-8", "replace")

    @property
    def title(self) -> str:
        """The title of a page for a browser; empty where there is none."""
        found = _TITLE.search(self.beginning)
        return " ".join(found[1].split()) if found else ""

    @property
    def date(self) -> datetime | None:
        """The Date header (RFC 9110 6.6.1) as an aware datetime, if it is there and valid."""
        try:
            moment = parsedate_to_datetime(self.headers["date"])
            # RFC 5322 3.3: -0000 is UTC of somebody who does not say where they are.
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

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object, or {} where it is none."""
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}

    def xml(self) -> Element | None:
        """Return the body as an XML document, None where it is none that may be read.

        Document types and entities are refused. Find elements with "{*}name": that is any
        namespace or none.
        """
        if len(self.body) > MAX_XML_BYTES:
            return None
        try:
            root: Element = fromstring(self.body, forbid_dtd=True)
        except (ParseError, ValueError, LookupError):  # DefusedXmlException is a ValueError
            return None
        return root


Flow = Generator[HttpRequest, HttpResponse, T]
"""A conversation: yields what to ask, is sent what was answered, returns what it found out."""
