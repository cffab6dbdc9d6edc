"""One row of an upload, before its validation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.places import line_of
from shared.uploads.reading import Reading

MAX_ROW_BYTES = 262_144

UTF8_BOM = b"\xef\xbb\xbf"

Kind = Literal["invalid-request", "too-large", "unsupported-media-type"]


@dataclass(frozen=True, slots=True)
class Row:
    """One platform of an upload as it was sent, before its validation.

    Attributes:
        place: Its place in the upload: "line 17", or "items[16]" in a JSON document.
        content: The JSON body of a single test, with the caller's own `name` and `ref`.
        problem: Why the row can't be read; it quotes nothing of what was sent.
        line: The line of a text or the row of a sheet, from 1; None in a JSON document.
        cells: What stands in the cells of a table's row, in the order of its columns.
    """

    place: str
    content: dict[str, Any] = field(repr=False)
    problem: Sentence | None = None
    line: int | None = None
    cells: Sequence[str] = field(default=(), repr=False)


class UploadError(Exception):
    """Raised when an upload can't be read any further; it quotes nothing of what was sent.

    `detail` is a template over `facts`. `reading` is what was read before.
    """

    def __init__(self, detail: str, *, kind: Kind = "invalid-request", **facts: Fact) -> None:
        self.said = Sentence(detail, facts)
        super().__init__(str(self.said))
        self.kind = kind
        self.reading = Reading()

    @property
    def place(self) -> str:
        """The place that can't be read, such as "line 17"; empty for the upload as a whole."""
        return str(self.said.facts.get("place", ""))

    @property
    def line(self) -> int | None:
        """The line or the row of the place."""
        return line_of(self.place)

    @property
    def column(self) -> int | None:
        """The number of the column that can't be read."""
        number = self.said.facts.get("number")
        return number if isinstance(number, int) else None

    @property
    def detail(self) -> str:
        """What is wrong, in English."""
        return str(self.said)


class Parser(Protocol):
    """Turns bytes into rows as they arrive."""

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes; read all of them before the next call."""
        ...

    def finish(self) -> Iterator[Row]:
        """Yield the remaining rows, now that the upload has ended."""
        ...


def unreadable(place: str, problem: str, **facts: Fact) -> Row:
    """Return an invalid row at `place` with its `problem`, a template over `facts`."""
    return Row(place, {}, Sentence(problem, facts), line_of(place))


def too_empty(place: str) -> UploadError:
    """Return the error for an upload that has hardly anything but empty rows and comments."""
    detail = "{place}: too many empty rows and comments stand above; remove them."
    return UploadError(detail, kind="too-large", place=place)


def too_long(place: str) -> UploadError:
    """Return the error for a record at `place` that is too long."""
    detail = "{place}: is longer than {most} bytes."
    return UploadError(detail, kind="too-large", place=place, most=MAX_ROW_BYTES)
