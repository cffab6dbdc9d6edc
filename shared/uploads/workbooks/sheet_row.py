"""One row of a sheet, before it is known what its cells mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.diagnosis.sentences import Sentence
from shared.uploads.row import MAX_ROW_BYTES, too_long

MOST_COLUMNS = 64
MOST_ROWS = 1_048_576
"""Of a sheet, in every program."""

FORMULA = Sentence("contains a formula; replace it by its value")
ERROR_VALUE = Sentence("contains the error value of a formula")
ROUNDED = Sentence("is a number of more than 15 digits, which spreadsheets round; enter it as text")
"""The only one of these problems that may be none: a program can have written the number."""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """The cells of a row as they are seen in the spreadsheet, up to the last that isn't empty."""

    line: int
    """Its number, from 1."""
    cells: Sequence[str] = field(repr=False)
    """At most MOST_COLUMNS, and one more where another cell isn't empty."""
    problems: Mapping[int, Sentence] = field(default_factory=dict)
    """Why the text of a column, counted from 1, is not what the cell's author meant."""


class RowCells:
    """Collects the cells of one row."""

    def __init__(self) -> None:
        self._cells: dict[int, str] = {}
        self._problems: dict[int, Sentence] = {}
        self._characters = 0

    def put(self, column: int, text: str, line: int, problem: Sentence | None = None) -> None:
        """Put a text into a column from 1; those beyond the last share one.

        Raises:
            UploadError: The row is too long.
        """
        if not text:
            return
        self._characters += len(text)
        if self._characters > MAX_ROW_BYTES:
            raise too_long(f"row {line}")
        column = min(column, MOST_COLUMNS + 1)
        self._cells[column] = text
        if problem:
            self._problems[column] = problem

    def taken(self, line: int) -> SheetRow | None:
        """Return the row and forget it; None if all of its cells are empty."""
        if not self._cells:
            return None
        cells, problems = self._cells, self._problems
        self._cells, self._problems, self._characters = {}, {}, 0
        texts = [cells.get(column, "") for column in range(1, max(cells) + 1)]
        return SheetRow(line, texts, problems)
