"""Read an upload in CSV."""

import csv
import re
from collections.abc import Iterator

from shared.diagnosis.outcomes import Fact
from shared.uploads.lines import Lines
from shared.uploads.reading import Reading
from shared.uploads.row import MAX_ROW_BYTES, Row, UploadError, too_long, unreadable
from shared.uploads.tables.columns import Columns, recognized
from shared.uploads.tables.utf8 import Utf8
from shared.uploads.wishes import Wishes

# `;` is written in locales whose decimal sign is the comma, tabs by a copy from a spreadsheet.
_SEPARATORS = (",", ";", "\t", "|")
_EXCEL_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?\s*', re.IGNORECASE)
_POWERSHELL_TYPE = "#TYPE "  # the first line of Export-Csv of Windows PowerShell


class CsvParser:
    """Parser of RFC 4180 with a header, which tells the separator."""

    def __init__(self, _: Wishes, reading: Reading) -> None:
        reading.format, reading.encoding = "CSV", "UTF-8"
        self._reading = reading
        self._utf8 = Utf8()
        self._lines = Lines()
        self._record = bytearray()
        self._first_line = 1
        self._has_open_quote = False
        self._separator = ""
        self._columns: Columns | None = None

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes."""
        for line in self._lines.feed(self._utf8.feed(chunk)):
            yield from self._take(line)

    def finish(self) -> Iterator[Row]:
        """Yield the last row if its line has no line feed."""
        for line in self._lines.feed(self._utf8.feed(b"", is_last=True)):
            yield from self._take(line)
        for line in self._lines.finish():
            yield from self._take(line)
        if self._has_open_quote:
            raise UploadError("{place}: a quotation mark is never closed.", place=self._place)

    @property
    def _place(self) -> str:
        return f"line {self._first_line}"

    def _take(self, line: bytes) -> Iterator[Row]:
        if not self._has_open_quote:
            self._first_line = self._lines.number
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
        text = self._decoded(record)
        if not text.strip():
            return
        if self._columns is None:
            if not self._is_preface(text):
                self._columns = self._header(text)
        elif row := self._row(text, self._columns):
            yield row

    def _decoded(self, record: bytes) -> str:
        try:
            return record.decode()
        except UnicodeDecodeError:
            pass  # not raised here: the exception, which contains the record, would be its context
        detail = "{place}: is not valid UTF-8; save the table as CSV in UTF-8."
        raise UploadError(detail, place=self._place)

    def _row(self, text: str, columns: Columns) -> Row | None:
        cells = self._cells(text, self._separator)
        if cells is None:
            last: dict[str, Fact] = {"last": self._lines.number}
            return unreadable(
                self._place,
                "is not valid CSV; check the quotation marks[ up to line {last}]",
                **(last if self._lines.number > self._first_line else {}),
            )
        if "\0" in text:
            return unreadable(self._place, "contains a NUL byte")
        if not any(cells):  # spreadsheets save empty rows as separators only
            return None
        cells = columns.without_empty_end(cells)
        if len(cells) != columns.count:
            return unreadable(
                self._place,
                "has {found:column|columns}; the header has {wanted}",
                found=len(cells),
                wanted=columns.count,
            )
        return Row(self._place, columns.content(cells))

    def _is_preface(self, text: str) -> bool:
        """Return whether this line, above the header, is one that a program wrote for itself."""
        if told := _EXCEL_SEPARATOR.fullmatch(text):
            self._separator = told[1]
        return bool(told) or text.startswith(_POWERSHELL_TYPE)

    def _header(self, text: str) -> Columns:
        for mark, problem in (
            ("\0", "{place}: contains NUL bytes, as UTF-16 has; save the table as CSV in UTF-8."),
            ("\r", "{place}: ends with a CR alone; save the table with LF or CRLF line ends."),
        ):
            if mark in text.rstrip("\r"):
                raise UploadError(problem, place=self._place)
        self._separator = self._separator or self._separator_of(text)
        self._reading.separator, self._reading.header_line = self._separator, self._first_line
        cells = self._cells(text, self._separator)
        if cells is None:
            raise UploadError("{place}: is not valid CSV.", place=self._place)
        return Columns(cells, self._place)

    def _separator_of(self, text: str) -> str:
        """Return the separator that makes most known names of a header; without any, the first."""
        names = {one: recognized(self._cells(text, one) or ()) for one in _SEPARATORS}
        found = [one for one in _SEPARATORS if one in text]
        return max(found, key=lambda one: names[one], default=_SEPARATORS[0])

    @staticmethod
    def _cells(text: str, separator: str) -> list[str] | None:
        try:
            # A quotation mark in the wrong place can make one record of several lines.
            (cells,) = csv.reader([text], delimiter=separator, strict=True)
        except (csv.Error, ValueError):
            return None
        return cells
