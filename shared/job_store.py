"""The API's side of the jobs: create them, read them, close or requeue what no worker has."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from redis import RedisError
from redis.asyncio import Redis

from shared.entries import Closed, ClosedStatus, Entry, Queued, Requeued, Started, StepStarted
from shared.job_keys import (
    CANCELLATIONS,
    CLOSING,
    QUEUED,
    QUEUED_ID,
    RUNNING,
    WORKERS,
    Appender,
    Row,
    RunGivenUpError,
    StoreUnreachableError,
    entry_of,
    job_key,
    refuse_lost_writes,
    run_of,
    running_key,
    sealed_key,
    sign_of_queue,
    sign_of_worker,
)
from shared.redis_connection import MOST_AT_ONCE
from shared.report import Job, fold
from shared.target_limit import release

AWAY_S = 0.5  # for so long a store that did not answer is not asked again
MOST_OVERDUE = 1000
MOST_LOOKED_AT = 1000

__all__ = [
    "JobStore",
    "NewJob",
    "NoWorkerError",
    "QueueFullError",
    "StoreUnreachableError",
    "Story",
]

Story = Sequence[tuple[str, Entry]]
"""Entries with their stream ids, oldest first."""


class NoWorkerError(Exception):
    """Raised where no worker is alive to take a job."""


class QueueFullError(Exception):
    """Raised where more jobs wait already than may wait."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be created: its first entry and its sealed request, with how long each lives."""

    job_id: str
    queued: Queued
    sealed: str
    start_by: datetime


class JobStore:
    """All jobs, in Redis."""

    def __init__(self, redis: Redis, result_ttl_s: int) -> None:
        self._redis = redis
        self._append = Appender(result_ttl_s)
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._away_until_s = 0.0
        self.result_ttl_s = result_ttl_s

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Let few operations at a time through, so that a crowd is not mistaken for an outage.

        Once the store was found away, those who wait are told so at once, not one by one.
        """
        now_s = asyncio.get_running_loop().time
        async with self._turns:
            if now_s() < self._away_until_s:
                raise StoreUnreachableError
            try:
                yield
            except (RedisError, OSError) as error:
                self._away_until_s = now_s() + AWAY_S
                raise StoreUnreachableError from error

    async def create(self, job: NewJob, queue: str, most_queued: int) -> None:
        """Write the first entry of a new job; it may wait for a worker from now on.

        Raises:
            NoWorkerError: no worker of `queue` is alive; nothing was written.
            QueueFullError: `most_queued` jobs wait already; nothing was written.
            StoreUnreachableError: nothing was written, or nobody knows.
        """
        start_by_s = job.start_by.timestamp()
        async with self._turn():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.exists(sign_of_queue(queue))
                pipe.zcard(QUEUED)
                self._append.queue(pipe, job.job_id, [(QUEUED_ID, job.queued)])
                pipe.set(sealed_key(job.job_id), job.sealed, exat=int(start_by_s) + 1)
                pipe.zadd(QUEUED, {job.job_id: start_by_s})
                pipe.expire(QUEUED, self.result_ttl_s)
                is_served, waiting, *_ = await pipe.execute()
            if is_served and waiting < most_queued:
                return
            await self._redis.delete(job_key(job.job_id), sealed_key(job.job_id))
            await self._redis.zrem(QUEUED, job.job_id)
        raise QueueFullError if is_served else NoWorkerError

    async def is_served(self, queue: str) -> bool:
        """Return whether a worker of `queue` is alive.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        async with self._turn():
            return bool(await self._redis.exists(sign_of_queue(queue)))

    async def story(self, job_id: str, after: str | None = None) -> Story:
        """Return the job's entries, or those after the one with the id `after`.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        async with self._turn():
            rows = await self._rows(job_id, f"({after}" if after else "-")
        return [(row[0].decode(), entry_of(row)) for row in rows]

    async def read(self, job_id: str) -> Job | None:
        """Return what is known of the job, or None where there is none (any more).

        Raises:
            StoreUnreachableError: nobody knows.
        """
        return fold(entry for _, entry in await self.story(job_id))

    async def close(self, job_id: str, status: ClosedStatus) -> None:
        """Close the job unless it is closed already; a run at work finds out at its next write.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        async with self._turn():
            while rows := await self._rows(job_id):
                if any(isinstance(entry_of(row), Closed) for row in rows):
                    break
                closed = Closed(at=datetime.now(UTC), status=status)
                if await self._add(job_id, f"{run_of(rows[-1])}-{CLOSING}", closed):
                    return
            for key in (QUEUED, RUNNING):  # a worker that was refused may have listed it again
                await self._redis.zrem(key, job_id)

    async def cancel(self, job_id: str) -> None:
        """Close the job as cancelled unless it is closed, and tell the worker that is at it.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        await self.close(job_id, "cancelled")
        async with self._turn():
            await self._redis.publish(CANCELLATIONS, job_id)

    async def give_up_run(self, job_id: str, worker: str) -> bool:
        """Shut out the run of a worker that died; return whether the job is to be queued again.

        It is not where the worker may have signed in: then the job closes as lost.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        async with self._turn():
            rows = await self._rows(job_id)
            started = next(
                (e for e in map(entry_of, reversed(rows)) if isinstance(e, Started)), None
            )
            is_over = not rows or isinstance(entry_of(rows[-1]), Closed | Requeued)
            if is_over or started is None or started.worker != worker:
                return False
            requeued = Requeued(at=datetime.now(UTC))
            if not await self._add(job_id, f"{run_of(rows[-1]) + 1}-0", requeued):
                return False
            rows = await self._rows(job_id)  # now nothing of that run can follow
        if any(
            isinstance(e, StepStarted) and e.step == "authenticate" for e in map(entry_of, rows)
        ):
            await self.close(job_id, "lost")
            return False
        return True

    async def overdue(self) -> tuple[Sequence[str], Sequence[str]]:
        """Return the jobs that no worker has begun in time, and those that should long be over.

        They are MOST_OVERDUE of each at most.
        """
        async with self._turn():
            now_s = datetime.now(UTC).timestamp()
            async with self._redis.pipeline(transaction=False) as pipe:
                for key in (QUEUED, RUNNING):
                    pipe.zrangebyscore(key, "-inf", now_s, 0, MOST_OVERDUE)
                queued, running = cast("list[list[bytes]]", await pipe.execute())
        return [job_id.decode() for job_id in queued], [job_id.decode() for job_id in running]

    async def waiting(self) -> Sequence[str]:
        """Return jobs that no worker has begun, the most urgent MOST_LOOKED_AT of them."""
        async with self._turn():
            found = await self._redis.zrange(QUEUED, 0, MOST_LOOKED_AT - 1)
        return [job_id.decode() for job_id in cast("list[bytes]", found)]

    async def oldest_start_by(self) -> datetime | None:
        """Return when the first of the waiting jobs would be too old, None if none waits."""
        async with self._turn():
            found = await self._redis.zrange(QUEUED, 0, 0, withscores=True)
        scores = [score for _, score in cast("list[tuple[bytes, float]]", found)]
        return datetime.fromtimestamp(scores[0], UTC) if scores else None

    async def silent_workers(self) -> Sequence[str]:
        """Return the workers that may have jobs and give no sign of life."""
        async with self._turn():
            members = cast("set[bytes]", await self._redis.smembers(WORKERS))
            names = [name.decode() for name in members]
            async with self._redis.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.exists(sign_of_worker(name))
                signs = await pipe.execute()
        return [name for name, is_alive in zip(names, signs, strict=True) if not is_alive]

    async def jobs_of(self, worker: str) -> Sequence[str]:
        """Return the jobs that a worker is at, or was when it died."""
        async with self._turn():
            members = cast("set[bytes]", await self._redis.smembers(running_key(worker)))
        return [job_id.decode() for job_id in members]

    async def target_of(self, job_id: str) -> str:
        """Return the target that the job takes turns at, empty if it takes none."""
        story = await self.story(job_id)
        return next((entry.target for _, entry in story if isinstance(entry, Queued)), "")

    async def release_turn(self, target: str, job_id: str) -> str | None:
        """Give back a dead worker's turn at a target; return the job that stands next in line."""
        async with self._turn():
            return await release(self._redis, target, job_id) if target else None

    async def forget_job_of(self, worker: str, job_id: str) -> None:
        """Forget that a dead worker was at the job."""
        async with self._turn():
            await self._redis.srem(running_key(worker), job_id)

    async def forget_worker(self, worker: str) -> None:
        """Forget a worker that is dead, unless it has begun another job since."""
        async with self._turn():
            if not await self._redis.exists(running_key(worker)):
                await self._redis.srem(WORKERS, worker)

    async def _rows(self, job_id: str, first: str = "-") -> list[Row]:
        # redis-py's types allow for decoded answers, which this client does not ask for.
        return cast("list[Row]", await self._redis.xrange(job_key(job_id), first))

    async def _add(self, job_id: str, entry_id: str, entry: Entry) -> bool:
        """Append one entry; return whether Redis took it."""
        async with self._redis.pipeline(transaction=False) as pipe:
            self._append.queue(pipe, job_id, [(entry_id, entry)])
            results = await pipe.execute(raise_on_error=False)
        try:
            refuse_lost_writes(results, 1)
        except RunGivenUpError:
            return False
        async with self._redis.pipeline(transaction=False) as pipe:
            self._append.queue_effects(pipe, job_id, [entry])
            await pipe.execute()
        return True
