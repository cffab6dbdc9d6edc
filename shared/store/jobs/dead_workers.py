"""Clear up after workers that died: their jobs, their turns at targets, and their calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from shared.diagnosis.entries import Closed, Requeued, Started, begins_sign_in
from shared.queue.queued_job import QueuedJob
from shared.silence import Silence
from shared.store.bounded_reads import read_members
from shared.store.gate import RedisGate
from shared.store.jobs.job_closer import JobCloser
from shared.store.jobs.job_stream import (
    Appender,
    entry_of,
    rows_of,
    run_of,
)
from shared.store.limits import target_limit
from shared.store.limits.target_limit import MOST_OF_A_WORKER, Turn, TurnLimits
from shared.store.site_keys import SiteKeys

MOST_WORKERS = 1000
"""Of a site, that are looked for at a time: who has its password can list a million."""

# KEYS: jobs of the worker, its turns, its calls, all workers. ARGV: the worker. In one step: a
# worker that was only slow may take a turn or a job in between: nobody would look for those if it
# died then.
_FORGET = """
if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) == 0 then
  redis.call('SREM', KEYS[4], ARGV[1])
end
"""


@dataclass(frozen=True, slots=True)
class DeadWorkers:
    """The workers that give no sign of life, for the reaper."""

    _gate: RedisGate
    _append: Appender
    _closer: JobCloser
    _limits: TurnLimits
    _keys: SiteKeys

    async def silent_workers(self, silence: Silence) -> Sequence[str]:
        """Return the workers that may have jobs, turns or calls and give no sign of life.

        Any MOST_WORKERS are looked for. It writes before it looks: a worker that can't write either
        is not silent. What it writes is how long their signs are to last.

        Raises:
            StoreUnreachableError: Redis can't be reached, or refuses writes.
        """
        async with self._gate.turn() as redis:
            async with redis.pipeline(transaction=False) as pipe:
                pipe.set(self._keys.reaping, silence.sign_ms, px=silence.sign_ms)
                read_members(pipe, "SRANDMEMBER", self._keys.workers, MOST_WORKERS)
                _, found = await pipe.execute()
            names = [name.decode("utf-8", "replace") for name in cast("list[bytes]", found)]
            async with redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.exists(self._keys.sign_of_worker(name))
                signs = await pipe.execute()
        return [name for name, is_alive in zip(names, signs, strict=True) if not is_alive]

    async def jobs_of(self, worker: str) -> Sequence[str]:
        """Return the jobs that a worker is at, or was when it died, MOST_OF_A_WORKER at most."""
        async with self._gate.turn() as redis:
            key = self._keys.jobs_of(worker)
            found: list[bytes] = await read_members(redis, "SRANDMEMBER", key, MOST_OF_A_WORKER)
        return [job_id.decode("utf-8", "replace") for job_id in found]

    async def give_up_run(self, job_id: str, worker: str) -> bool:
        """Shut out the run of a worker that died; return whether the job is to be queued again.

        It is not where the worker may have signed in: then the job closes as lost.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            rows = await rows_of(redis, self._keys.job(job_id))
            started = next(
                (e for e in map(entry_of, reversed(rows)) if isinstance(e, Started)), None
            )
            is_over = not rows or isinstance(entry_of(rows[-1]), Closed | Requeued)
            if is_over or started is None or started.worker != worker:
                return False
            left_ms = await redis.pttl(
                self._keys.sealed(job_id)
            )  # the request lives until the job is too old
            requeued = Requeued(at=datetime.now(UTC), waits_s=max(0, left_ms) / 1000)
            if not await self._append.add(redis, job_id, f"{run_of(rows[-1]) + 1}-0", requeued):
                return False
            rows = await rows_of(
                redis, self._keys.job(job_id)
            )  # now nothing of that run can follow
        if any(begins_sign_in(entry_of(row)) for row in rows):
            await self._closer.close(job_id, "lost")
            return False
        return True

    async def turns_of(self, worker: str) -> Sequence[Turn]:
        """Return the turns that a worker has at targets, or had when it died."""
        async with self._gate.turn() as redis:
            return await target_limit.turns_of(redis, self._keys, worker)

    async def release_turn(self, worker: str, turn: Turn) -> None:
        """Release a dead worker's turn at a target; the next jobs in line are to be called."""
        async with self._gate.turn() as redis:
            await target_limit.release(redis, self._keys, self._limits, worker, turn)

    async def stand_first(self, job: QueuedJob) -> None:
        """Put first in its line a job that is to be queued again, unless it takes no turns."""
        if job.takes_turns:
            async with self._gate.turn() as redis:
                await target_limit.stand_first(redis, self._keys, self._limits, job)

    async def calls_of(self, worker: str) -> Sequence[QueuedJob]:
        """Return the jobs that are to be queued again in place of a dead worker."""
        async with self._gate.turn() as redis:
            return await target_limit.calls_of(redis, self._keys, worker)

    async def forget_call(self, worker: str, job: QueuedJob) -> None:
        """Forget a dead worker's call: the job is queued again."""
        async with self._gate.turn() as redis:
            await target_limit.forget_call(redis, self._keys, worker, job)

    async def forget_job_of(self, worker: str, job_id: str) -> None:
        """Forget that a dead worker was at the job."""
        async with self._gate.turn() as redis:
            await redis.srem(self._keys.jobs_of(worker), job_id)

    async def forget_worker(self, worker: str) -> None:
        """Forget a worker that is dead, unless it has a job, a turn or a call."""
        async with self._gate.turn() as redis:
            keys = self._keys
            own = keys.jobs_of(worker), keys.turns_of(worker), keys.calls_of(worker)
            await cast("Any", redis.eval(_FORGET, 4, *own, keys.workers, worker))
