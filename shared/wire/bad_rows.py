"""Keep the invalid rows of an upload as they were sent, to be mended as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from shared.diagnosis.translations import Language, place_in, sentence
from shared.store.batches.batch import RejectedRow
from shared.uploads.reading import Reading
from shared.uploads.row import Row
from shared.uploads.tables.header import PROBLEM_COLUMN
from shared.wire.first_row import flat_names, in_cell
from shared.wire.uploads import RowError

MOST_ROWS = 1000
MOST_CHARACTERS = 4_000_000
"""In all rows together: each may have 256 KB."""
MOST_NAMES = 256
"""Of members of JSON objects, each of which gets a column."""
MOST_CELLS = 256
"""Of a table's row: one with 130,000 cells would widen all of the others."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """An invalid row: its cells, or the members of its JSON object by their names."""

    why: RejectedRow
    cells: Sequence[str] = field(repr=False)
    members: dict[str, str] = field(repr=False)

    @property
    def characters(self) -> int:
        return sum(map(len, self.cells)) + sum(len(n) + len(v) for n, v in self.members.items())


@dataclass(slots=True)
class BadRows:
    """The first invalid rows; they contain the caller's own secrets and are for nobody else."""

    _rows: list[_Kept] = field(default_factory=list, repr=False)
    _characters: int = 0
    _is_full: bool = False

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, row: Row, why: RejectedRow) -> None:
        """Keep a row, unless MOST_ROWS or MOST_CHARACTERS are reached."""
        if self._is_full:
            return
        members = {} if row.cells else {n: in_cell(v) for n, v in flat_names(row.content)}
        kept = _Kept(why, row.cells[:MOST_CELLS], members)
        self._characters += kept.characters
        self._is_full = self._characters > MOST_CHARACTERS
        if not self._is_full:
            self._rows.append(kept)
            self._is_full = len(self._rows) == MOST_ROWS

    def table(self, reading: Reading, language: Language = "en") -> Iterator[Sequence[str]]:
        """Yield a header and the rows; the last column tells what is wrong with each.

        The header is that of the upload; without one, it has the names of the fields.
        """
        is_table = any(one.cells for one in self._rows)
        header = [one.header or one.field for one in reading.columns if is_table]
        header += [""] * (max((len(one.cells) for one in self._rows), default=0) - len(header))
        # The upload may be such a table itself, whose problems are of the time before.
        kept = [n for n, name in enumerate(header) if name.lower() != PROBLEM_COLUMN]
        names = self._names()
        yield [*(header[n] for n in kept), *names, PROBLEM_COLUMN]
        for one in self._rows:
            cells = [*one.cells, *[""] * (len(header) - len(one.cells))]
            members = (one.members.get(name, "") for name in names)
            yield [*(cells[n] for n in kept), *members, _problem(one.why, language)]

    def _names(self) -> Sequence[str]:
        """Return the names of all members, in the order in which they occur."""
        names = dict.fromkeys(name for one in self._rows for name in one.members)
        return [*names][:MOST_NAMES]


def _problem(why: RejectedRow, language: Language) -> str:
    (told,) = RowError.of([why], language)
    template = sentence(language, "{field}: {reason}")
    reason = template.format(field=told.field, reason=told.reason) if told.field else told.reason
    return template.format(field=place_in(language, why.place), reason=reason)
