"""Make the content of a row of what stands in its columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.diagnosis.sentences import Sentence
from shared.formulas import as_it_was
from shared.labels import LABEL
from shared.uploads.field_names import LESSER, PARTS, field_of
from shared.uploads.product_names import ProductNames, read_as
from shared.uploads.reading import ReadColumn, Reading
from shared.uploads.row import Row
from shared.uploads.tables.cells import is_rounded, is_secret, text_of, trimmed, value_of
from shared.uploads.tables.endpoint_parts import ContradictionError, joined
from shared.uploads.tables.header import Header

_HAS_BLANKS = Sentence("begins or ends with blanks, which were kept")
_IS_ROUNDED = Sentence("looks like a key that a spreadsheet has rounded to a number")
_IS_GUESSED = Sentence("has letters beyond ASCII, and nothing but the text told its encoding")


@dataclass(frozen=True, slots=True)
class _Field:
    index: int
    name: str
    path: tuple[str, ...]
    is_secret: bool


@dataclass(frozen=True, slots=True)
class _At:
    """Where a row stands."""

    place: str
    line: int


class Columns:
    """The columns of a table, which give its cells their meaning."""

    def __init__(self, header: Header, reading: Reading) -> None:
        self.count = len(header.columns)
        self._header = header
        self._reading = reading
        self._fields = [_field(column) for column in header.columns if column.field]
        self._needed = 1 + max(
            (f.index for f in self._fields if f.name in ("endpoint", "host", "productType")),
            default=0,
        )
        self._pair = [f.index for f in self._fields if f.name in ("accessKey", "secretKey")]
        self._may_be_another = header.product and any(map(_is_vendor, header.columns))
        """Whether the column of the product can be that of the hardware's vendor."""
        self._products = ProductNames()

    def completed(self, cells: Sequence[str]) -> Sequence[str]:
        """Return the cells of a row with the empty ones at its end, which many programs drop.

        What is cut off within a platform's address or its key pair stays short.
        """
        if not self._needed <= len(cells) < self.count:
            return cells
        pair = [index < len(cells) for index in self._pair]
        if any(pair) and not all(pair) and any(cells[i] for i in self._pair if i < len(cells)):
            return cells
        return [*cells, *[""] * (self.count - len(cells))]

    def unguarded(self, cells: Sequence[str]) -> Sequence[str]:
        """Return the cells without what a CSV of bad rows has put before them.

        A workbook of them has nothing there: its texts can't be taken for formulas.
        """
        is_guarded = self._header.was_written_here and self._reading.separator
        return [*map(as_it_was, cells)] if is_guarded else cells

    def row(self, cells: Sequence[str], place: str, line: int) -> Row:
        """Return the row of these cells; empty ones are left out."""
        at = _At(place, line)
        content: dict[str, Any] = {}
        parts: dict[str, str] = {}
        for field in self._fields:
            if not (cell := self._cell(cells[field.index], field, at)):
                continue
            if field.name in PARTS or field.name == "endpoint":
                parts["host" if field.name == "endpoint" else field.name] = cell
            else:
                _put(content, field.path, value_of(field.name, cell))
        try:
            if endpoint := joined(**{"host": "", **parts}):
                content["endpoint"] = endpoint
        except ContradictionError as error:
            return Row(place, {}, error.said, line, cells)
        self._name_product(content, at)
        return Row(place, content, None, line, cells)

    def _cell(self, cell: str, field: _Field, at: _At) -> str:
        if not cell or not (bare := trimmed(cell)):
            return ""
        if not field.is_secret:
            return text_of(bare)
        if bare != cell:
            self._doubt(field, at, _HAS_BLANKS)
        if is_rounded(bare):
            self._doubt(field, at, _IS_ROUNDED)
        if self._reading.encoding_is_guessed and not cell.isascii():
            self._doubt(field, at, _IS_GUESSED)
        return text_of(cell)

    def _doubt(self, field: _Field, at: _At, said: Sentence) -> None:
        self._reading.doubt(at.place, at.line, field.name, said)

    def _name_product(self, content: dict[str, Any], at: _At) -> None:
        if not (text := content.get("productType")):
            if self._header.product:
                content["productType"] = self._header.product
            return
        name, is_certain = self._products.named(text)
        if not name and self._may_be_another:
            name, is_certain = self._header.product, False
        if not name:
            return
        content["productType"] = name
        if not is_certain:
            self._reading.doubt(at.place, at.line, "productType", read_as(text, name))


def _field(column: ReadColumn) -> _Field:
    name = column.field
    path = ("labels", name[len(LABEL) :]) if name.startswith(LABEL) else tuple(name.split("."))
    return _Field(column.number - 1, name, path, is_secret(name))


def _is_vendor(column: ReadColumn) -> bool:
    meaning = field_of(column.header) if column.field == "productType" else None
    return meaning is not None and meaning.strength == LESSER


def _put(content: dict[str, Any], path: Sequence[str], value: object) -> None:
    inner = content
    for name in path[:-1]:
        inner = inner.setdefault(name, {})
    inner[path[-1]] = value
