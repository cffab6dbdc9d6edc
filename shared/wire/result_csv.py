"""Results of a batch as CSV that spreadsheets do not read as formulas."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from pydantic import BaseModel

from shared.wire.batches import BatchResult

# What spreadsheets read as a formula at the beginning of a cell (OWASP, CSV injection). Where the
# comma is the decimal sign, they begin another cell after each semicolon.
_FORMULA = re.compile(r"""\A(?=[=+@\t\r-])|(?<=;)(?=[\s"]*[=+@-])""")
COLUMNS = tuple(field.alias or name for name, field in BatchResult.model_fields.items())


def csv_header() -> str:
    """Return the names of the columns as a line of CSV."""
    return _csv([COLUMNS])


def csv_of(results: Sequence[BaseModel]) -> str:
    """Return a line of CSV for each result; no cell is read as a formula."""
    rows = (one.model_dump(mode="json", by_alias=True) for one in results)
    return _csv([_cell(row[column]) for column in COLUMNS] for row in rows)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str):
        return _FORMULA.sub("'", value)
    return "" if value is None else value
