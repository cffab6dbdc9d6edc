"""Close jobs: for their callers, for those who were told that there is none, and for the reaper."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.audit import audit
from shared.diagnosis.entries import Closed, ClosedStatus, Queued, Requeued, WaitedFor
from shared.store.gate import RedisGate
from shared.store.jobs.job_reader import JobReader
from shared.store.jobs.job_stream import (
    CLOSING,
    Appender,
    Row,
    entry_of,
    run_of,
)
from shared.store.jobs.site_index import SiteIndex
from shared.store.site_keys import SiteKeys
from shared.store.store_clock import StoreClock

MOST_TRIES = 50
"""A run writes fewer entries: who is still refused then writes into a job that can't be closed."""


@dataclass(frozen=True, slots=True)
class JobCloser:
    """Writes the last entries of jobs that no worker closes."""

    _gate: RedisGate
    _append: Appender
    _reader: JobReader
    _clock: StoreClock
    _index: SiteIndex
    _disowned: dict[str, datetime] = field(default_factory=dict)

    async def close(self, job_id: str, status: ClosedStatus) -> None:
        """Close the job unless it is closed already; a run at work finds out at its next write.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        for _ in range(MOST_TRIES):  # a worker may write meanwhile
            keys, rows = await self._reader.find(job_id)
            if not rows or any(isinstance(entry_of(row), Closed) for row in rows):
                break
            closed = Closed(at=datetime.now(UTC), status=status)
            if await self._add(keys, job_id, rows, _closing_id(rows[-1]), closed):
                return
        # A worker that was refused may have listed it again.
        async with self._gate.turn() as redis:
            for key in (keys.queued, keys.running):
                await redis.zrem(key, job_id)

    async def _add(
        self, keys: SiteKeys, job_id: str, rows: Sequence[Row], entry_id: str, closed: Closed
    ) -> bool:
        """Write the last entry of a job, and log it; return whether Redis took it."""
        async with self._gate.turn() as redis:
            is_taken = await self._append.at(keys).add(redis, job_id, entry_id, closed)
        if is_taken:
            audit(job_id, (*map(entry_of, rows), closed))
        return is_taken

    async def close_waiting(self, job_ids: Sequence[str]) -> None:
        """Close as cancelled those of the jobs that no worker has begun.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        places = await self._reader.look(job_ids)
        waiting = [j for j, place in zip(job_ids, places, strict=True) if place == "queued"]
        await asyncio.gather(*(self._close_unless_begun(job_id, "cancelled") for job_id in waiting))

    async def expire(self, job_id: str, waited_for: WaitedFor = "worker") -> None:
        """Close as expired a job that waited too long, unless a worker has begun it after all.

        An expired job has never signed in: its Idempotency-Key makes another one.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        await self._close_unless_begun(job_id, "expired", waited_for)

    async def _close_unless_begun(
        self, job_id: str, status: ClosedStatus, waited_for: WaitedFor = "worker"
    ) -> None:
        keys, rows = await self._reader.find(job_id)
        last = entry_of(rows[-1]) if rows else None
        if isinstance(last, Queued | Requeued):
            # A run would begin with the same id: Redis takes the one that comes first.
            first_of_run = f"{run_of(rows[-1]) + 1}-0"
            closed = Closed(at=datetime.now(UTC), status=status, waited_for=waited_for)
            await self._add(keys, job_id, rows, first_of_run, closed)
        elif last is None or isinstance(last, Closed):
            async with self._gate.turn() as redis:
                await redis.zrem(keys.queued, job_id)

    async def cancel(self, job_id: str) -> None:
        """Close the job as cancelled unless it is closed, and tell the worker that is at it.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        await self.close(job_id, "cancelled")
        keys = await self._index.keys_of(job_id)
        async with self._gate.turn() as redis:
            await redis.publish(keys.cancellations, job_id)

    def disown(self, job_id: str, until: datetime) -> None:
        """Have the job closed should it turn up: its caller was told that it was not taken.

        What was written while the store was away may arrive when it is back.
        """
        self._disowned[job_id] = until

    async def close_disowned(self) -> None:
        """Close the jobs that were disowned, as far as they have turned up.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        if not self._disowned:
            return
        now = await self._clock.now()
        for job_id, until in tuple(self._disowned.items()):
            if until <= now:
                del self._disowned[job_id]
                continue
            await self.close(job_id, "cancelled")


def _closing_id(last: Row) -> str:
    """Return the id that closes a job, and shuts out the run that it may be waiting for."""
    is_waiting = isinstance(entry_of(last), Queued | Requeued)
    return f"{run_of(last) + is_waiting}-{CLOSING}"
