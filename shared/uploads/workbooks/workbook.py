"""What the workbooks of every format offer."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from shared.text import printable
from shared.uploads.row import UploadError
from shared.uploads.workbooks.sheet_row import SheetRow

MOST_SHEETS = 1000
_MOST_NAMED = 20


class Workbook(Protocol):
    """A workbook that has been opened."""

    format: str
    sheet: str
    """The name of the one that is read, once a row has been yielded."""

    @property
    def sheets(self) -> Sequence[str]:
        """The names of all sheets, once the rows have been read."""
        ...

    def rows(self, wished: str) -> Iterator[SheetRow]:
        """Yield the rows that aren't empty of a sheet, while they are read.

        It is the sheet that is called `wished`, whatever its case; without a wish the first visible
        one that isn't empty.

        Raises:
            UploadError: There is no such sheet, or the workbook is damaged, or too much.
        """
        ...


def is_wished(name: str, wished: str) -> bool:
    """Return whether the caller means the sheet called `name`."""
    return name.strip().casefold() == wished.strip().casefold()


def no_such_sheet(names: Sequence[str]) -> UploadError:
    """Return the error for a sheet that the workbook hasn't got, with the names that it has."""
    named = tuple(printable(name, 64) for name in names[:_MOST_NAMED])
    return UploadError("The workbook has no such sheet; its sheets are {sheets}.", sheets=named)
