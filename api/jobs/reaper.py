"""Close jobs that waited too long, and settle the jobs and turns of dead workers."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Container, Sequence

from api.jobs.enqueuer import Enqueuer
from shared.diagnosis.entries import WaitedFor
from shared.outage_log import OutageLog
from shared.queue.job_queue import QueueUnreachableError
from shared.queue.queued_job import QUEUES, QueueName, queue_name
from shared.queue.taken_messages import job_id_of
from shared.silence import LOOK_S, Silence
from shared.site_name import DEFAULT_SITE
from shared.store.cancelling import is_cancelled
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_store import JobStore

_log = logging.getLogger(__name__)

LOST_S = 3.0  # a job that waits this long while the queue is empty is sent again


class Reaper:
    """Looks after the jobs of a site; with several reapers, each change still happens once.

    `silence` is asked at each look: what is declared for the site may change.
    """

    def __init__(
        self,
        store: JobStore,
        enqueuer: Enqueuer,
        silence: Callable[[], Silence] | None = None,
    ) -> None:
        self._store = store
        self._silence = silence or (lambda: Silence.of(store.keys.site))
        self._enqueuer = enqueuer
        self._silent_looks: Counter[str] = Counter()
        self._outage = OutageLog(_log, "reaper queue=unreachable")
        self._waiting_since_s: dict[str, float] = {}

    async def run(self) -> None:
        """Check the jobs every LOOK_S seconds until cancelled."""
        while not is_cancelled():
            try:
                if self._store.keys.site == DEFAULT_SITE:  # they are those of all sites
                    await self._store.closer.close_disowned()
                await self._close_overdue()
                await self._settle_dead_workers()
                await self._send_again_what_was_lost()
                self._outage.back()
            except StoreUnreachableError:
                self._silent_looks.clear()  # no sign of life could be read, or written
            except QueueUnreachableError:
                self._outage.away("QueueUnreachableError")
            await asyncio.sleep(LOOK_S)

    async def _own(self, job_ids: Sequence[str]) -> Sequence[str]:
        """Return the jobs of this site: its lists may name any others."""
        return await self._store.index.of_site(self._store.keys.site, job_ids)

    async def _close_overdue(self) -> None:
        listed = await self._store.workload.overdue()
        queued, running = [await self._own(job_ids) for job_ids in listed]
        if foreign := {*listed[0], *listed[1]} - {*queued, *running}:
            await self._store.workload.strike(sorted(foreign))
            _log.warning("reaper site=%s foreign=%d", self._store.keys.site, len(foreign))
        for job_id in queued:
            job = await self._store.reader.queued_job(job_id)
            is_held = job and await self._store.lines.held_back_by(job) == "share"
            waited_for: WaitedFor = "share" if is_held else "worker"
            await self._store.closer.expire(job_id, waited_for)
            _log.info("reaper job=%s outcome=expired waited_for=%s", job_id, waited_for)
        for job_id in running:
            await self._store.closer.close(job_id, "lost")
            _log.warning("reaper job=%s outcome=lost", job_id)

    async def _settle_dead_workers(self) -> None:
        silence = self._silence()
        silent = await self._store.dead_workers.silent_workers(silence)
        looks = self._silent_looks
        self._silent_looks = Counter({worker: looks[worker] + 1 for worker in silent})
        for worker, found in self._silent_looks.items():
            if found >= silence.looks:
                await self._settle(worker)

    async def _send_again_what_was_lost(self) -> None:
        """Send again the jobs that wait while the queue is empty.

        A worker that was cut off may have taken their messages, or the broker lost them. A second
        message does no harm: a job begins once. One that stands in line is called when it is its
        turn, unless it could run already: the call was lost.
        """
        now_s = asyncio.get_running_loop().time()
        known = self._waiting_since_s
        waiting = await self._store.workload.waiting()
        self._waiting_since_s = {job_id: known.get(job_id, now_s) for job_id in waiting}
        lost = [j for j, since_s in self._waiting_since_s.items() if now_s - since_s >= LOST_S]
        if not lost:
            return
        empty = [queue for queue in QUEUES if await self._is_empty(queue)]
        for job_id in await self._own(lost) if empty else ():
            job = await self._store.reader.queued_job(job_id)
            if job and job.queue in empty:
                if not await self._store.lines.held_back_by(job):
                    await self._enqueuer.send(job)
                self._waiting_since_s[job_id] = now_s

    async def _is_empty(self, queue: QueueName) -> bool:
        return not await self._enqueuer.waiting(queue_name(queue, self._store.keys.site))

    async def _settle(self, worker: str) -> None:
        dead = self._store.dead_workers
        # First, so that its jobs take turns of their own when they are queued again.
        for turn in await dead.turns_of(worker):
            await dead.release_turn(worker, turn)
        sent: set[str] = set()
        listed = await dead.jobs_of(worker)
        own = {*await self._own(listed)}
        for job_id in listed:
            is_queued_again = job_id in own and await dead.give_up_run(job_id, worker)
            job = await self._store.reader.queued_job(job_id) if is_queued_again else None
            if job:
                try:
                    await dead.stand_first(job)
                finally:  # the next look finds only its message, if there is one
                    await self._enqueuer.send(job)
                sent.add(job_id)
            await dead.forget_job_of(worker, job_id)
            _log.warning("reaper job=%s worker=%s again=%s", job_id, worker, is_queued_again)
        for call in await dead.calls_of(worker):
            await self._enqueuer.send(call)
            await dead.forget_call(worker, call)
        await self._send_again_what_was_taken(worker, sent)
        await dead.forget_worker(worker)

    async def _send_again_what_was_taken(self, worker: str, sent: Container[str]) -> None:
        """Send again the jobs that a dead worker had taken and not begun.

        So are those whose run was given up by a look that could not send them. One that stands in
        line is called when it is its turn.
        """
        key = self._store.keys.taken_by(worker)
        messages = await self._enqueuer.taken_in(key)
        named = [job_id for job_id in map(job_id_of, messages) if job_id and job_id not in sent]
        taken = await self._own([*dict.fromkeys(named)])
        places = await self._store.reader.look(taken)
        for job_id in (j for j, place in zip(taken, places, strict=True) if place == "queued"):
            job = await self._store.reader.queued_job(job_id)
            if job and not await self._store.lines.held_back_by(job):
                await self._enqueuer.send(job)
                _log.warning("reaper job=%s worker=%s message=taken", job_id, worker)
        if messages:
            await self._enqueuer.forget_taken(key, messages)
