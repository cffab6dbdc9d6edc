"""Give the results of a batch: a page, or all of them as lines."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from shared.wire.batches import STANDINGS, BatchResult
from api.batches import Batches
from shared.batch_store import BatchState
from shared.diagnosis.translations import Language

PAGE = 500
# What spreadsheets take for a formula at the beginning of a cell (OWASP, CSV injection). Where the
# comma is the decimal sign, they begin another cell behind each semicolon.
_FORMULA = re.compile(r"""\A(?=[=+@\t\r-])|(?<=;)(?=[\s"]*[=+@-])""")
COLUMNS = tuple(field.alias or name for name, field in BatchResult.model_fields.items())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items are asked for, and in which language."""

    standing: str | None = None
    cause: str | None = None
    product_type: str | None = None
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class Results:
    """The results of one batch, in the order of its items."""

    _batches: Batches
    _batch_id: str
    _state: BatchState
    _wanted: Wanted

    async def page(self, first: int, size: int) -> tuple[Sequence[BatchResult], int | None]:
        """Return `size` results from the item `first` on, and where the next page begins."""
        found: list[BatchResult] = []
        indexes = await self._indexes(first)
        while len(found) < size and (some := _take(indexes, self._together(size - len(found)))):
            results = await self._batches.results(
                self._batch_id, self._state, some, self._wanted.language
            )
            found += [one for one in results if self._is_wanted(one)]
        if len(found) > size:
            return found[:size], found[size].index
        return found, next(indexes, None)

    async def as_ndjson(self, first: int) -> AsyncIterator[str]:
        """Give a line of JSON for each result."""
        async for results in self._pages(first):
            yield "".join(one.model_dump_json(by_alias=True) + "\n" for one in results)

    async def as_csv(self, first: int) -> AsyncIterator[str]:
        """Give a header and a line for each result."""
        yield csv_header()
        async for results in self._pages(first):
            yield csv_of(results)

    async def _pages(self, first: int | None) -> AsyncIterator[Sequence[BatchResult]]:
        while first is not None:
            results, first = await self.page(first, PAGE)
            yield results

    async def _indexes(self, first: int) -> Iterator[int]:
        """Return which items from `first` on may be wanted, as far as can be told at once."""
        letters = self._state.letters
        indexes = iter(range(first, len(letters)))
        cause = self._wanted.cause
        if cause is not None:
            found = await self._batches.store.bits(self._batch_id, [cause])
            indexes = iter([n for n in indexes if found[cause] >> n & 1])
        standing = self._wanted.standing
        if standing == "warning":
            return (n for n in indexes if letters[n] == ord("o"))
        if standing in ("queued", "running"):
            return (n for n in indexes if letters[n] in b"qw")
        if standing:
            wanted = {ord(letter) for letter, name in STANDINGS.items() if name == standing}
            return (n for n in indexes if letters[n] in wanted)
        return indexes

    def _together(self, missing: int) -> int:
        """Return how many items to look at in one go, for those that are still missing."""
        # A small page of what is rare would else ask the store once an item.
        return PAGE if self._is_sieved else missing

    @property
    def _is_sieved(self) -> bool:
        """Whether only a look at an item tells whether it is wanted."""
        wanted = self._wanted
        return wanted.product_type is not None or wanted.standing in ("queued", "running")

    def _is_wanted(self, one: BatchResult) -> bool:
        standing, product_type = self._wanted.standing, self._wanted.product_type
        if standing in ("queued", "running") and one.status != standing:
            return False
        return product_type is None or one.product_type == product_type


def _take(indexes: Iterator[int], count: int) -> Sequence[int]:
    return [*islice(indexes, count)]


def csv_header() -> str:
    """Return the names of the columns as a line of CSV."""
    return _csv([COLUMNS])


def csv_of(results: Sequence[BatchResult]) -> str:
    """Return a line of CSV for each result; no cell can pass for a formula."""
    rows = (one.model_dump(mode="json", by_alias=True) for one in results)
    return _csv([_cell(row[column]) for column in COLUMNS] for row in rows)


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str):
        return _FORMULA.sub("'", value)
    return "" if value is None else value
