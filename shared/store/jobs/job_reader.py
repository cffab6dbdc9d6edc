"""Read what is known of jobs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from shared.diagnosis.entries import Entry, Queued
from shared.diagnosis.report import Job, fold
from shared.queue.queued_job import QueuedJob
from shared.store.gate import RedisGate
from shared.store.jobs.job_stream import Row, entry_of, rows_of
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys

Place = Literal["queued", "running"] | Entry | None
"""Where a job is; the last entry of one that is over, None for one that is gone."""

Story = Sequence[tuple[str, Entry]]
"""Entries with their stream ids, oldest first."""

LOOKED_AT_TOGETHER = 1000

# KEYS: waiting jobs, running jobs. ARGV: what precedes a job's id in its key, then ids. Returns a
# letter for each, and the last rows of those that neither wait nor are run.
_LOOK = """
local queued = redis.call('ZMSCORE', KEYS[1], unpack(ARGV, 2))
local running = redis.call('ZMSCORE', KEYS[2], unpack(ARGV, 2))
local places, rows = {}, {}
for i = 1, #ARGV - 1 do
  if queued[i] then
    places[i] = 'q'
  elseif running[i] then
    places[i] = 'r'
  else
    local row = redis.call('XREVRANGE', ARGV[1] .. ARGV[i + 1], '+', '-', 'COUNT', 1)[1]
    places[i] = row and 'o' or '-'
    table.insert(rows, row)
  end
end
return {table.concat(places), rows}
"""


@dataclass(frozen=True, slots=True)
class JobReader:
    """Reads jobs for their callers, and for the batches whose items they test."""

    _gate: RedisGate
    _keys: SiteKeys = DEFAULT_KEYS

    async def story(self, job_id: str, after: str | None = None) -> Story:
        """Return the job's entries, or those after the one with the id `after`.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            rows = await rows_of(redis, self._keys.job(job_id), f"({after}" if after else "-")
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
                pipe.xrange(self._keys.job(job_id))
            stories = cast("list[list[Row]]", await pipe.execute())
        return [fold(map(entry_of, rows)) for rows in stories]

    async def look(self, job_ids: Sequence[str]) -> Sequence[Place]:
        """Return where each job is, of those that are over what their last entry says.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        if not job_ids:
            return []
        keys = self._keys
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            for first in range(0, len(job_ids), LOOKED_AT_TOGETHER):
                some = job_ids[first : first + LOOKED_AT_TOGETHER]
                pipe.eval(_LOOK, 2, keys.queued, keys.running, keys.job(""), *some)
            answers = await pipe.execute()
        return [place for letters, rows in answers for place in _places(letters, rows)]

    async def queued_job(self, job_id: str) -> QueuedJob | None:
        """Return the job as the queue knows it, None if it is gone."""
        for _, entry in await self.story(job_id):
            if isinstance(entry, Queued):
                return QueuedJob(job_id, entry.target, entry.queue, entry.share_of, self._keys.site)
        return None


def _places(letters: bytes, rows: Sequence[tuple[bytes, Sequence[bytes]]]) -> Iterator[Place]:
    unread = iter(rows)
    for letter in letters.decode():
        if letter == "o":
            entry_id, fields = next(unread)
            yield entry_of((entry_id, dict(zip(fields[::2], fields[1::2], strict=True))))
        else:
            yield _PLACES[letter]


_PLACES: Mapping[str, Place] = {"q": "queued", "r": "running", "-": None}
