"""Lay out the results of a batch as rows of a table, with the invalid rows in their places."""

from collections import deque
from collections.abc import Iterable, Sequence

from shared.diagnosis.translations import Language
from shared.store.batches.batch import BatchItem, RejectedRow
from shared.wire.result_sheet import Resulted, ResultSheet

Row = list[object]


class ResultRows:
    """Turns results into rows, in the order in which they come."""

    def __init__(
        self,
        sheet: ResultSheet,
        rejected: Sequence[RejectedRow],
        language: Language,
        *,
        is_sorted: bool,
    ) -> None:
        self._sheet = sheet
        self._language: Language = language
        self._is_sorted = is_sorted
        self._rejected = deque(sorted(rejected, key=_place))

    def of(self, found: Iterable[tuple[BatchItem, Resulted]]) -> list[Row]:
        """Return the rows of results, each behind the invalid rows that stood before it."""
        rows: list[Row] = []
        for item, result in found:
            if not self._is_sorted:
                rows += self._up_to(result.index)
            rows.append(self._sheet.row(result, item.typed))
        return rows

    def rest(self) -> list[Row]:
        """Return the invalid rows behind the last result."""
        return self._up_to(_LAST)

    def _up_to(self, index: int) -> list[Row]:
        rows: list[Row] = []
        while self._rejected and _place(self._rejected[0]) <= index:
            rows.append(self._sheet.invalid(self._rejected.popleft(), self._language))
        return rows


_LAST = 2**53


def _place(row: RejectedRow) -> int:
    return _LAST if row.before is None else row.before
