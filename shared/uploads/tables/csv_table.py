"""Read an upload in CSV."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.uploads.lines import Lines
from shared.uploads.reading import Reading
from shared.uploads.row import MAX_ROW_BYTES, Row, UploadError, too_long
from shared.uploads.tables.drawn import drawn_cells, is_drawn, says_nothing
from shared.uploads.tables.encodings.decoder import Decoder
from shared.uploads.tables.header import without_empty_end
from shared.uploads.tables.line_ends import LineEnds
from shared.uploads.tables.table import MOST_COMMENTS, MOST_LINES_ABOVE, Table
from shared.uploads.wishes import Wishes

# `;` is written in locales whose decimal sign is the comma, tabs by a copy from a spreadsheet.
_SEPARATORS = (",", ";", "\t", "|")
_EXCEL_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
_POWERSHELL_TYPE = "#TYPE "  # the first line of Export-Csv of Windows PowerShell
_COMMENT = re.compile(r'[\s"]*(//|#(?![,;\t|"]|\s*$))')


@dataclass(frozen=True, slots=True)
class _Comment:
    """A comment that is the header if nothing else is."""

    text: str = field(repr=False)
    line: int
    separator: str

    def is_above(self, text: str) -> bool:
        """Return whether a line can be a row below it."""
        names, cells = _cells(self.text, self.separator) or (), _cells(text, self.separator) or ()
        return 1 < len(without_empty_end(cells)) <= len(names)


class CsvParser:
    """Parser of RFC 4180, in which the header tells the separator."""

    def __init__(self, wishes: Wishes, reading: Reading) -> None:
        reading.format, reading.encoding = "CSV", "UTF-8"
        self._reading = reading
        self._decoder = Decoder(wishes.charset, reading)
        self._line_ends = LineEnds()
        self._lines = Lines()
        self._record = bytearray()
        self._first_line = 1
        self._has_open_quote = False
        self._separator = ""
        self._is_drawn = False
        self._table = Table(wishes, reading)
        self._comment: _Comment | None = None
        self._comments = 0
        self._held: list[tuple[str, int]] = []
        self._held_characters = 0

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes."""
        for line in self._lines.feed(self._line_ends.feed(self._decoder.feed(chunk))):
            yield from self._take(line)

    def finish(self) -> Iterator[Row]:
        """Yield the last rows."""
        rest = self._line_ends.feed(self._decoder.feed(b"", is_last=True), is_last=True)
        for line in self._lines.feed(rest):
            yield from self._take(line)
        for line in self._lines.finish():
            yield from self._take(line)
        if self._has_open_quote:
            raise UploadError("{place}: a quotation mark is never closed.", place=self._place)
        if self._held:
            yield from self._begin(self._separator_without_header())
        yield from self._table.finish()

    @property
    def _place(self) -> str:
        return f"line {self._first_line}"

    def _take(self, line: bytes) -> Iterator[Row]:
        if not self._has_open_quote:
            self._first_line = self._lines.number
        if self._is_drawn:  # where a quotation mark is like any other character
            yield from self._read(line)
            return
        if line.count(b'"') % 2:
            self._has_open_quote = not self._has_open_quote
        if not self._record and not self._has_open_quote:
            yield from self._read(line)
            return
        self._record += line
        if len(self._record) > MAX_ROW_BYTES:
            raise too_long(self._place)
        if self._has_open_quote:
            self._record += b"\n"
            return
        record = bytes(self._record)
        self._record.clear()
        yield from self._read(record)

    def _read(self, record: bytes) -> Iterator[Row]:
        text = record.decode()
        if not text.strip():
            return
        if self._separator:
            yield from self._row(text, self._first_line)
        elif not self._is_preface(text):
            yield from self._look(text)

    def _is_preface(self, text: str) -> bool:
        """Return whether this line, above the header, is one that a program wrote for itself."""
        if told := _EXCEL_SEPARATOR.fullmatch(text):
            self._separator = self._reading.separator = told[1]
        return bool(told) or text.startswith(_POWERSHELL_TYPE)

    def _look(self, text: str) -> Iterator[Row]:
        """Hold back a line until one is the header, which tells the separator."""
        if _COMMENT.match(text):
            self._look_at_comment(text)
            return
        best, is_header = _separator_of(text, self._table.names_in)
        if not is_header and self._comment and self._comment.is_above(text):
            self._held.append((self._comment.text, self._comment.line))
            best, is_header = self._comment.separator, True
        self._held.append((text, self._first_line))
        self._held_characters += len(text)
        if is_header:
            yield from self._begin(best)
        elif len(self._held) >= MOST_LINES_ABOVE or self._held_characters > MAX_ROW_BYTES:
            yield from self._begin(self._separator_without_header())

    def _look_at_comment(self, text: str) -> None:
        self._table.skip_comment(self._place)
        self._comments += 1
        if self._comments > MOST_COMMENTS:
            return
        best, is_header = _separator_of(text, self._table.names_in_comment)
        if is_header:
            self._comment = _Comment(text, self._first_line, best)

    def _begin(self, separator: str) -> Iterator[Row]:
        self._separator = self._reading.separator = separator
        held, self._held = self._held, []
        self._is_drawn = separator == "|" and is_drawn(held[-1][0])
        for text, line in held:
            yield from self._row(text, line)

    def _separator_without_header(self) -> str:
        """Return the separator that makes the most rows of equally many cells."""

        def score(separator: str) -> tuple[int, int]:
            widths: dict[int, int] = {}
            for text, _ in self._held:
                width = len(without_empty_end(_cells(text, separator) or ()))
                widths[width] = widths.get(width, 0) + (width > 1)
            width, rows = max(widths.items(), key=lambda one: one[::-1])
            return rows, width

        return max(_SEPARATORS, key=score)

    def _row(self, text: str, line: int) -> Iterator[Row]:
        if self._is_drawn and says_nothing(text):
            return
        place = f"line {line}"
        if not text.strip(f"{self._separator} "):  # spreadsheets save empty rows by the million
            self._table.skip_empty(place)
            return
        cells = drawn_cells(text) if self._is_drawn else _cells(text, self._separator)
        if cells is not None:
            yield from self._table.add(cells, place, line)
        elif not self._table.is_begun:
            raise UploadError("{place}: is not valid CSV.", place=place)
        else:
            last: Mapping[str, Fact] = {"last": self._lines.number}
            said = "is not valid CSV; check the quotation marks[ up to line {last}]"
            facts = last if self._lines.number > line else {}
            yield Row(place, {}, Sentence(said, facts), line, (text,))


def _separator_of(text: str, count: Callable[[Sequence[str]], int]) -> tuple[str, bool]:
    """Return the separator with which a line names most fields, and whether it names any."""
    names = {one: count(_cells(text, one) or ()) for one in _SEPARATORS}
    best = max(_SEPARATORS, key=lambda one: (names[one], one in text))
    return best, names[best] > 0


def _cells(text: str, separator: str) -> list[str] | None:
    try:
        # A quotation mark in the wrong place can make one record of several lines.
        (cells,) = csv.reader([text], delimiter=separator, strict=True)
    except (csv.Error, ValueError):
        return None
    return cells
