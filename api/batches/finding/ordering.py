"""Sort the items of a batch."""

import asyncio
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from api.batches.kept import keep
from shared.store.batches.batch import BatchState
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_index import NAME, mask_of, places

Sort = Literal["name", "-name", "cause", "-cause", "tookMs", "-tookMs"]

KEPT = 32  # orders, each of 4 bytes an item
TOGETHER = 1000  # items that are read at once


@dataclass(frozen=True, slots=True)
class Ordering:
    """Orders of the items of batches; those that can't change any more are kept for a while."""

    store: BatchStore
    _kept: dict[tuple[str, Sort], Sequence[int]] = field(default_factory=dict)

    async def order(self, batch_id: str, state: BatchState, sort: Sort) -> Sequence[int]:
        """Return the indexes of all items in their order; those without a value come last."""
        kept = self._kept.get((batch_id, sort))
        if kept is not None:
            return kept
        keys = await self._keys(batch_id, state, sort.removeprefix("-"))
        order = await asyncio.to_thread(ranked, keys, descending=sort.startswith("-"))
        if state.finished_at or sort.endswith("name"):
            keep(self._kept, (batch_id, sort), order, KEPT)
        return order

    async def _keys(self, batch_id: str, state: BatchState, by: str) -> Sequence[str | int]:
        """Return a value for each item, an empty one or 0 where it has none."""
        total = len(state.letters)
        if by == "tookMs":
            return await self.store.index.times(batch_id, total)
        if by == "cause":
            return await self._causes(batch_id, total)
        return [name.casefold() for name in await self._names(batch_id, total)]

    async def _causes(self, batch_id: str, total: int) -> Sequence[str]:
        causes = [""] * total
        for code, bits in (await self.store.findings.all_bits(batch_id)).items():
            for index in places(mask_of(bits, total)):
                causes[index] = code
        return causes

    async def _names(self, batch_id: str, total: int) -> Sequence[str]:
        names = await self.store.index.texts(batch_id, NAME, total)
        if names is not None:
            return names
        if await self.store.index.has_index(batch_id):
            return [""] * total
        read: list[str] = []
        for first in range(0, total, TOGETHER):
            some = range(first, min(first + TOGETHER, total))
            read += [item.name for item in await self.store.records.items(batch_id, some)]
        return read


def ranked(keys: Sequence[str | int], *, descending: bool) -> Sequence[int]:
    """Return the places of `keys` in their order: equal ones as they stand, empty ones last."""
    known = [n for n, key in enumerate(keys) if key]
    known.sort(key=keys.__getitem__, reverse=descending)
    return array("I", known + [n for n, key in enumerate(keys) if not key])
