"""Find the chosen items of a batch, reading as few of them as can be."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from api.batches.finding.choice import Choice
from api.batches.finding.grouping import Grouping
from shared.labels import LABEL
from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch import BatchState
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_index import (
    MOST_NAMES,
    PRODUCT_TYPE,
    REF,
    SITE,
    TEXTS,
    ItemGroup,
    both,
    mask_of,
)
from shared.store.batches.letters import UNFINISHED, WARNED
from shared.wire.batches import STANDINGS


@dataclass(frozen=True, slots=True)
class Chosen:
    """Items that may match, and what must still be asked of each of them."""

    mask: bytes
    """A byte for each item: 1 where it may match."""
    left: Choice
    """The conditions that only an item itself answers; the outcome, only its job."""


@dataclass(frozen=True, slots=True)
class Search:
    """Finds items by their letters, their causes, and the index of the batch."""

    store: BatchStore
    grouping: Grouping

    async def chosen(self, batch_id: str, state: BatchState, choice: Choice) -> Chosen:
        """Return the items of `choice`."""
        total = len(state.letters)
        found = Chosen(_standing(state.letters, choice), replace(choice, cause=None))
        if choice.outcome not in ("queued", "running"):
            found = replace(found, left=replace(found.left, outcome=None))
        if choice.cause is not None:
            bits = await self.store.findings.bits(batch_id, [choice.cause])
            found = _with(found, mask_of(bits[choice.cause], total))
        if choice.product_type is not None or choice.site is not None or choice.labels:
            groups = await self.grouping.of(batch_id)
            found = _by_group(found, choice, groups, state)
            found = await self._by_label(found, batch_id)
        if choice.refs:
            found = await self._by_ref(found, choice.refs, batch_id)
        return found

    async def _by_label(self, found: Chosen, batch_id: str) -> Chosen:
        """Return the items with the labels that are left, which have too many values for groups."""
        left: list[tuple[str, str]] = []
        for name, value in found.left.labels:
            field = TEXTS + LABEL + name
            texts = await self.store.index.texts(batch_id, field, len(found.mask))
            if texts is None:
                left.append((name, value))
            else:
                found = _with(found, bytes(text == value for text in texts))
        return Chosen(found.mask, replace(found.left, labels=tuple(left)))

    async def _by_ref(self, found: Chosen, refs: frozenset[str], batch_id: str) -> Chosen:
        total = len(found.mask)
        texts = await self.store.index.texts(batch_id, REF, total)
        if texts is None:
            if not await self.store.index.has_index(batch_id):
                return found
            texts = [""] * total
        mask = bytes(text in refs for text in texts)
        return _with(replace(found, left=replace(found.left, refs=frozenset())), mask)


def _standing(letters: str, choice: Choice) -> bytes:
    """Return the items that may have the outcome, judging by their letters."""
    if choice.outcome is None:
        return b"\1" * len(letters)
    if choice.outcome == "warning":
        wanted = WARNED
    elif choice.outcome in ("queued", "running"):
        wanted = "".join(UNFINISHED)
    else:
        wanted = "".join(letter for letter, name in STANDINGS.items() if name == choice.outcome)
    return with_letters(letters, wanted)


def with_letters(letters: str, wanted: str) -> bytes:
    """Return a byte for each item: 1 where its letter is one of `wanted`, else 0."""
    table = bytes(chr(code) in wanted for code in range(256))
    return letters.encode("latin-1").translate(table)


def _by_group(
    found: Chosen, choice: Choice, groups: Mapping[str, ItemGroup], state: BatchState
) -> Chosen:
    left = found.left
    if choice.product_type is not None and PRODUCT_TYPE in groups:
        found = _with(found, groups[PRODUCT_TYPE].having(choice.product_type))
        left = replace(left, product_type=None)
    if choice.site is not None:
        here = bytes([choice.site == DEFAULT_SITE]) * len(found.mask)
        found = _with(found, groups[SITE].having(choice.site) if SITE in groups else here)
        left = replace(left, site=None)
    unknown: list[tuple[str, str]] = []
    for name, value in choice.labels:
        if LABEL + name in groups:
            found = _with(found, groups[LABEL + name].having(value))
        elif _is_on_no_item(name, groups, state):
            found = _with(found, bytes([not value]) * len(found.mask))
        else:
            unknown.append((name, value))
    return Chosen(found.mask, replace(left, labels=tuple(unknown)))


def _is_on_no_item(name: str, groups: Mapping[str, ItemGroup], state: BatchState) -> bool:
    known = state.batch.labels
    return bool(groups) and name not in known and len(known) < MOST_NAMES


def _with(found: Chosen, mask: bytes) -> Chosen:
    return Chosen(both(found.mask, mask), found.left)
