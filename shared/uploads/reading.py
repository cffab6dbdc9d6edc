"""What was read of an upload, for the caller who sent it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.diagnosis.sentences import Sentence

MOST_DOUBTS = 50
"""Doubts that are told; the others are only counted."""
LONGEST_HEADER = 64
"""Characters that are told of a header."""


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """A column of a table, or a member of JSON objects, and what it was taken for."""

    number: int
    """From 1."""
    header: str = field(repr=False)
    """Its text, printable and at most LONGEST_HEADER characters; empty in a table without one."""
    field: str = ""
    """The field that it sets, as in `Wishes.columns`; empty for a column that is left out."""
    note: Sentence | None = None
    """Why it is left out, or what else the caller should know."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something in a row that was taken although it may not be meant."""

    place: str
    line: int | None
    field: str
    said: Sentence


@dataclass(slots=True)
class Reading:
    """What was read; parsers fill it in while they read, and it is whole when they have finished.

    Nothing of it is stored or logged.
    """

    format: str = ""
    """Such as "CSV", "JSON", "Excel workbook", or "clouds.yaml of OpenStack"."""
    encoding: str = ""
    """Of a text, by the name that IANA has for it; empty for what is no text."""
    encoding_is_guessed: bool = False
    """Whether nothing told the encoding but the text itself."""
    separator: str = ""
    """The character between the cells of a text table; else empty."""
    sheet: str = ""
    sheets: Sequence[str] = ()
    """Every sheet of the workbook."""
    header_line: int | None = None
    """None where there is no header, or no table."""
    columns: Sequence[ReadColumn] = ()
    doubts: list[Doubt] = field(default_factory=list)
    """The first MOST_DOUBTS."""
    doubt_count: int = 0

    def doubt(self, place: str, line: int | None, of: str, said: Sentence) -> None:
        """Add a doubt about the field `of` of the row at `place`."""
        self.doubt_count += 1
        if len(self.doubts) < MOST_DOUBTS:
            self.doubts.append(Doubt(place, line, of, said))

    @property
    def is_table(self) -> bool:
        """Whether it has columns; the members of JSON objects are in no order."""
        return bool(self.separator or self.sheet or self.header_line)

    def column_of(self, name: str) -> int | None:
        """Return the number of the column of a table that sets the field `name`, None for none.

        An endpoint can come out of two columns, host and port; the first of them is returned.
        """
        if not self.is_table:
            return None
        names = (name, "host", "port") if name == "endpoint" else (name,)
        return next((one.number for one in self.columns if one.field in names), None)
