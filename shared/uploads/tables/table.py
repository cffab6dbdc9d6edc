"""Read the rows of a table, whatever file its cells come from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.uploads.field_names import KNOWN
from shared.uploads.reading import Reading
from shared.uploads.row import MAX_ROW_BYTES, Row, UploadError, too_empty
from shared.uploads.tables.columns import Columns
from shared.uploads.tables.header import Header, header_of, without_empty_end
from shared.uploads.tables.header_search import (
    MAX_COLUMNS,
    is_certain_address,
    is_commented_header,
    names_in,
    uncommented,
)
from shared.uploads.tables.headerless import Headerless
from shared.uploads.tables.wished_columns import Wished
from shared.uploads.wishes import Wishes

MOST_LINES_ABOVE = 20
"""Lines in which the header is looked for; empty ones and comments are not counted."""
MOST_COMMENTS = 100
"""Comments above a table that may be its header; the others are only skipped."""

MOST_SKIPPED = 1_048_576
"""Empty rows: a spreadsheet can save as many as a sheet has."""
_WORK_OF_COMMENT = 10
"""Empty rows that cost as much as one comment."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row of cells, before it is known what they mean."""

    cells: Sequence[str] = field(repr=False)
    place: str
    line: int


class Table:
    """Takes the cells of one row after the other, finds the header and yields the rows below it.

    The first rows are held back until the header is found, or is known to be missing.
    """

    def __init__(self, wishes: Wishes, reading: Reading) -> None:
        self._product = wishes.product_type
        self._wished = Wished(wishes.columns)
        self._reading = reading
        self._columns: Columns | None = None
        self._comments = self._skipped = 0
        self._comment: Record | None = None
        """The last comment that is a header, if nothing else is."""
        self._held: list[Record] = []
        self._held_characters = 0

    @property
    def is_begun(self) -> bool:
        """Whether it is known what the columns mean."""
        return self._columns is not None

    def names_in(self, cells: Sequence[str]) -> int:
        """Return how many fields a row names if it is a header; 0 if it is none."""
        return names_in(cells, self._wished)

    def names_in_comment(self, cells: Sequence[str]) -> int:
        """Return how many fields a comment names if it is a header; 0 if it is none."""
        bare = uncommented(cells)
        return len(bare) if bare and is_commented_header(bare, self._wished) else 0

    def add(self, cells: Sequence[str], place: str, line: int) -> Iterator[Row]:
        """Yield the rows that this one completes: itself, unless it is empty or has no platform.

        Args:
            cells: The texts of its cells, as they stand there.
            place: Where it stands, for people: "line 17".
            line: The number of its line in a text or of its row in a sheet, from 1.

        Raises:
            UploadError: It can't be told what the columns mean.
        """
        if not any(map(str.strip, cells)):
            self.skip_empty(place)
            return
        record = Record(cells, place, line)
        if self._columns is not None:
            yield from self._row(record, self._columns)
            return
        if (bare := uncommented(cells)) is not None:
            self._comments += 1
            self.skip_comment(place)
            if self._comments <= MOST_COMMENTS and is_commented_header(bare, self._wished):
                self._comment = Record(bare, place, line)
        elif header := self._header_at(record):
            self._reading.header_line = header.line
            told = (header.place, self._wished, self._product, self._reading)
            self._begin(header_of(header.cells, *told), header)
            if header is not record:
                yield from self.add(cells, place, line)
        else:
            yield from self._hold(record)

    def skip_empty(self, place: str) -> None:
        """Count a row that has nothing in its cells.

        Raises:
            UploadError: There are too many.
        """
        self._skip(1, place)

    def skip_comment(self, place: str) -> None:
        """Count a comment that is no row.

        Raises:
            UploadError: There are too many.
        """
        self._skip(_WORK_OF_COMMENT, place)

    def _skip(self, work: int, place: str) -> None:
        self._skipped += work
        if self._skipped > MOST_SKIPPED:
            raise too_empty(place)

    def finish(self) -> Iterator[Row]:
        """Yield the rows that were held back.

        Raises:
            UploadError: It can't be told what the columns mean.
        """
        if self._held:
            yield from self._without_header()

    def _header_at(self, record: Record) -> Record | None:
        """Return the header, which is this record or the comment above it; None for neither."""
        if names_in(record.cells, self._wished):
            return record
        comment = self._comment
        is_below = comment and len(without_empty_end(record.cells)) <= len(comment.cells)
        return comment if is_below else None

    def _hold(self, record: Record) -> Iterator[Row]:
        self._held.append(record)
        self._held_characters += sum(map(len, record.cells))
        if len(self._held) >= MOST_LINES_ABOVE or self._held_characters > MAX_ROW_BYTES:
            yield from self._without_header()

    def _begin(self, header: Header, at: Record | None) -> None:
        if at:
            width = len(header.columns)
            for record in self._held:
                _refuse_row_above(record, width)
            self._held.clear()
        self._reading.columns = header.columns
        self._columns = Columns(header, self._reading)

    def _without_header(self) -> Iterator[Row]:
        held, self._held = self._held, []
        while len(held) > 1 and _is_title(held[0], held[1:]):
            del held[0]
        rows = Headerless([record.cells for record in held], self._wished, self._product)
        if self._wished and len(held) > 1 and rows.first_names_columns:
            header = held.pop(0)
            self._reading.header_line = header.line
            rows = Headerless([record.cells for record in held], self._wished, self._product)
        if (found := rows.header()) is None:
            self._reading.columns = rows.unknown_columns()
            raise _no_header(held[0], rows)
        self._begin(found, None)
        for record in held:
            yield from self.add(record.cells, record.place, record.line)

    def _row(self, record: Record, columns: Columns) -> Iterator[Row]:
        cells = columns.completed(without_empty_end(record.cells, columns.count))
        if columns.count > 1 and _is_comment(record):
            self.skip_comment(record.place)
            return
        cells = columns.unguarded(cells)
        if any("\0" in cell for cell in cells):
            yield _unreadable(record, Sentence("contains a NUL byte"))
        elif len(cells) != columns.count:
            facts: dict[str, Fact] = {"found": len(cells), "wanted": columns.count}
            text = "has {found:column|columns}; the header has {wanted}"
            yield _unreadable(record, Sentence(text, facts))
        else:
            yield columns.row(cells, record.place, record.line)


def _unreadable(record: Record, problem: Sentence) -> Row:
    return Row(record.place, {}, problem, record.line, record.cells)


def _is_comment(record: Record) -> bool:
    """Return whether a row below the header is a comment: its first cell alone, with its sign."""
    return len(without_empty_end(record.cells)) == 1 and uncommented(record.cells) is not None


def _is_title(record: Record, below: Sequence[Record]) -> bool:
    """Return whether this row is a line of text above a table."""
    alone = len(without_empty_end(record.cells)) == 1
    return (
        alone
        and not is_certain_address(record.cells[0])
        and all(len(without_empty_end(other.cells)) > 1 for other in below)
    )


def _refuse_row_above(record: Record, width: int) -> None:
    cells = without_empty_end(record.cells)
    if len(cells) > 1 and len(cells) == width and any(map(is_certain_address, cells)):
        detail = "{place}: looks like a row, and stands above the line that names the columns."
        raise UploadError(detail, place=record.place)


def _no_header(first: Record, rows: Headerless) -> UploadError:
    if rows.width > MAX_COLUMNS:
        detail = "{place}: has more than {most} columns."
        return UploadError(detail, place=first.place, most=MAX_COLUMNS)
    if rows.lacks_product:
        return UploadError(
            "{place}: no line names the columns, and the product is not told: {row}. Name the "
            "columns in the first line ({known}), or name the product of all rows.",
            place=first.place,
            row=rows.first_row(),
            known=KNOWN,
        )
    return UploadError(
        "{place}: no line names the columns, and what stands in them does not tell: {row}. Name "
        "them in the first line ({known}), or say what each column means.",
        place=first.place,
        row=rows.first_row(),
        known=KNOWN,
    )
