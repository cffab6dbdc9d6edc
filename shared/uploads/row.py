"""One row of an upload, before anything in it was validated."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

MAX_ROW_BYTES = 262_144
MAX_DEPTH = 16
"""Objects and arrays inside one another; the deepest known option is at three."""

UTF8_BOM = b"\xef\xbb\xbf"

Kind = Literal["invalid-request", "too-large", "unsupported-media-type"]


@dataclass(frozen=True, slots=True)
class Row:
    """One platform of an upload as it was sent, not validated yet.

    Attributes:
        place: Where it stands: "line 17", or "items[16]" in a JSON document.
        content: What would be the JSON body of one test, and the caller's own `name` and `ref`.
        problem: Why the row can't be read; it repeats nothing of what was sent.
    """

    place: str
    content: dict[str, Any] = field(repr=False)
    problem: str | None = None


class UploadError(Exception):
    """Raised where an upload can't be read any further; repeats nothing of what was sent."""

    def __init__(self, detail: str, *, kind: Kind = "invalid-request") -> None:
        super().__init__(detail)
        self.detail = detail
        self.kind = kind


class Parser(Protocol):
    """Turn bytes into rows as they come."""

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes; read all of them before the next call."""
        ...

    def finish(self) -> Iterator[Row]:
        """Yield what is left, now that no more bytes come."""
        ...


def unreadable(place: str, problem: str) -> Row:
    """Return the row at `place` that has a `problem`."""
    return Row(place, {}, problem)


def too_long(place: str) -> UploadError:
    """Return the error for a record at `place` that doesn't end."""
    return UploadError(f"{place}: is longer than {MAX_ROW_BYTES} bytes.", kind="too-large")
