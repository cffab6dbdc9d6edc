"""Write rows as CSV that spreadsheets do not read as formulas."""

import csv
import io
from collections.abc import Iterable, Sequence

from shared.formulas import neutralised

_BYTE_ORDER_MARK = "\ufeff"
"""What a file must begin with for Excel to read it as UTF-8."""


def sheet_csv(rows: Iterable[Sequence[object]]) -> str:
    """Return a line of CSV for each row; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def sheet_csv_file(rows: Iterable[Sequence[object]]) -> bytes:
    """Return the same as a file that Excel reads as UTF-8."""
    return (_BYTE_ORDER_MARK + sheet_csv(rows)).encode()


def _cell(value: object) -> object:
    if isinstance(value, str):
        return neutralised(value)
    return "" if value is None else value
