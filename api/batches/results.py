"""Read the results of a batch: a page, or all of them as lines."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from api.batches.finding.choice import EVERYTHING, Choice, ItemFilters
from api.batches.finding.ordering import Sort
from api.batches.finding.search import Chosen
from api.batches.reader import BatchReader
from api.filters import cursor_like
from shared.diagnosis.translations import Language
from shared.store.batches.batch import BatchItem, BatchState, RejectedRow
from shared.wire.batches import BatchResult
from shared.wire.result_rows import ResultRows, Row
from shared.wire.result_sheet import ResultSheet
from shared.wire.sheets.csv_sheet import sheet_csv
from shared.wire.sheets.xlsx_sheet import XlsxSheet
from shared.wire.upload_columns import with_labels

PAGE = 500
IN_JSON = 100  # results, unless the caller says how many


class ResultQuery(ItemFilters):
    """Which results are wanted, in which order and form."""

    sort: Sort | None = Field(
        default=None,
        description=(
            "Sort by this field, with `-` in descending order; items without it come last. Without "
            "it, the order is that of the upload. While the batch runs, `cause` and `tookMs` sort "
            "what is known, and an item may change its page."
        ),
    )
    cursor: Annotated[str, cursor_like("[0-9]{1,9}")] = Field(
        default="0",
        description=(
            "`nextCursor` of the previous page; after NDJSON and CSV without `sort`, the last "
            "`index` + 1."
        ),
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Results in the response: JSON has 100 by default, the other forms have all.",
    )
    format: Literal["json", "ndjson", "csv", "xlsx"] | None = Field(
        default=None,
        description=(
            "Without it, the Accept header decides. CSV and xlsx have the columns of the upload "
            "first, without its secrets, then the verdict; without a filter, also the invalid rows."
        ),
    )


class Found(NamedTuple):
    """A result that was found, with its item and its place in the order."""

    place: int
    item: BatchItem
    result: BatchResult


@dataclass(slots=True)
class Results:
    """The results of one batch, in the order of its items or sorted."""

    _batches: BatchReader
    _batch_id: str
    _state: BatchState
    _choice: Choice = EVERYTHING
    _language: Language = "en"
    _sort: Sort | None = None
    _order: Sequence[int] = field(init=False, default=())
    _chosen: Chosen | None = field(init=False, default=None)

    async def page(self, first: int, size: int) -> tuple[Sequence[BatchResult], int | None]:
        """Return `size` results from the place `first` on, and the place of the next page."""
        found, following = await self._page(first, size)
        return [one.result for one in found], following

    async def as_ndjson(self, first: int, most: int | None = None) -> AsyncIterator[str]:
        """Yield a line of JSON for each result, `most` at most."""
        async for found in self._pages(first, most):
            yield "".join(one.result.model_dump_json(by_alias=True) + "\n" for one in found)

    async def as_csv(self, first: int, most: int | None = None) -> AsyncIterator[str]:
        """Yield a header, and a line for each result, `most` at most."""
        sheet = self._sheet
        yield sheet_csv([sheet.header])
        async for rows in self._rows(sheet, first, most):
            yield sheet_csv(rows)

    async def as_xlsx(self, first: int, most: int | None = None) -> AsyncIterator[bytes]:
        """Yield a workbook as it is written, with a row for each result, `most` at most."""
        sheet = self._sheet
        workbook = XlsxSheet(sheet.header)
        async for rows in self._rows(sheet, first, most):
            yield await asyncio.to_thread(_written, workbook, rows)
        yield await asyncio.to_thread(workbook.content)

    @property
    def _sheet(self) -> ResultSheet:
        batch = self._state.batch
        return ResultSheet(batch.columns or with_labels(batch.labels))

    async def _rows(
        self, sheet: ResultSheet, first: int, most: int | None
    ) -> AsyncIterator[list[Row]]:
        """Yield rows, with the invalid ones where no filter asks for others."""
        rejected: Sequence[RejectedRow] = ()
        if self._choice.is_everything:
            known = await self._batches.rejected(self._batch_id, self._state.batch)
            is_all = self._sort is not None  # they stand behind the last page then
            rejected = [row for row in known if is_all or row.before is None or row.before >= first]
        rows = ResultRows(sheet, rejected, self._language, is_sorted=self._sort is not None)
        count = 0
        async for found in self._pages(first, most):
            count += len(found)
            yield rows.of([(one.item, one.result) for one in found])
        if most is None or count < most:
            yield rows.rest()

    async def _pages(self, first: int | None, most: int | None) -> AsyncIterator[Sequence[Found]]:
        while first is not None and most != 0:
            size = PAGE if most is None else min(PAGE, most)
            found, first = await self._page(first, size)
            yield found
            most = most and most - len(found)

    async def _page(self, first: int, size: int) -> tuple[Sequence[Found], int | None]:
        chosen = await self._begun()
        found: list[Found] = []
        places = self._places(first, chosen.mask)
        while len(found) < size:
            # A small page of what is rare would else ask the store once an item.
            together = PAGE if self._is_sieved(chosen) else size - len(found)
            some = [*islice(places, together)]
            if not some:
                break
            found += await self._matching(some, chosen.left)
        if len(found) > size:
            return found[:size], found[size].place
        return found, next(places, None)

    async def _begun(self) -> Chosen:
        """Return the items that may match; they are looked for once for all pages."""
        if self._chosen is None:
            self._order = range(len(self._state.letters))
            if self._sort:
                ordering = self._batches.ordering
                self._order = await ordering.order(self._batch_id, self._state, self._sort)
            search = self._batches.search
            self._chosen = await search.chosen(self._batch_id, self._state, self._choice)
        return self._chosen

    def _places(self, first: int, mask: bytes) -> Iterator[int]:
        order = self._order
        return (place for place in range(first, len(order)) if mask[order[place]])

    async def _matching(self, places: Sequence[int], left: Choice) -> Sequence[Found]:
        """Return those at `places` that match; the jobs of other items are not read."""
        indexes = [self._order[place] for place in places]
        items = await self._batches.store.records.items(self._batch_id, indexes)
        wanted = [
            (place, index, item)
            for place, index, item in zip(places, indexes, items, strict=True)
            if left.matches(item)
        ]
        results = await self._batches.results_of(
            self._batch_id, self._state, {n: item for _, n, item in wanted}, self._language
        )
        found = zip(wanted, results, strict=True)
        return [
            Found(place, item, result)
            for (place, _, item), result in found
            if left.outcome is None or result.status == left.outcome
        ]

    @staticmethod
    def _is_sieved(chosen: Chosen) -> bool:
        """Whether an item must be read to know whether it matches."""
        return not chosen.left.is_everything


def _written(workbook: XlsxSheet, rows: Sequence[Row]) -> bytes:
    for row in rows:
        workbook.add(row)
    return workbook.taken()
