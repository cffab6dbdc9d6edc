"""Bring to an end what nobody else will: jobs that waited too long, jobs of dead workers."""

import asyncio
import logging

from api.jobs.enqueuer import Enqueuer
from shared.store.cancelling import is_cancelled
from shared.job_store import JobStore, StoreUnreachableError
from shared.queue import QueueUnreachableError
from shared.queued_job import QUEUES

_log = logging.getLogger(__name__)

LOOK_S = 0.5
# On top of the two seconds that a sign of life lasts. It also covers a store that was away: the
# signs have expired meanwhile, and the workers need a moment to give new ones.
SILENT_S = 2.0
LOST_S = 3.0  # a job that waits so long while the queue is empty is sent again


class Reaper:
    """Looks after all jobs; any number of them may, what they do is done once."""

    def __init__(self, store: JobStore, enqueuer: Enqueuer) -> None:
        self._store = store
        self._enqueuer = enqueuer
        self._silent_since_s: dict[str, float] = {}
        self._waiting_since_s: dict[str, float] = {}

    async def run(self) -> None:
        """Look every LOOK_S seconds until cancelled."""
        while not is_cancelled():
            try:
                await self._store.close_disowned()
                await self._close_overdue()
                await self._settle_dead_workers()
                await self._send_again_what_was_lost()
            except StoreUnreachableError:
                self._silent_since_s.clear()  # nobody could be heard
            except QueueUnreachableError:
                _log.warning("reaper queue=away")
            await asyncio.sleep(LOOK_S)

    async def _close_overdue(self) -> None:
        queued, running = await self._store.overdue()
        for job_id in queued:
            await self._store.close(job_id, "expired")
            _log.info("reaper job=%s outcome=expired", job_id)
        for job_id in running:
            await self._store.close(job_id, "lost")
            _log.warning("reaper job=%s outcome=lost", job_id)

    async def _settle_dead_workers(self) -> None:
        now_s = asyncio.get_running_loop().time()
        silent = await self._store.silent_workers()
        known = self._silent_since_s
        self._silent_since_s = {worker: known.get(worker, now_s) for worker in silent}
        for worker, since_s in self._silent_since_s.items():
            if now_s - since_s >= SILENT_S:
                await self._settle(worker)

    async def _send_again_what_was_lost(self) -> None:
        """Send jobs again that wait while the queue is empty.

        A worker that was cut off may have taken their messages along, or the broker lost them. A
        second message does no harm: a job begins once.
        """
        now_s = asyncio.get_running_loop().time()
        known = self._waiting_since_s
        waiting = await self._store.waiting()
        self._waiting_since_s = {job_id: known.get(job_id, now_s) for job_id in waiting}
        lost = [j for j, since_s in self._waiting_since_s.items() if now_s - since_s >= LOST_S]
        if not lost:
            return
        empty = [queue for queue in QUEUES if not await self._enqueuer.waiting(queue)]
        for job_id in lost if empty else ():
            job = await self._store.queued_job(job_id)
            if job and job.queue in empty:
                await self._enqueuer.send(job)
                self._waiting_since_s[job_id] = now_s

    async def _settle(self, worker: str) -> None:
        for job_id in await self._store.jobs_of(worker):
            is_queued_again = await self._store.give_up_run(job_id, worker)
            job = await self._store.queued_job(job_id)
            next_in_line = await self._store.release_turn(job) if job else None
            for waiting in (next_in_line, job if is_queued_again else None):
                if waiting:
                    await self._enqueuer.send(waiting)
            await self._store.forget_job_of(worker, job_id)
            _log.warning("reaper job=%s worker=%s again=%s", job_id, worker, is_queued_again)
        await self._store.forget_worker(worker)
