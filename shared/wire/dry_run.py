"""Collect what a bulk test of an upload would test."""

from dataclasses import dataclass, field

from shared.diagnosis.translations import Language, place_in
from shared.store.batches.batch import RejectedRow
from shared.uploads.reading import Reading
from shared.uploads.row import Row
from shared.wire.bad_rows import BadRows
from shared.wire.batches import BatchRow
from shared.wire.first_row import first_row
from shared.wire.uploads import ERRORS_SHOWN, DryRun, FirstRow, ReadingView, RowError

FIRST_ROWS = 5


@dataclass(slots=True)
class DryRunRows:
    """The rows of one upload, which are counted and not kept.

    With `bad_rows`, the first invalid ones are kept there as they were sent.
    """

    reading: Reading
    bad_rows: BadRows | None = None
    accepted: int = 0
    rejected: int = 0
    _errors: list[RejectedRow] = field(default_factory=list)
    _first: list[FirstRow] = field(default_factory=list)

    def take(self, row: Row, found: BatchRow | RejectedRow) -> None:
        """Take a row, and what it was judged to be."""
        if isinstance(found, BatchRow):
            self.accepted += 1
            if len(self._first) < FIRST_ROWS:
                self._first.append(first_row(row, found))
            return
        self.rejected += 1
        if len(self._errors) < ERRORS_SHOWN:
            self._errors.append(found)
        if self.bad_rows is not None:
            self.bad_rows.take(row, found)

    def view(self, language: Language = "en") -> DryRun:
        """Return the answer, with texts in `language`."""
        first = (
            one.model_copy(update={"place": place_in(language, one.place)}) for one in self._first
        )
        return DryRun(
            read=ReadingView.of(self.reading, language),
            accepted=self.accepted,
            rejected=self.rejected,
            errors=RowError.of(self._errors, language),
            first=tuple(first),
        )
