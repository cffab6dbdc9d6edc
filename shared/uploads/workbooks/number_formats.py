"""Read how the cells of a workbook show their numbers."""

from xml.sax.xmlreader import AttributesImpl

from shared.uploads.workbooks.markup import Markup
from shared.uploads.workbooks.numbers import (
    Kind,
    date_text,
    duration_text,
    kind_of,
    number_text,
    zeros_of,
)

_MOST_FORMATS = 65_490
"""Of cells: Excel's limit."""
_LONGEST_CODE = 255


class NumberFormats(Markup):
    """The formats of a workbook's cells; those beyond Excel's limits count as none."""

    def __init__(self, *, is_from_1904: bool) -> None:
        super().__init__()
        self._is_from_1904 = is_from_1904
        self._codes: dict[int, str] = {}
        self._is_in_cells = False
        self._shows: list[tuple[Kind, int]] = []

    def open(self, name: str, attributes: AttributesImpl) -> None:
        """Take a format."""
        if name == "numFmt" and len(self._codes) < _MOST_FORMATS:
            number = _index(attributes.get("numFmtId"))
            self._codes[number] = (attributes.get("formatCode") or "")[:_LONGEST_CODE]
        elif name == "cellXfs":
            self._is_in_cells = True
        elif name == "xf" and self._is_in_cells and len(self._shows) < _MOST_FORMATS:
            number = _index(attributes.get("numFmtId"))
            code = self._codes.get(number)
            self._shows.append((kind_of(number, code), zeros_of(code)))

    def close(self, name: str) -> None:
        """Stop behind the cells' formats."""
        if name == "cellXfs":
            self.is_done = True

    def shown(self, value: str, style: str | None) -> str:
        """Return the number `value` as a cell with the format `style` shows it."""
        index = _index(style)
        kind, zeros = self._shows[index] if 0 <= index < len(self._shows) else ("", 0)
        if kind == "date":
            return date_text(value, is_from_1904=self._is_from_1904)
        if kind == "duration":
            return duration_text(value)
        return number_text(value).zfill(zeros)


def _index(text: str | None) -> int:
    is_number = (
        text is not None and text.isascii() and text.isdigit() and len(text) < len("1000000")
    )
    return int(text) if text is not None and is_number else -1
