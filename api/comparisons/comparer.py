"""Create the jobs of comparisons when it is the turn of their sites."""

import asyncio
import logging
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace

from api.jobs.enqueuer import Enqueuer
from shared.comparison.record import Part, Standing, WhyNot
from shared.comparison.turns import next_turns
from shared.outage_log import OutageLog
from shared.queue.job_queue import QueueUnreachableError
from shared.store.cancelling import is_cancelled
from shared.store.comparisons.comparison_store import ComparisonStore, Stamp
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_creation import NoWorkerError, QueueFullError
from shared.store.jobs.job_store import JobStore
from shared.store.lease import Lease
from shared.store.limits.kept_results import TooManyKeptError
from shared.wire.comparison_view import expires_at

_log = logging.getLogger(__name__)

BUSY_S, IDLE_S = 0.1, 0.5


class Comparer:
    """Looks after all comparisons. Every API process has one; the one with the lease works.

    Whoever has just taken a comparison may `advance` it as well: each job is created once, as its
    id was chosen before, and a closed job decides the same for all.
    """

    def __init__(
        self,
        comparisons: ComparisonStore,
        jobs: JobStore,
        enqueuer: Enqueuer,
        lease: Lease,
        max_queued: int,
    ) -> None:
        self._comparisons = comparisons
        self._jobs = jobs
        self._enqueuer = enqueuer
        self._lease = lease
        self._max_queued = max_queued
        self._name = secrets.token_hex(8)
        self._stamps: Mapping[str, Stamp] = {}
        self._unreadable: set[str] = set()
        self._outage = OutageLog(_log, "comparer")

    async def run(self) -> None:
        """Advance all comparisons until cancelled."""
        while not is_cancelled():
            try:
                await self._look()
                self._outage.back()
            except (StoreUnreachableError, QueueUnreachableError) as error:
                self._outage.away(type(error).__name__)
            await asyncio.sleep(BUSY_S if self._stamps else IDLE_S)

    async def leave(self) -> None:
        """Let the comparer of another process continue at once."""
        try:
            await self._lease.give_up(self._name)
        except StoreUnreachableError:
            _log.warning("comparer store=unreachable")

    async def advance(self, comparison_id: str) -> Standing | None:
        """Create all jobs whose turn it is, and return how the comparison stands then.

        A site whose job can't be created now keeps no other site waiting.

        Raises:
            StoreUnreachableError: the rest is done at the next look.
            QueueUnreachableError: the same.
        """
        while standing := await self._comparisons.standing(comparison_id):
            turns = next_turns(standing)
            left_out: dict[str, WhyNot] = dict(turns.leave_out)
            failures = _Failures()
            for part in turns.begin:
                with failures.noted():
                    if why_not := await self._begin(comparison_id, part):
                        left_out[part.site] = why_not
            if left_out:
                await self._comparisons.leave_out(comparison_id, left_out)
            failures.raise_first()
            has_closed = standing.is_cancelled and await self._close_open_jobs(standing)
            if not (turns.begin or left_out or has_closed):
                if standing.is_over:
                    expiry = expires_at(standing, self._jobs.result_ttl_s)
                    await self._comparisons.finish(comparison_id, expiry)
                return standing
        return None

    async def _look(self) -> None:
        if not await self._lease.is_held_by(self._name):
            self._stamps = {}
            return
        stamps: dict[str, Stamp] = {}
        failures = _Failures()
        for comparison_id in await self._comparisons.unfinished():
            with failures.noted():
                if stamp := await self._advance_if_changed(comparison_id):
                    stamps[comparison_id] = stamp
        self._stamps = stamps
        for comparison_id in await self._comparisons.overdue(await self._jobs.clock.now()):
            with failures.noted():
                await self._give_up(comparison_id)
        failures.raise_first()

    async def _advance_if_changed(self, comparison_id: str) -> Stamp | None:
        """Return what was looked at; None for a comparison that has expired."""
        stamp = await self._comparisons.stamp(comparison_id)
        if stamp is None:
            await self._forget(comparison_id)
        elif stamp != self._stamps.get(comparison_id):
            await self.advance(comparison_id)
        return stamp

    async def _forget(self, comparison_id: str) -> None:
        """Look no more after a comparison that has expired.

        One that a newer version wrote is left to a process that can read it.
        """
        if not await self._comparisons.is_kept(comparison_id):
            await self._comparisons.discard(comparison_id, claim=None)
        elif comparison_id not in self._unreadable:
            self._unreadable.add(comparison_id)
            _log.warning("comparer comparison=%s outcome=unreadable", comparison_id)

    async def _give_up(self, comparison_id: str) -> None:
        """Look for the last time after a comparison that should long be over.

        Who has a site's password can keep a job there open: a thousand of them would be all that
        is looked at.
        """
        with suppress(StoreUnreachableError, QueueUnreachableError):
            await self.advance(comparison_id)
        await self._comparisons.give_up(comparison_id)
        _log.warning("comparer comparison=%s outcome=given_up", comparison_id)

    async def _begin(self, comparison_id: str, part: Part) -> WhyNot | None:
        """Create the job of a site; return why it can't be, if it can't."""
        job = await self._comparisons.pending(comparison_id, part.site)
        if job is None:
            return await self._why_gone(comparison_id, part)
        queued = job.queued.in_queue(job.job_id)
        job = replace(job, message=self._enqueuer.message_of(queued))
        try:
            await self._jobs.creation.create(job, self._max_queued)
        except NoWorkerError:
            return "no_worker"
        except QueueFullError:
            return "queue_full"
        except TooManyKeptError:
            return "too_many_kept"
        await self._enqueuer.send_new(queued)
        await self._comparisons.begun(comparison_id, part.site)
        return None

    async def _why_gone(self, comparison_id: str, part: Part) -> WhyNot | None:
        """Return why there is no job to create; None if another process has created it."""
        standing = await self._comparisons.standing(comparison_id)
        if standing is None or standing.is_cancelled:
            return "cancelled"
        return None if part.site in standing.jobs else "late"

    async def _close_open_jobs(self, standing: Standing) -> bool:
        """Cancel the jobs of a cancelled comparison; return whether there was one."""
        job_ids = {part.site: part.job_id for part in standing.comparison.parts}
        open_ = [job_ids[site] for site, job in standing.jobs.items() if not job.is_closed]
        await asyncio.gather(*(self._jobs.closer.cancel(job_id) for job_id in open_))
        return bool(open_)


class _Failures:
    """What went wrong with some of many: the others are not kept waiting."""

    def __init__(self) -> None:
        self._first: StoreUnreachableError | QueueUnreachableError | None = None

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Go on after the block if it fails."""
        try:
            yield
        except (StoreUnreachableError, QueueUnreachableError) as error:
            self._first = self._first or error

    def raise_first(self) -> None:
        """Raise what went wrong first, if anything did."""
        if self._first:
            raise self._first
