"""Retry the failed items of a batch in a new batch."""

import secrets
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime

from api.access.caller import Caller
from api.batches.cancellation import BatchCancellation
from api.batches.errors import NothingToRepeatError, WhyNot
from api.batches.feeding.feeder import Feeder
from api.batches.finding.choice import EVERYTHING, Choice
from api.batches.finding.search import Search, with_letters
from api.batches.item_proofs import ItemProofs, Stored
from api.batches.receiving.intake import TOGETHER
from api.batches.receiving.submission import refuse_if_nothing_works, refuse_if_unserved
from shared.diagnosis.outcomes import Failed
from shared.endpoint import parse_endpoint
from shared.site_name import DEFAULT_SITE
from shared.sites.watched_sites import WatchedSites
from shared.store.batches.batch import (
    Batch,
    BatchItem,
    BatchState,
    NewItem,
    TooManyOpenBatchesError,
)
from shared.store.batches.batch_keys import BATCH_ID_BYTES, job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_index import ItemIndex, both, places
from shared.store.batches.letters import REPEATABLE
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_store import JobStore
from shared.store.limits.kept_results import TooManyKeptError


@dataclass(frozen=True, slots=True)
class _Repeated:
    """An item that can be retried, with its sealed request."""

    index: int
    item: BatchItem
    tested: int
    """The item of the same batch that it was equal to, if it was not tested itself."""
    sealed: str
    """What is stored of the request."""


@dataclass(frozen=True, slots=True)
class BatchRepetition:
    """Creates batches from the failed items of other batches."""

    store: BatchStore
    cancellation: BatchCancellation
    jobs: JobStore
    sites: WatchedSites
    feeder: Feeder
    search: Search
    proofs: ItemProofs

    async def repeat(
        self, batch_id: str, state: BatchState, caller: Caller, choice: Choice = EVERYTHING
    ) -> tuple[str, Sequence[int]]:
        """Retry the items that failed, expired or were lost; return the new batch's id.

        Only those of `choice` are retried. The second part is those of them that can't be: their
        sealed requests are deleted, or `caller`, who may be another one than their sender, is not
        allowed to test them.

        Raises:
            BatchError: nothing can be repeated, or not now.
            TooManyOpenBatchesError: the tenant has too many that are not finished.
            TooManyKeptError: the tenant has too many results already.
            StoreUnreachableError: nothing begins, or the outcome is unknown; what has been stored
                is cancelled.
        """
        await refuse_if_nothing_works(self.store.records, self.jobs, state.batch.all_sites)
        await self.store.creation.refuse_if_full(caller.share_of)
        failed = await self._failed(batch_id, state, choice)
        kept = await self._kept(batch_id, failed)
        again = [one for one in kept if self._is_allowed(one.item, caller)]
        if not again:
            raise NothingToRepeatError(_why_not(state, failed, kept))
        sites = {one.item.site for one in again}
        await refuse_if_unserved(self.jobs, sites)
        new_id = secrets.token_hex(BATCH_ID_BYTES)
        found_by = ItemIndex()
        for one in again:
            found_by.add(one.item)
        now = await self.jobs.clock.now()
        batch = _batch(batch_id, state.batch, caller, len(again), now, found_by.labels)
        batch = batch.model_copy(update=_at_sites(caller, sites))
        targets = await self.store.records.targets(batch_id)
        own_targets = [targets[one.index] for one in again]
        kept_again = self._proved_again(state.batch, new_id, batch, again)
        await self._create(new_id, batch, kept_again, own_targets, found_by.contents())
        return new_id, sorted(set(failed) - {one.index for one in again})

    async def _failed(self, batch_id: str, state: BatchState, choice: Choice) -> Sequence[int]:
        """Return the items of `choice` that failed, expired or were lost."""
        chosen = await self.search.chosen(batch_id, state, choice)
        repeatable = with_letters(state.letters, "".join(REPEATABLE))
        indexes = [*places(both(chosen.mask, repeatable))]
        if chosen.left.is_everything:
            return indexes
        found: list[int] = []
        for begin in range(0, len(indexes), TOGETHER):
            some = indexes[begin : begin + TOGETHER]
            items = await self.store.records.items(batch_id, some)
            each = zip(some, items, strict=True)
            found += [index for index, item in each if chosen.left.matches(item)]
        return found

    async def _kept(self, batch_id: str, indexes: Sequence[int]) -> Sequence[_Repeated]:
        """Return the items whose sealed requests still exist."""
        same_as = await self.store.records.same_as(batch_id, indexes)
        tested = [same_as.get(n, n) for n in indexes]
        items = await self.store.records.items(batch_id, indexes)
        sealed = await self.store.records.sealed(batch_id, tested)
        found = zip(indexes, items, tested, sealed, strict=True)
        return [_Repeated(n, item, first, kept) for n, item, first, kept in found if kept]

    def _proved_again(
        self, before: Batch, new_id: str, batch: Batch, again: Sequence[_Repeated]
    ) -> Sequence[_Repeated]:
        """Return the items with the proofs that the new batch needs."""
        first_of: dict[str, int] = {}
        found: list[_Repeated] = []
        for index, one in enumerate(again):
            first = first_of.setdefault(one.item.sealed_as, index)
            old = _stored(before, job_id_of(batch.repeats, one.tested), one.item)
            new = _stored(batch, job_id_of(new_id, first), one.item)
            found.append(replace(one, sealed=self.proofs.kept_again(old, new, one.sealed)))
        return found

    def _is_allowed(self, item: BatchItem, caller: Caller) -> bool:
        """Return whether the caller may test the item's platform there, judging by its name."""
        if not caller.may_use(item.site) or self.sites.site(item.site) is None:
            return False
        try:
            caller.policy_at(item.site).check(parse_endpoint(item.endpoint))
        except Failed:
            return False
        return True

    async def _create(
        self,
        new_id: str,
        batch: Batch,
        again: Sequence[_Repeated],
        targets: Sequence[str],
        found_by: Mapping[str, bytes],
    ) -> None:
        first_of: dict[str, int] = {}
        twins: dict[int, list[int]] = {}
        items: list[NewItem] = []
        for index, one in enumerate(again):
            first = first_of.setdefault(one.item.sealed_as, index)
            if first != index:
                twins.setdefault(first, []).append(index)
            is_first = first == index
            sealed, same_as = (one.sealed, None) if is_first else ("", first)
            items.append(NewItem(index, one.item, sealed, same_as))
        size = sum(len(new.sealed) for new in items)
        size += await self.store.creation.add_ca_certificates_of(
            batch.repeats, new_id, batch.all_sites
        )
        for begin in range(0, len(items), TOGETHER):
            await self.store.creation.add(new_id, items[begin : begin + TOGETHER])
        try:
            await self.store.creation.create(
                new_id, batch, [], targets, twins, index=found_by, sealed_bytes=size
            )
        except (TooManyKeptError, TooManyOpenBatchesError):
            await self.store.creation.discard(new_id, batch.sites)
            raise
        except StoreUnreachableError:
            await self.cancellation.disown(new_id)
            raise
        self.feeder.wake()


def _batch(
    batch_id: str,
    repeated: Batch,
    caller: Caller,
    total: int,
    created_at: datetime,
    labels: Sequence[str],
) -> Batch:
    return Batch(
        tenant=repeated.tenant,
        share_of=caller.share_of,
        token_name=caller.name,
        client=caller.client,
        items_per_minute=caller.items_per_minute,
        created_at=created_at,
        start_by=repeated.start_by,
        total=total,
        rejected=0,
        labels=tuple(labels),
        columns=repeated.columns,
        repeats=batch_id,
    )


def _stored(batch: Batch, job_id: str, item: BatchItem) -> Stored:
    repeated_by = batch.allowance_at(item.site)
    return Stored(item.site, job_id, item.sealed_as, batch.tenant, repeated_by)


def _at_sites(caller: Caller, sites: Set[str]) -> Mapping[str, object]:
    """Return what a batch says of its sites, and of what the caller may reach from each."""
    allowances = {
        site: caller.allowance_at(site).model_dump_json(exclude_defaults=True)
        for site in sorted({DEFAULT_SITE, *sites})
    }
    repeated_by = allowances.pop(DEFAULT_SITE)
    return {
        "sites": tuple(allowances),
        "repeated_by": repeated_by,
        "repeated_by_at": allowances,
    }


def _why_not(state: BatchState, failed: Sequence[int], kept: Sequence[_Repeated]) -> WhyNot:
    if not failed:
        has_any = any(letter in state.letters for letter in REPEATABLE)
        return "has no failed items that match" if has_any else "has no failed items"
    return "has none that you may test" if kept else "has no sealed requests left"
