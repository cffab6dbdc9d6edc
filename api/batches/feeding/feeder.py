"""Queue the items of batches, a few at a time and fairly, and settle those that are over."""

import asyncio
import logging
import secrets
from collections import Counter, deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeGuard

from api.batches.feeding.token_pace import Pace, Rooms
from api.batches.feeding.unfinished_batch import UnfinishedBatch
from api.batches.item_proofs import ItemProofs, Stored, sealed_in
from api.jobs.enqueuer import Enqueuer
from shared.diagnosis.entries import Closed, Entry, Queued
from shared.outage_log import OutageLog
from shared.products import PRODUCTS
from shared.queue.job_queue import QueueUnreachableError
from shared.queue.queued_job import BULK, QueuedJob
from shared.steps import StepName, scheme_of, steps_for
from shared.store.batches.batch import BatchGoneError, BatchItem
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.letters import EXPIRED
from shared.store.cancelling import is_cancelled
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_store import JobStore
from shared.store.lease import Lease

_log = logging.getLogger(__name__)

BUSY_S, IDLE_S = 0.05, 0.5
WINDOW = 200
"""Jobs of batches that wait in the queue. More would keep a small batch waiting behind a large
one; fewer could leave a worker idle between two looks. Each tenant has an equal part of them: jobs
that wait for their tenant's share of the workers must not keep those of other tenants out."""


class Feeder:
    """Looks after all batches. Every API process has one; the one that holds the lease works."""

    def __init__(
        self,
        batches: BatchStore,
        jobs: JobStore,
        enqueuer: Enqueuer,
        lease: Lease,
        per_target: int,
        pace: Pace,
        proofs: ItemProofs = ItemProofs(),  # noqa: B008 -- it never changes
    ) -> None:
        self._batches = batches
        self._jobs = jobs
        self._enqueuer = enqueuer
        self._lease = lease
        self._per_target = per_target
        self._pace = pace
        self._proofs = proofs
        self._name = secrets.token_hex(8)
        self._unfinished: dict[str, UnfinishedBatch] = {}
        self._turns: deque[str] = deque()
        self._busy: Counter[str] = Counter()
        self._woken = asyncio.Event()
        self._outage = OutageLog(_log, "feeder")
        self._unreadable: set[str] = set()

    def wake(self) -> None:
        """Wake the feeder at once: there is a new batch."""
        self._woken.set()

    async def run(self) -> None:
        """Feed until cancelled."""
        while not is_cancelled():
            try:
                await self._look()
                self._outage.back()
            except (StoreUnreachableError, QueueUnreachableError) as error:
                self._outage.away(type(error).__name__)
                self._forget()
            except BaseException:
                self._forget()  # what is in the store is the truth; begin anew from there
                raise
            await self._pause()

    async def leave(self) -> None:
        """Let the feeder of another process continue at once."""
        try:
            await self._lease.give_up(self._name)
        except StoreUnreachableError:
            _log.warning("feeder store=unreachable")

    async def _pause(self) -> None:
        """Wait for the next look."""
        try:
            async with asyncio.timeout(BUSY_S if self._unfinished else IDLE_S):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    async def _look(self) -> None:
        if not await self._lease.is_held_by(self._name):
            self._forget()
            return
        await self._load_new()
        waiting = await self._settle_items()
        for target in self._pace.rested():
            self._free(target)
        await self._drop_what_is_ended()
        await self._feed(waiting)
        await self._finish_done()

    def _forget(self) -> None:
        self._unfinished.clear()
        self._turns.clear()
        self._busy.clear()
        self._pace.forget()

    async def _load_new(self) -> None:
        unreadable: set[str] = set()
        for batch_id in await self._batches.records.unfinished():
            if batch_id in self._unfinished:
                continue
            try:
                await self._load(batch_id)
            except BatchGoneError:
                unreadable.add(batch_id)
                if batch_id not in self._unreadable:
                    _log.warning("feeder batch=%s outcome=unreadable", batch_id)
        self._unreadable = unreadable

    async def _load(self, batch_id: str) -> None:
        """Load a batch, unless it has expired.

        Raises:
            BatchGoneError: it is expiring, or another version wrote what can't be read here.
        """
        state = await self._batches.records.state(batch_id)
        if state is None:
            await self._batches.feed.finish(batch_id)
            return
        targets = await self._batches.records.targets(batch_id)
        twins = await self._batches.records.twins(batch_id)
        if len(targets) != len(state.letters):
            raise BatchGoneError
        batch = UnfinishedBatch.of(batch_id, state, targets, twins)
        # Who handed them out may have died before the queue had them.
        await self._hand_out(batch, [*batch.at_work.values()])
        if batch.is_gone:
            raise BatchGoneError
        self._unfinished[batch_id] = batch
        self._turns.append(batch_id)
        self._busy.update(targets[index] for index in batch.at_work.values())

    async def _settle_items(self) -> Counter[str]:
        """Settle the items whose jobs are over; return how many jobs of each tenant wait."""
        job_ids = [job_id for batch in self._unfinished.values() for job_id in batch.at_work]
        places = dict(zip(job_ids, await self._jobs.reader.look(job_ids), strict=True))
        waiting: Counter[str] = Counter()
        for batch in self._unfinished.values():
            last = {job_id: places[job_id] for job_id in batch.at_work}
            waiting[batch.batch.tenant] += sum(place == "queued" for place in last.values())
            if over := {j: place for j, place in last.items() if not isinstance(place, str)}:
                await self._settle_items_of(batch, over)
        return waiting

    async def _settle_items_of(
        self, batch: UnfinishedBatch, last: Mapping[str, Entry | None]
    ) -> None:
        """Settle the items whose jobs have ended with the entries `last`; None for no job."""
        passed = {j: entry for j, entry in last.items() if _has_passed(entry)}
        others = [job_id for job_id in last if job_id not in passed]
        found = zip(others, await self._jobs.reader.read_all(others), strict=True)
        jobs = {job_id: job for job_id, job in found if job}
        closed = {job_id: job for job_id, job in jobs.items() if job.is_closed}
        indexes = {job_id: batch.indexes_of(batch.at_work[job_id]) for job_id in (*passed, *closed)}
        outcomes = [
            ItemOutcome.passed(indexes[j], closing.took_ms) for j, closing in passed.items()
        ]
        outcomes += [ItemOutcome.of(indexes[job_id], job) for job_id, job in closed.items()]
        await self._batches.settler.settle(batch.batch_id, outcomes)
        for job_id in indexes:
            target = batch.targets[batch.at_work.pop(job_id)]
            if not self._pace.rests(batch, target):
                self._free(target)
        gone = [batch.at_work[job_id] for job_id in others if job_id not in jobs]
        await self._hand_out(batch, gone)  # who put them to work died before they were jobs

    def _free(self, target: str) -> None:
        """Give the turn at `target` to the next item, of whichever batch."""
        self._busy[target] -= 1
        if not self._busy[target]:
            del self._busy[target]
        for other in self._unfinished.values():
            other.call_next(target)

    async def _drop_what_is_ended(self) -> None:
        """Queue no more items of batches that are cancelled or expired."""
        waiting = [batch for batch in self._unfinished.values() if batch.waiting or batch.put_off]
        now = await self._jobs.clock.now()
        for batch in waiting:
            if now > batch.batch.start_by:
                await self._batches.settler.end_waiting(batch.batch_id, EXPIRED)
        batch_ids = [batch.batch_id for batch in waiting]
        for batch_id in await self._batches.feed.cancelled_or_expired(batch_ids):
            self._unfinished[batch_id].forget_waiting()

    async def _feed(self, waiting: Counter[str]) -> None:
        """Fill the window: the tenants take turns, and the batches of each do too."""
        chosen: dict[str, list[int]] = {}
        rooms = await self._pace.rooms(self._unfinished.values())
        tenants = {batch.batch.tenant for batch in self._unfinished.values()}
        most = max(1, WINDOW // max(1, len(tenants)))
        while index_of := self._next_of_each({t for t in tenants if waiting[t] < most}, rooms):
            for batch_id, index in index_of:
                chosen.setdefault(batch_id, []).append(index)
                waiting[self._unfinished[batch_id].batch.tenant] += 1
        for batch_id, indexes in chosen.items():
            batch = self._unfinished[batch_id]
            await self._pace.count(batch, len(indexes))
            wanted = [n for index in indexes for n in batch.indexes_of(index)]
            at_work = set(await self._batches.feed.put_to_work(batch_id, wanted))
            for index in set(indexes) - at_work:  # all that waited were cancelled meanwhile
                batch.forget_waiting()
                self._free(batch.targets[index])
            batch.at_work.update({job_id_of(batch_id, n): n for n in indexes if n in at_work})
            await self._hand_out(batch, [n for n in indexes if n in at_work])

    def _next_of_each(self, tenants: Container[str], rooms: Rooms) -> Sequence[tuple[str, int]]:
        """Return the next item of one batch of each of `tenants` whose token has room for it."""
        found: dict[str, tuple[str, int]] = {}
        for batch_id in tuple(self._turns):
            batch = self._unfinished[batch_id]
            token = batch.batch.token_name if batch.batch.items_per_minute else ""
            tenant = batch.batch.tenant
            if tenant not in tenants or tenant in found or rooms.get(token, 1) < 1:
                continue
            for index in islice(batch.next_items(self._busy, self._per_target), 1):
                found[tenant] = (batch_id, index)
                if token in rooms:
                    rooms[token] -= 1
                self._turns.remove(batch_id)
                self._turns.append(batch_id)
        return [*found.values()]

    async def _hand_out(self, batch: UnfinishedBatch, indexes: Sequence[int]) -> None:
        """Create jobs for items and queue them; a job that exists already does not change."""
        try:
            items = await self._batches.records.items(batch.batch_id, indexes)
        except BatchGoneError:  # it expires; the other batches go on
            batch.is_gone = True
            return
        if not items:
            return
        sealed = await self._batches.records.sealed(batch.batch_id, indexes)
        jobs = [
            self._with_message(self._signed(item, _job(batch, index, item, request or "")))
            for index, item, request in zip(indexes, items, sealed, strict=True)
        ]
        await self._jobs.creation.create_all(jobs)
        if await self._batches.feed.is_cancelled(batch.batch_id):  # perhaps without seeing them
            await self._jobs.closer.close_waiting([job.job_id for job in jobs])
        # Not sooner: a worker would begin what is cancelled.
        await self._jobs.creation.queue_all(jobs)
        apart = (_queued_job(job) for job in jobs if not job.message)
        await asyncio.gather(*map(self._enqueuer.send, apart))

    def _signed(self, item: BatchItem, job: NewJob) -> NewJob:
        """Return the job with the signature, unless its request was stored by somebody else."""
        first = job.queued
        names = first.site, job.job_id, item.sealed_as, first.tenant, first.repeated_by
        signer = self._proofs.signer_for(Stored(*names), job.sealed)
        return replace(job, sealed=sealed_in(job.sealed)).signed(signer)

    def _with_message(self, job: NewJob) -> NewJob:
        return replace(job, message=self._enqueuer.message_of(_queued_job(job)))

    async def _finish_done(self) -> None:
        over = [batch for batch in self._unfinished.values() if batch.is_done or batch.is_gone]
        for batch_id in [batch.batch_id for batch in over]:
            await self._batches.feed.finish(batch_id)
            batch = self._unfinished.pop(batch_id)
            self._turns.remove(batch_id)
            for index in batch.at_work.values():
                self._free(batch.targets[index])


def _has_passed(last: Entry | None) -> TypeGuard[Closed]:
    """Return whether the last entry of a job tells all that counts: most jobs need not be read."""
    return isinstance(last, Closed) and last.all_passed


def _job(batch: UnfinishedBatch, index: int, item: BatchItem, sealed: str) -> NewJob:
    job_id = job_id_of(batch.batch_id, index)
    queued = Queued(
        at=batch.batch.created_at,
        tenant=batch.batch.tenant,
        share_of=batch.batch.share_of,
        token_name=batch.batch.token_name,
        client=batch.batch.client,
        product_type=item.product_type,
        endpoint=item.endpoint,
        target=batch.targets[index],
        queue=BULK,
        sealed_as="" if item.sealed_as == job_id else item.sealed_as,
        repeated_by=batch.batch.repeated_by,
        steps=_steps_of(item),
    )
    return NewJob(job_id, queued, sealed, batch.batch.start_by)


def _queued_job(job: NewJob) -> QueuedJob:
    return QueuedJob(job.job_id, job.queued.target, BULK, job.queued.share_of)


def _steps_of(item: BatchItem) -> tuple[StepName, ...]:
    scheme = scheme_of(item.endpoint)
    product = PRODUCTS.get(item.product_type)  # another version of the API may know more
    return product.steps_over(scheme) if product else steps_for(scheme)
