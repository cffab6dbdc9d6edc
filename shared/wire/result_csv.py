"""Results of a batch as CSV that spreadsheets do not read as formulas."""

from collections.abc import Sequence

from pydantic import BaseModel

from shared.wire.batches import BatchResult
from shared.wire.sheets.csv_sheet import sheet_csv

COLUMNS = tuple(field.alias or name for name, field in BatchResult.model_fields.items())


def csv_header() -> str:
    """Return the names of the columns as a line of CSV."""
    return sheet_csv([COLUMNS])


def csv_of(results: Sequence[BaseModel]) -> str:
    """Return a line of CSV for each result; no cell is read as a formula."""
    rows = (one.model_dump(mode="json", by_alias=True) for one in results)
    return sheet_csv([row[column] for column in COLUMNS] for row in rows)
