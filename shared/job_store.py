"""The API's side of the jobs: create them, read them, close or requeue what no worker has."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from redis import RedisError
from redis.asyncio import Redis

from shared.audit import audit
from shared.diagnosis.entries import Closed, ClosedStatus, Entry, Queued, Requeued, Started, StepStarted
from shared.store.jobs.job_stream import (
    CANCELLATIONS,
    CLOSING,
    QUEUED,
    QUEUED_ID,
    RUNNING,
    WORKERS,
    Appender,
    Command,
    Row,
    StoreUnreachableError,
    entry_of,
    figures_key,
    job_key,
    run_of,
    running_key,
    sealed_key,
    sign_of_queue,
    sign_of_worker,
    was_written,
)
from shared.queued_job import INTERACTIVE, QueuedJob, QueueName
from shared.store.connection import MOST_AT_ONCE
from shared.diagnosis.report import Job, fold
from shared.store.limits.target_limit import release

AWAY_S = 0.5  # for so long a store that did not answer is not asked again
MOST_OVERDUE = 1000
MOST_LOOKED_AT = 1000
REQUEUED_WAITS_S: Mapping[QueueName, float] = {"interactive": 15, "bulk": 600}
"""How long a job may wait whose worker died; those of a bulk stand behind many."""

__all__ = [
    "JobStore",
    "Load",
    "NewJob",
    "NoWorkerError",
    "QueueFullError",
    "StoreUnreachableError",
    "Story",
]

Whereabouts = Literal["queued", "running", "neither"]

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


@dataclass(frozen=True, slots=True)
class Load:
    """How many jobs there are that are not over, and how long the oldest of them has waited."""

    waiting: int
    running: int
    oldest_s: float


class JobStore:
    """All jobs, in Redis."""

    def __init__(self, redis: Redis, result_ttl_s: int) -> None:
        self._redis = redis
        self._append = Appender(result_ttl_s)
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._away_until_s = 0.0
        self._disowned: dict[str, datetime] = {}
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

    async def create(self, job: NewJob, most_queued: int) -> None:
        """Write the first entry of a new job; it may wait for a worker from now on.

        Raises:
            NoWorkerError: no worker of its queue is alive; nothing was written.
            QueueFullError: `most_queued` jobs wait already; nothing was written.
            StoreUnreachableError: nothing was written, or nobody knows; `disown` the job then.
        """
        async with self._turn():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.exists(sign_of_queue(job.queued.queue))
                pipe.zcard(QUEUED)
                self._queue_new(pipe, job)
                is_served, waiting, *_ = await pipe.execute()
            if is_served and waiting < most_queued:
                return
            await self._redis.delete(job_key(job.job_id), sealed_key(job.job_id))
            await self._redis.zrem(QUEUED, job.job_id)
        raise QueueFullError if is_served else NoWorkerError

    async def create_all(self, jobs: Sequence[NewJob]) -> None:
        """Write the first entries of new jobs; those that are there already stay as they are.

        Raises:
            StoreUnreachableError: some were written, or none, or all.
        """
        async with self._turn(), self._redis.pipeline(transaction=False) as pipe:
            for job in jobs:
                self._queue_new(pipe, job)
            await pipe.execute()

    def _queue_new(self, pipe: Any, job: NewJob) -> None:
        start_by_s = job.start_by.timestamp()
        follow: list[Command] = [
            ("ZADD", QUEUED, str(start_by_s), job.job_id),
            ("EXPIRE", QUEUED, str(self.result_ttl_s)),
        ]
        if job.sealed:
            until = ("EXAT", str(int(start_by_s) + 1))
            follow.append(("SET", sealed_key(job.job_id), job.sealed, *until))
        self._append.queue(pipe, job.job_id, [(QUEUED_ID, job.queued)], follow)

    def disown(self, job_id: str, until: datetime) -> None:
        """Have the job closed should it turn up: its caller was told that it was not taken.

        What was written while the store was away may arrive when it is back.
        """
        self._disowned[job_id] = until

    async def close_disowned(self) -> None:
        """Close the jobs that were disowned, as far as they have turned up.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        now = datetime.now(UTC)
        self._disowned = {job_id: at for job_id, at in self._disowned.items() if at > now}
        for job_id in tuple(self._disowned):
            await self.close(job_id, "cancelled")

    async def whereabouts(self, job_ids: Sequence[str]) -> Sequence[Whereabouts]:
        """Return for each job whether it waits, is run, or neither: then it is over, or gone.

        A job that is just being begun or closed may look as if it were neither.
        """
        if not job_ids:
            return []
        async with self._turn(), self._redis.pipeline(transaction=False) as pipe:
            for key in (QUEUED, RUNNING):
                pipe.zmscore(key, [*job_ids])
            queued, running = await pipe.execute()
        return [
            "queued" if waits else "running" if runs else "neither"
            for waits, runs in zip(queued, running, strict=True)
        ]

    async def read_all(self, job_ids: Sequence[str]) -> Sequence[Job | None]:
        """Return what is known of each job, None of those that are gone."""
        if not job_ids:
            return []
        async with self._turn(), self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.xrange(job_key(job_id))
            stories = cast("list[list[Row]]", await pipe.execute())
        return [fold(map(entry_of, rows)) for rows in stories]

    async def is_served(self, queue: QueueName) -> bool:
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
                if await self._add(job_id, _closing_id(rows[-1]), closed):
                    audit(job_id, (*map(entry_of, rows), closed))
                    return
            for key in (QUEUED, RUNNING):  # a worker that was refused may have listed it again
                await self._redis.zrem(key, job_id)

    async def close_waiting(self, job_ids: Sequence[str]) -> None:
        """Close as cancelled those of the jobs that no worker has begun.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        places = await self.whereabouts(job_ids)
        waiting = [j for j, place in zip(job_ids, places, strict=True) if place == "queued"]
        await asyncio.gather(*(self._close_unless_begun(job_id) for job_id in waiting))

    async def _close_unless_begun(self, job_id: str) -> None:
        async with self._turn():
            rows = await self._rows(job_id)
            if rows and isinstance(entry_of(rows[-1]), Queued | Requeued):
                # A run would begin with the same id: Redis takes the one that comes first.
                first_of_run = f"{run_of(rows[-1]) + 1}-0"
                closed = Closed(at=datetime.now(UTC), status="cancelled")
                if await self._add(job_id, first_of_run, closed):
                    audit(job_id, (*map(entry_of, rows), closed))

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
            requeued = Requeued(at=datetime.now(UTC), waits_s=REQUEUED_WAITS_S[_queue_of(rows)])
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

    async def load(self) -> Load:
        """Return how much there is to do.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        async with self._turn():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.zcard(QUEUED)
                pipe.zcard(RUNNING)
                pipe.zrange(QUEUED, 0, 0)
                waiting, running, first = await pipe.execute()
            rows = await self._rows(first[0].decode()) if first else []
        oldest = entry_of(rows[0]).at if rows else datetime.now(UTC)
        return Load(waiting, running, max(0.0, (datetime.now(UTC) - oldest).total_seconds()))

    async def figures(self) -> Mapping[str, bytes]:
        """Return by worker what it has counted, of those that have told it lately.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        async with self._turn():
            members = cast("set[bytes]", await self._redis.smembers(WORKERS))
            names = sorted(name.decode("utf-8", "replace") for name in members)
            texts = await self._redis.mget([figures_key(name) for name in names]) if names else []
        told = zip(names, cast("list[bytes | None]", texts), strict=True)
        return {name: text for name, text in told if text}

    async def silent_workers(self) -> Sequence[str]:
        """Return the workers that may have jobs and give no sign of life."""
        async with self._turn():
            members = cast("set[bytes]", await self._redis.smembers(WORKERS))
            names = [name.decode("utf-8", "replace") for name in members]
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

    async def queued_job(self, job_id: str) -> QueuedJob | None:
        """Return the job as the queue knows it, None if it is gone."""
        for _, entry in await self.story(job_id):
            if isinstance(entry, Queued):
                return QueuedJob(job_id, entry.target, entry.queue)
        return None

    async def release_turn(self, job: QueuedJob) -> QueuedJob | None:
        """Give back a dead worker's turn at a target; return the job that stands next in line."""
        async with self._turn():
            return await release(self._redis, job.target, job.job_id) if job.target else None

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
            (result,) = await pipe.execute(raise_on_error=False)
        return was_written(result)


def _queue_of(rows: Sequence[Row]) -> QueueName:
    queued = next((e for e in map(entry_of, rows) if isinstance(e, Queued)), None)
    return queued.queue if queued else INTERACTIVE


def _closing_id(last: Row) -> str:
    """Return the id that closes a job, and shuts out the run that it may be waiting for."""
    is_waiting = isinstance(entry_of(last), Queued | Requeued)
    return f"{run_of(last) + is_waiting}-{CLOSING}"
