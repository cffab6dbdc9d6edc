"""Read the cells of an OpenDocument spreadsheet (OpenDocument 1.2, part 1, 9)."""

from collections.abc import Iterator
from dataclasses import replace
from xml.sax.xmlreader import AttributesImpl

from shared.uploads.row import MAX_ROW_BYTES
from shared.uploads.workbooks.damage import too_large
from shared.uploads.workbooks.markup import Markup
from shared.uploads.workbooks.numbers import is_rounded, number_text
from shared.uploads.workbooks.sheet_row import (
    FORMULA,
    MOST_COLUMNS,
    MOST_ROWS,
    ROUNDED,
    RowCells,
    SheetRow,
)
from shared.uploads.workbooks.workbook import MOST_SHEETS, is_wished

_WORK_OF_ROW = 1500
"""MOST_COLUMNS cells with their attributes and paragraphs."""
_MOST_WORK_BEHIND = 200_000
"""Until which the names of further sheets are looked for."""
_CELLS = ("table-cell", "covered-table-cell")
_NUMBERS = ("float", "currency", "percentage")
_SPACES = {"tab": "\t", "line-break": "\n"}


class OdsTables(Markup):
    """The rows of the sheet that is wished, or of the first visible one that isn't empty."""

    def __init__(self, wished: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.chosen = ""
        self.is_found = False
        """Whether a sheet was the wished one."""
        self._wished = wished
        self._hidden_styles: set[str | None] = set()
        self._style = ""
        self._is_reading = False
        self._has_rows = False
        self._rows: list[tuple[SheetRow, int]] = []
        self._line = 1
        self._row_count = 1
        self._column = 1
        self._cells = RowCells()
        self._cell: AttributesImpl | None = None
        self._paragraphs: list[str] = []
        self._characters = 0
        self._is_note = False

    def taken(self) -> Iterator[SheetRow]:
        """Yield the rows that were read since the last call."""
        rows, self._rows = self._rows, []
        for row, count in rows:
            for line in range(row.line, row.line + count):
                yield replace(row, line=line)

    def open(self, name: str, attributes: AttributesImpl) -> None:
        """Take the beginning of a sheet, a row, a cell or a paragraph."""
        if name == "table":
            self._open_table(attributes)
        elif not self._is_reading:
            self._look_at_style(name, attributes)
        elif name in _CELLS:
            self._cell = attributes
            self._paragraphs.clear()
            self._characters = 0
        elif name == "table-row":
            self._row_count = _count(attributes.get("table:number-rows-repeated"))
            self._column = 1
        elif name == "annotation":
            self._is_note = True
        elif self._cell is not None and not self._is_note:
            self._open_text(name, attributes)

    def close(self, name: str) -> None:
        """Take what was heard of a cell, and a row at its end."""
        if name == "table":
            self._is_reading = False
        elif not self._is_reading:
            return
        elif name in _CELLS:
            self._put()
        elif name == "table-row":
            self._close_row()
        elif name == "annotation":
            self._is_note = False
        elif name == "p" and self._cell is not None and not self._is_note:
            self._take(self.heard())

    def _open_table(self, attributes: AttributesImpl) -> None:
        name = attributes.get("table:name") or ""
        self.names.append(name)
        if len(self.names) > MOST_SHEETS:
            raise too_large()
        self._line = 1
        if self._wished:
            self._is_reading = not self.is_found and is_wished(name, self._wished)
            self.is_found = self.is_found or self._is_reading
        else:
            is_hidden = attributes.get("table:style-name") in self._hidden_styles
            self._is_reading = not self._has_rows and not is_hidden
        if self._is_reading:
            self.chosen = name

    def _look_at_style(self, name: str, attributes: AttributesImpl) -> None:
        if name == "style":
            self._style = attributes.get("style:name") or ""
        elif name == "table-properties" and attributes.get("table:display") == "false":
            self._hidden_styles.add(self._style)
        elif self._has_rows and self.work > _MOST_WORK_BEHIND:
            self.is_done = True

    def _open_text(self, name: str, attributes: AttributesImpl) -> None:
        if name == "p":
            self.listen()
        elif name == "s":
            self.hear(" " * min(_count(attributes.get("text:c")), MAX_ROW_BYTES))
        elif name in _SPACES:
            self.hear(_SPACES[name])

    def _take(self, paragraph: str) -> None:
        self._characters += len(paragraph)
        if self._characters > MAX_ROW_BYTES:
            raise too_large()
        self._paragraphs.append(paragraph)

    def _put(self) -> None:
        if self._cell is None:
            return
        cell, self._cell = self._cell, None
        count = _count(cell.get("table:number-columns-repeated"))
        formula = cell.get("table:formula")
        shown = "\n".join(self._paragraphs)
        text = _text_of(cell, shown) if formula is None else f"={formula.partition('=')[2]}"
        problem = None if formula is None else FORMULA
        if cell.get("office:value-type") in _NUMBERS and is_rounded(text):
            problem = ROUNDED
        first = min(self._column, MOST_COLUMNS + 1)
        for column in range(first, min(first + count, MOST_COLUMNS + 2)):
            self._cells.put(column, text, self._line, problem)
        self._column += count

    def _close_row(self) -> None:
        if self._line + self._row_count - 1 > MOST_ROWS:
            self._row_count = max(0, MOST_ROWS - self._line + 1)
        if row := self._cells.taken(self._line):
            self._rows.append((row, self._row_count))
            self._has_rows = True
            self.earned(_WORK_OF_ROW)
        self._line += self._row_count


def _text_of(cell: AttributesImpl, shown: str) -> str:
    kind = cell.get("office:value-type")
    if kind in _NUMBERS:
        number = number_text(cell.get("office:value") or shown)
        # A format of zeros only: 00123.
        return shown if shown.isdigit() and shown.lstrip("0") == number else number
    if kind == "boolean":
        return (cell.get("office:boolean-value") or shown).upper()
    if kind == "date":
        return cell.get("office:date-value") or shown
    return cell.get("office:string-value") or shown


def _count(text: str | None) -> int:
    if text is not None and text.isascii() and text.isdigit() and len(text) < len("10000000"):
        return max(1, int(text))
    return 1
