"""Read an upload in CSV."""

import csv
from collections.abc import Iterator

from shared.diagnosis.outcomes import Fact
from shared.uploads.csv_columns import Columns
from shared.uploads.lines import Lines
from shared.uploads.row import MAX_ROW_BYTES, Row, UploadError, too_long, unreadable


class CsvParser:
    """Parser of RFC 4180 with a header; the separator is the comma, or `;` if there is none."""

    def __init__(self) -> None:
        self._lines = Lines()
        self._record = bytearray()
        self._first_line = 1
        self._has_open_quote = False
        self._separator = ","
        self._columns: Columns | None = None

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes."""
        for line in self._lines.feed(chunk):
            yield from self._take(line)

    def finish(self) -> Iterator[Row]:
        """Yield the last row if its line has no line feed."""
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
        cells = self._cells(text)
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
        if len(cells) != columns.count:
            return unreadable(
                self._place,
                "has {found:column|columns}; the header has {wanted}",
                found=len(cells),
                wanted=columns.count,
            )
        return Row(self._place, columns.content(cells))

    def _header(self, text: str) -> Columns:
        if "," not in text and ";" in text:  # in locales whose decimal sign is the comma
            self._separator = ";"
        cells = self._cells(text)
        if cells is None:
            raise UploadError("{place}: is not valid CSV.", place=self._place)
        return Columns(cells, self._place)

    def _cells(self, text: str) -> list[str] | None:
        try:
            # A quotation mark in the wrong place can make one record of several lines.
            (cells,) = csv.reader([text], delimiter=self._separator, strict=True)
        except (csv.Error, ValueError):
            return None
        return cells
