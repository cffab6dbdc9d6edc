"""Read the cells of an Excel sheet (ECMA-376, 18.3.1)."""

from collections.abc import Iterator
from xml.sax.xmlreader import AttributesImpl

from shared.uploads.workbooks.damage import too_large
from shared.uploads.workbooks.number_formats import NumberFormats
from shared.uploads.workbooks.numbers import is_rounded
from shared.uploads.workbooks.shared_strings import RichText, SharedStrings, unescaped
from shared.uploads.workbooks.sheet_row import (
    ERROR_VALUE,
    FORMULA,
    MOST_COLUMNS,
    MOST_ROWS,
    ROUNDED,
    RowCells,
    SheetRow,
)

_WORK_OF_ROW = 1500
"""MOST_COLUMNS cells with three attributes each and three elements, some with several runs."""
_A = ord("A") - 1
_LETTERS = 26
_LONGEST_REFERENCE = len("XFD1048576")


class XlsxSheetMarkup(RichText):
    """The rows of a sheet, while they are read."""

    def __init__(self, strings: SharedStrings, formats: NumberFormats) -> None:
        super().__init__()
        self._strings = strings
        self._formats = formats
        self._rows: list[SheetRow] = []
        self._line = 0
        self._cells = RowCells()
        self._column = 0
        self._kind = "n"
        self._style: str | None = None
        self._value = ""
        self._formula: str | None = None

    def taken(self) -> Iterator[SheetRow]:
        """Return the rows that were read since the last call."""
        rows, self._rows = self._rows, []
        return iter(rows)

    def open(self, name: str, attributes: AttributesImpl) -> None:
        """Take the beginning of a row or a cell, or listen to what stands in it."""
        if name == "c":
            self._column = _column_of(attributes.get("r")) or self._column + 1
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s")
            self._value, self._formula = "", None
            self.said()
        elif name in ("v", "f"):
            self.listen()
        elif name == "row":
            self._line = _line_of(attributes.get("r")) or self._line + 1
            self._column = 0
            if self._line > MOST_ROWS:
                raise too_large()
        else:
            super().open(name, attributes)

    def close(self, name: str) -> None:
        """Take what was heard of a cell, and a row at its end."""
        if name == "v":
            self._value = self.heard()
        elif name == "f":
            self._formula = self.heard()
        elif name == "c":
            self._put()
        elif name == "row":
            if row := self._cells.taken(self._line):
                self._rows.append(row)
                self.earned(_WORK_OF_ROW)
        elif name == "sheetData":
            self.is_done = True
        else:
            super().close(name)

    def _put(self) -> None:
        if self._formula is not None:
            self._cells.put(self._column, f"={self._formula}", self._line, FORMULA)
        elif self._kind == "e":
            self._cells.put(self._column, self._value, self._line, ERROR_VALUE)
        elif self._value or self._kind == "inlineStr":
            text = self._text()
            problem = ROUNDED if self._kind == "n" and is_rounded(text) else None
            self._cells.put(self._column, text, self._line, problem)

    def _text(self) -> str:
        if self._kind == "s":
            return self._strings.at(self._value)
        if self._kind == "inlineStr":
            return self.said()
        if self._kind == "b":
            return "FALSE" if self._value == "0" else "TRUE"
        if self._kind == "n":
            return self._formats.shown(self._value, self._style)
        return unescaped(self._value)


def _column_of(reference: str | None) -> int:
    """Return the number of the column in a reference such as "B17"; 0 if there is none."""
    number = 0
    for letter in (reference or "")[:_LONGEST_REFERENCE]:
        place = ord(letter) - _A
        if not 0 < place <= _LETTERS:
            break
        number = number * _LETTERS + place
        if number > MOST_COLUMNS:
            return MOST_COLUMNS + 1
    return number


def _line_of(text: str | None) -> int:
    if text is not None and text.isascii() and text.isdigit() and len(text) < len("10000000"):
        return int(text)
    return 0
