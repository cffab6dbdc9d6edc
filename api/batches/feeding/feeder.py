"""Queue the items of batches, a few at a time and fairly, and settle those that are over."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TypeGuard

from api.batches.feeding.handing_out import HandingOut
from api.batches.feeding.token_pace import Pace
from api.batches.feeding.turns import AtSite, Load, Turns
from api.batches.feeding.unfinished_batch import UnfinishedBatch
from api.batches.item_proofs import ItemProofs
from api.jobs.enqueuer import Enqueuer
from shared.diagnosis.entries import Closed, Entry
from shared.outage_log import OutageLog
from shared.queue.job_queue import QueueUnreachableError
from shared.store.batches.batch import BatchGoneError
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.letters import EXPIRED, LOST
from shared.store.cancelling import is_cancelled
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.site_index import LONGEST_RUN_S
from shared.store.lease import Lease

_log = logging.getLogger(__name__)

BUSY_S, IDLE_S = 0.05, 0.5
_LONGEST_RUN = timedelta(seconds=LONGEST_RUN_S)


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
        self._lease = lease
        self._pace = pace
        self._name = secrets.token_hex(8)
        self._unfinished: dict[str, UnfinishedBatch] = {}
        self._turns = Turns(self._unfinished, per_target)
        self._handing_out = HandingOut(batches, jobs, enqueuer, proofs)
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
        load = await self._settle_items()
        for target in self._pace.rested():
            self._free(target)
        await self._drop_what_is_ended()
        await self._feed(load)
        await self._finish_done()

    def _forget(self) -> None:
        self._unfinished.clear()
        self._turns.forget()
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
        await self._handing_out.hand_out(batch, [*batch.at_work.values()])
        if batch.is_gone:
            raise BatchGoneError
        self._unfinished[batch_id] = batch
        self._turns.add(batch)

    async def _settle_items(self) -> Load:
        """Settle the items whose jobs are over; return how many are not."""
        job_ids = [job_id for batch in self._unfinished.values() for job_id in batch.at_work]
        places = dict(zip(job_ids, await self._jobs.reader.look(job_ids), strict=True))
        load = Load()
        for batch in self._unfinished.values():
            last = {job_id: places[job_id] for job_id in batch.at_work}
            for job_id, place in last.items():
                at = AtSite(batch.site_of(batch.at_work[job_id]), batch.batch.tenant)
                load.add(at, waits=place == "queued")
            if over := {j: place for j, place in last.items() if not isinstance(place, str)}:
                await self._settle_items_of(batch, over)
        return load

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
        # Who put them to work died before they were jobs.
        await self._handing_out.hand_out(batch, gone)

    def _free(self, target: str) -> None:
        """Give the turn at `target` to the next item, of whichever batch."""
        self._turns.busy[target] -= 1
        if not self._turns.busy[target]:
            del self._turns.busy[target]
        for other in self._unfinished.values():
            other.call_next(target)

    async def _drop_what_is_ended(self) -> None:
        """Queue no more items of batches that are cancelled or expired."""
        batches = self._unfinished.values()
        waiting = [batch for batch in batches if batch.waiting_at or batch.put_off]
        now = await self._jobs.clock.now()
        for batch in batches:
            if batch.at_work and now > batch.batch.start_by + _LONGEST_RUN:
                await self._give_up(batch)
        for batch in waiting:
            if now > batch.batch.start_by:
                await self._batches.settler.end_waiting(batch.batch_id, EXPIRED)
        batch_ids = [batch.batch_id for batch in waiting]
        for batch_id in await self._batches.feed.cancelled_or_expired(batch_ids):
            self._unfinished[batch_id].forget_waiting()

    async def _give_up(self, batch: UnfinishedBatch) -> None:
        """Settle as lost what is at work: its site does not let anybody end it."""
        lost = [ItemOutcome(batch.indexes_of(n), LOST, "", ()) for n in batch.at_work.values()]
        await self._batches.settler.settle(batch.batch_id, lost)
        for index in batch.at_work.values():
            self._free(batch.targets[index])
        batch.at_work.clear()

    async def _feed(self, load: Load) -> None:
        """Fill the window of each site."""
        chosen: dict[str, list[int]] = {}
        rooms = await self._pace.rooms(self._unfinished.values())
        resting = self._handing_out.resting_sites
        while found := self._turns.next_of_each(load, rooms, resting):
            for batch_id, index in found:
                chosen.setdefault(batch_id, []).append(index)
        for batch_id, indexes in chosen.items():
            batch = self._unfinished[batch_id]
            await self._pace.count(batch, len(indexes))
            wanted = [n for index in indexes for n in batch.indexes_of(index)]
            at_work = set(await self._batches.feed.put_to_work(batch_id, wanted))
            for index in set(indexes) - at_work:  # all that waited were cancelled meanwhile
                batch.forget_waiting()
                self._free(batch.targets[index])
            batch.at_work.update({job_id_of(batch_id, n): n for n in indexes if n in at_work})
            await self._handing_out.hand_out(batch, [n for n in indexes if n in at_work])

    async def _finish_done(self) -> None:
        over = [batch for batch in self._unfinished.values() if batch.is_done or batch.is_gone]
        for batch_id in [batch.batch_id for batch in over]:
            batch = self._unfinished[batch_id]
            await self._batches.feed.finish(batch_id, batch.batch.all_sites)
            self._turns.remove(batch)
            del self._unfinished[batch_id]
            for index in batch.at_work.values():
                self._free(batch.targets[index])


def _has_passed(last: Entry | None) -> TypeGuard[Closed]:
    """Return whether the last entry of a job tells all that counts: most jobs need not be read."""
    return isinstance(last, Closed) and last.all_passed
