"""Write rows as an Excel workbook, in memory and compressed as they come."""

import math
import zipfile
from collections.abc import Iterable, Sequence
from typing import IO, cast

from shared.formulas import is_formula
from shared.wire.sheets.xlsx_parts import PARTS, SHEET_NAME, sheet_begin, sheet_end
from shared.wire.sheets.xlsx_text import xlsx_text

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

_HEADER, _TEXT, _FORMULA_LIKE = 1, 2, 3
"""Cell formats of xlsx_parts."""
_WAITING_CHARACTERS = 65_536


class _Outbox:
    """A file that grows until its bytes are taken; it can't be gone back in."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, content: bytes) -> int:
        self._written += content
        return len(content)

    def flush(self) -> None:
        """Do nothing: all of it can be taken already."""

    def content(self) -> bytes:
        return bytes(self._written)

    def taken(self) -> bytes:
        taken = self.content()
        self._written.clear()
        return taken


class XlsxSheet:
    """A workbook of one sheet with a bold header that stays in sight.

    It is made in memory, because rows may hold key pairs; only what it compressed is held. It
    contains neither an author nor a time.
    """

    def __init__(self, header: Sequence[str]) -> None:
        self._file = _Outbox()
        self._archive = zipfile.ZipFile(cast("IO[bytes]", self._file), "w", zipfile.ZIP_DEFLATED)
        for name, content in PARTS.items():
            self._archive.writestr(_entry(name), content)
        self._sheet = self._archive.open(_entry(SHEET_NAME), "w")  # no zip64: Excel may refuse it
        self._waiting = [sheet_begin([len(name) for name in header])]
        self._waiting_characters = 0
        self._write([_text(name, _HEADER) for name in header])

    def add(self, row: Sequence[object]) -> None:
        """Add a row; None is an empty cell. Texts are never read as formulas or numbers."""
        self._write([_cell(value) for value in row])

    def taken(self) -> bytes:
        """Return what is written of the file by now, without what was taken before."""
        return self._file.taken()

    def content(self) -> bytes:
        """Return the file, without what was taken; nothing can be added afterwards."""
        if not self._sheet.closed:
            self._waiting.append(sheet_end())
            self._flush()
            self._sheet.close()
            self._archive.close()
        return self._file.content()

    def _write(self, cells: Sequence[str]) -> None:
        row = f"<row>{''.join(cells)}</row>"
        self._waiting.append(row)
        self._waiting_characters += len(row)
        if self._waiting_characters > _WAITING_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        self._sheet.write("".join(self._waiting).encode())
        self._waiting.clear()
        self._waiting_characters = 0


def sheet_xlsx(rows: Iterable[Sequence[object]]) -> bytes:
    """Return a workbook with these rows, of which the first is the header."""
    header, *others = rows
    sheet = XlsxSheet([str(name) for name in header])
    for row in others:
        sheet.add(row)
    return sheet.content()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of 1980: when it was made is nobody's business
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _cell(value: object) -> str:
    if value is None or value == "":
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{value:d}</v></c>'
    if isinstance(value, int | float) and math.isfinite(value):
        return f"<c><v>{value!r}</v></c>"
    text = str(value)
    return _text(text, _FORMULA_LIKE if is_formula(text) else _TEXT)


def _text(text: str, cell_format: int) -> str:
    shown = xlsx_text(text)
    return f'<c s="{cell_format}" t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'
