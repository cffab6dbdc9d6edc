"""Count how the items of a batch ended by product and by label."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from time import monotonic

from api.batches.kept import keep
from shared.store.batches.batch import BatchProgress
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_index import PRODUCT_TYPE, SITE, ItemGroup
from shared.store.batches.letters import FAILED, PASSED, WARNED
from shared.wire.batches import Group, GroupCounts, GroupValue, OtherValues

VALUES_SHOWN = 20  # of each group; the others are counted together
KEPT = 16  # batches whose groups are kept: at most 800 KB of each with 50,000 items
COUNTED_AGAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class _Counted:
    counts: Mapping[str, int]
    """How many items had each letter. Letters only move on, so equal counts are equal letters."""
    at_s: float
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Grouping:
    """Groups of batches; what never changes of them, and the last counts, are kept for a while."""

    store: BatchStore
    _groups_of: dict[str, Mapping[str, ItemGroup]] = field(default_factory=dict)
    _counted_of: dict[str, _Counted] = field(default_factory=dict)

    async def of(self, batch_id: str) -> Mapping[str, ItemGroup]:
        """Return the groups of a batch, by "productType", "site" and "label.NAME"."""
        if batch_id not in self._groups_of:
            groups = await self.store.index.groups(batch_id)
            return keep(self._groups_of, batch_id, groups, KEPT)
        return self._groups_of[batch_id]

    async def counted(self, batch_id: str, progress: BatchProgress) -> tuple[Group, ...]:
        """Return how the items of each group stand.

        Of a batch that runs they are counted once a second, however many look at it. A group in
        which all items are alike is left out.
        """
        known = self._counted_of.get(batch_id)
        if known and (known.counts == progress.counts or _is_fresh(known, progress)):
            return known.groups
        groups = {by: one for by, one in (await self.of(batch_id)).items() if one.tells_apart}
        if not groups:
            return ()
        letters = await self.store.records.letters(batch_id)
        found: list[Group] = []
        for by in sorted(groups, key=lambda by: (by != PRODUCT_TYPE, by != SITE, by)):
            found.append(counted(by, groups[by], letters))
            await asyncio.sleep(0)  # 50,000 items take some milliseconds
        new = _Counted(progress.counts, monotonic(), tuple(found))
        return keep(self._counted_of, batch_id, new, KEPT).groups


def _is_fresh(known: _Counted, progress: BatchProgress) -> bool:
    return not progress.finished_at and monotonic() - known.at_s < COUNTED_AGAIN_S


def counted(by: str, group: ItemGroup, letters: bytes) -> Group:
    """Return how the items of a group stand: the values with most failures first."""
    total = Counter(group.numbers)
    passed, warned, failed = (
        _with(group.numbers, letters, one) for one in (PASSED, WARNED, FAILED)
    )
    values = [
        GroupValue(value=group.values[n], **_counts(total[n], passed[n], warned[n], failed[n]))
        for n in total
    ]
    values.sort(key=lambda one: (-one.failed, -one.total, one.value))
    shown, others = values[:VALUES_SHOWN], values[VALUES_SHOWN:]
    return Group(by=by, values=tuple(shown), rest=_together(others) if others else None)


def _with(numbers: Sequence[int], letters: bytes, letter: str) -> Counter[int]:
    wanted = ord(letter)
    table = bytes(code == wanted for code in range(256))
    return Counter(compress(numbers, letters.translate(table)))


def _counts(total: int, passed: int, warned: int, failed: int) -> dict[str, int]:
    return {
        "total": total,
        "passed": passed + warned,
        "warnings": warned,
        "failed": failed,
        "others": total - passed - warned - failed,
    }


def _together(values: Sequence[GroupCounts]) -> OtherValues:
    names = GroupCounts.model_fields
    sums = {name: sum(getattr(one, name) for one in values) for name in names}
    return OtherValues(count=len(values), **sums)
