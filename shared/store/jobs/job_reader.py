"""Read what is known of jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from shared.diagnosis.entries import Entry, Queued
from shared.diagnosis.report import Job, fold
from shared.queued_job import QueuedJob
from shared.store.gate import RedisGate
from shared.store.jobs.job_stream import QUEUED, RUNNING, Row, entry_of, job_key, rows_of

Whereabouts = Literal["queued", "running", "neither"]

Story = Sequence[tuple[str, Entry]]
"""Entries with their stream ids, oldest first."""


@dataclass(frozen=True, slots=True)
class JobReader:
    """Reads jobs for their callers, and for the batches whose items they test."""

    _gate: RedisGate

    async def story(self, job_id: str, after: str | None = None) -> Story:
        """Return the job's entries, or those after the one with the id `after`.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            rows = await rows_of(redis, job_id, f"({after}" if after else "-")
        return [(row[0].decode(), entry_of(row)) for row in rows]

    async def read(self, job_id: str) -> Job | None:
        """Return what is known of the job, or None where there is none (any more).

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        return fold(entry for _, entry in await self.story(job_id))

    async def read_all(self, job_ids: Sequence[str]) -> Sequence[Job | None]:
        """Return what is known of each job, None of those that are gone."""
        if not job_ids:
            return []
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.xrange(job_key(job_id))
            stories = cast("list[list[Row]]", await pipe.execute())
        return [fold(map(entry_of, rows)) for rows in stories]

    async def whereabouts(self, job_ids: Sequence[str]) -> Sequence[Whereabouts]:
        """Return for each job whether it waits, is run, or neither: then it is over, or gone.

        A job that is just being begun or closed may look as if it were neither.
        """
        if not job_ids:
            return []
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            for key in (QUEUED, RUNNING):
                pipe.zmscore(key, [*job_ids])
            queued, running = await pipe.execute()
        return [
            "queued" if waits else "running" if runs else "neither"
            for waits, runs in zip(queued, running, strict=True)
        ]

    async def queued_job(self, job_id: str) -> QueuedJob | None:
        """Return the job as the queue knows it, None if it is gone."""
        for _, entry in await self.story(job_id):
            if isinstance(entry, Queued):
                return QueuedJob(job_id, entry.target, entry.queue, entry.share_of)
        return None
