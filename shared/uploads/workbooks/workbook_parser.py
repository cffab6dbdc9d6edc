"""Read an upload that is a workbook."""

import io
from collections.abc import Iterator, Mapping, Sequence

from shared.diagnosis.sentences import Sentence
from shared.text import printable
from shared.uploads.reading import Reading
from shared.uploads.row import Row, UploadError
from shared.uploads.tables.cells import text_of
from shared.uploads.tables.table import Table
from shared.uploads.wishes import Wishes
from shared.uploads.workbooks.damage import too_large
from shared.uploads.workbooks.opened import opened
from shared.uploads.workbooks.sheet_row import ROUNDED
from shared.uploads.workbooks.workbook import Workbook

MAX_WORKBOOK_BYTES = 16_777_216
MOST_CHARACTERS = 268_435_456
"""In all cells: rows repeat each other and share texts, so that a kilobyte stands for gigabytes."""
_LONGEST_NAME = 64


class WorkbookParser:
    """Parser of an Excel workbook or an OpenDocument spreadsheet.

    It needs the whole file, whose directory is at its end, and holds it in memory: nothing of an
    upload is ever on a disk. The rows are read while they are taken from `finish`.
    """

    def __init__(self, wishes: Wishes, reading: Reading) -> None:
        reading.format, reading.encoding = "workbook", ""
        self._reading = reading
        self._sheet = wishes.sheet
        self._table = Table(wishes, reading)
        self._body = io.BytesIO()
        self._problems: dict[int, Mapping[int, Sentence]] = {}

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Keep `chunk`, which completes no row."""
        if self._body.tell() + len(chunk) > MAX_WORKBOOK_BYTES:
            detail = "The workbook has more than {most} bytes; send the table as CSV."
            raise UploadError(detail, kind="too-large", most=MAX_WORKBOOK_BYTES)
        self._body.write(chunk)
        return iter(())

    def finish(self) -> Iterator[Row]:
        """Yield the rows of the sheet."""
        workbook = opened(self._body)
        self._reading.format = workbook.format
        characters = 0
        for found in workbook.rows(self._sheet):
            characters += sum(map(len, found.cells))
            if characters > MOST_CHARACTERS:
                raise too_large()
            if not self._reading.sheet:
                self._name_sheets(workbook)
            if found.problems:
                self._problems[found.line] = found.problems
            # Behind the last cell that isn't empty there is no cell; none was cut off.
            missing = len(self._reading.columns) - len(found.cells)
            cells = [*found.cells, *[""] * missing] if self._table.is_begun else found.cells
            yield from self._judged(self._table.add(cells, f"row {found.line}", found.line))
        self._name_sheets(workbook)
        yield from self._judged(self._table.finish())

    def _name_sheets(self, workbook: Workbook) -> None:
        self._reading.sheet = printable(workbook.sheet, _LONGEST_NAME)
        self._reading.sheets = tuple(printable(name, _LONGEST_NAME) for name in workbook.sheets)

    def _judged(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            found = self._problems.pop(row.line or 0, {})
            fields = {c.number: c.field for c in self._reading.columns if c.field} if found else {}
            taken = {n: said for n, said in found.items() if n in fields}
            for number in [n for n, said in taken.items() if said is ROUNDED]:
                self._reading.doubt(row.place, row.line, fields[number], taken.pop(number))
            problem = self._problem(taken, row.cells)
            yield Row(row.place, {}, problem, row.line, row.cells) if problem else row

    @staticmethod
    def _problem(taken: Mapping[int, Sentence], cells: Sequence[str]) -> Sentence | None:
        """Return the first problem.

        ="00123" is how people write a text of digits, and no other value.
        """
        problems = (taken[n] for n in sorted(taken) if text_of(cells[n - 1]) == cells[n - 1])
        return next(problems, None)
