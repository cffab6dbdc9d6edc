"""Read the results of a batch: a page, or all of them as lines."""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Literal

from pydantic import Field

from api.batches.reader import BatchReader
from api.filters import CauseFilter, Filters, ProductFilter, WantedOutcome, cursor_like
from shared.diagnosis.translations import Language
from shared.store.batches.batch import BatchState
from shared.store.batches.letters import UNFINISHED, WARNED
from shared.wire.batches import STANDINGS, BatchResult
from shared.wire.result_csv import csv_header, csv_of

PAGE = 500
IN_JSON = 100  # results, unless the caller says how many


class ResultQuery(Filters):
    """Which results are wanted, and in which form."""

    outcome: WantedOutcome | None = Field(default=None, description="Only items in this state.")
    cause: CauseFilter | None = Field(
        default=None, description="Only with this cause.", examples=["tls.expired"]
    )
    product_type: ProductFilter | None = Field(
        default=None, description="Only this product type.", examples=["zstack"]
    )
    cursor: Annotated[str, cursor_like("[0-9]{1,9}")] = Field(
        default="0",
        description="`nextCursor` of the previous page; after NDJSON and CSV the last `index` + 1.",
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Results in the response: JSON has 100 by default, NDJSON and CSV have all.",
    )
    format: Literal["json", "ndjson", "csv"] | None = Field(
        default=None, description="Without it, the Accept header decides."
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filter and the language of the results."""

    outcome: WantedOutcome | None = None
    cause: str | None = None
    product_type: str | None = None
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class Results:
    """The results of one batch, in the order of its items."""

    _batches: BatchReader
    _batch_id: str
    _state: BatchState
    _wanted: Wanted

    async def page(self, first: int, size: int) -> tuple[Sequence[BatchResult], int | None]:
        """Return `size` results from the item `first` on, and the index of the next page."""
        found: list[BatchResult] = []
        indexes = await self._indexes(first)
        while len(found) < size and (some := [*islice(indexes, self._together(size - len(found)))]):
            results = await self._batches.results(
                self._batch_id, self._state, some, self._wanted.language
            )
            found += [one for one in results if self._is_wanted(one)]
        if len(found) > size:
            return found[:size], found[size].index
        return found, next(indexes, None)

    async def as_ndjson(self, first: int, most: int | None = None) -> AsyncIterator[str]:
        """Yield a line of JSON for each result, `most` at most."""
        async for results in self._pages(first, most):
            yield "".join(one.model_dump_json(by_alias=True) + "\n" for one in results)

    async def as_csv(self, first: int, most: int | None = None) -> AsyncIterator[str]:
        """Yield a header, and a line for each result, `most` at most."""
        yield csv_header()
        async for results in self._pages(first, most):
            yield csv_of(results)

    async def _pages(
        self, first: int | None, most: int | None
    ) -> AsyncIterator[Sequence[BatchResult]]:
        while first is not None and most != 0:
            size = PAGE if most is None else min(PAGE, most)
            results, first = await self.page(first, size)
            yield results
            most = most and most - len(results)

    async def _indexes(self, first: int) -> Iterator[int]:
        """Return the items from `first` on that may match, judging by the index alone."""
        letters = self._state.letters
        indexes = iter(range(first, len(letters)))
        cause = self._wanted.cause
        if cause is not None:
            found = await self._batches.with_cause(self._batch_id, cause)
            indexes = iter([n for n in indexes if found >> n & 1])
        outcome = self._wanted.outcome
        if outcome == "warning":
            return (n for n in indexes if letters[n] == WARNED)
        if outcome in ("queued", "running"):
            return (n for n in indexes if letters[n] in UNFINISHED)
        if outcome:
            wanted = {letter for letter, name in STANDINGS.items() if name == outcome}
            return (n for n in indexes if letters[n] in wanted)
        return indexes

    def _together(self, missing: int) -> int:
        """Return how many items to read at once to find the `missing` ones."""
        # A small page of what is rare would else ask the store once an item.
        return PAGE if self._is_sieved else missing

    @property
    def _is_sieved(self) -> bool:
        """Whether an item must be read to know whether it matches."""
        wanted = self._wanted
        return wanted.product_type is not None or wanted.outcome in ("queued", "running")

    def _is_wanted(self, one: BatchResult) -> bool:
        outcome, product_type = self._wanted.outcome, self._wanted.product_type
        if outcome in ("queued", "running") and one.status != outcome:
            return False
        return product_type is None or one.product_type == product_type
