"""Read what is known of jobs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from shared.diagnosis.entries import Entry, Queued
from shared.diagnosis.report import Job
from shared.queue.queued_job import QueuedJob
from shared.reporting.fold import Places, fold, nowhere
from shared.store.bounded_reads import read_rows
from shared.store.gate import RedisGate, is_unreadable
from shared.store.jobs.job_stream import MOST_ROWS, QUEUED_ID, Row, cut, entry_of, rows_in
from shared.store.jobs.site_index import NotedJob, index_key
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys

Place = Literal["queued", "running"] | Entry | None
"""Where a job is; the last entry of one that is over, None for one that is gone."""

Story = Sequence[tuple[str, Entry]]
"""Entries with their stream ids, oldest first."""

LOOKED_AT_TOGETHER = 1000
LONGEST_LAST_ROW = 16_384
"""Bytes of the row that closes a job; ours has some hundred."""


class Found(NamedTuple):
    """What is found of a job: the keys of its site, and its rows there."""

    keys: SiteKeys
    rows: Sequence[Row]


# KEYS: waiting jobs, running jobs. ARGV: what precedes a job's id in its key, then ids. Returns a
# letter for each, and the last rows of those that neither wait nor are run. One that is longer than
# any last row has no field: its id alone says whether the job is closed.
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
    local size = 0
    for _, field in ipairs(row and row[2] or {}) do
      size = size + #field
    end
    if size > {longest} then
      row[2] = {}
    end
    table.insert(rows, row)
  end
end
return {table.concat(places), rows}
""".replace("{longest}", str(LONGEST_LAST_ROW))


@dataclass(frozen=True, slots=True)
class JobReader:
    """Reads jobs of all sites, for their callers and for the batches whose items they test.

    Most jobs are of the default site: it is read together with the index, and what is of another
    site after that. There a worker may have written something else than what is read: such a job
    looks as if it was run, and has no entries. Its first entry is the one that the API noted.
    """

    _gate: RedisGate
    places: Places = nowhere

    async def story(self, job_id: str, after: str | None = None) -> Story:
        """Return the job's entries, or those after the one with the id `after`.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        (rows,) = await self.rows_of_all([job_id], f"({after}" if after else "-")
        return [(row[0].decode(), entry_of(row)) for row in rows]

    async def read(self, job_id: str) -> Job | None:
        """Return what is known of the job, or None where there is none (any more).

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        return self.fold(entry for _, entry in await self.story(job_id))

    async def read_all(self, job_ids: Sequence[str]) -> Sequence[Job | None]:
        """Return what is known of each job, None of those that are gone.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        return [self.fold(map(entry_of, rows)) for rows in await self.rows_of_all(job_ids)]

    def fold(self, entries: Iterable[Entry]) -> Job | None:
        """Return the job that `entries` describe, in words that know its site."""
        return fold(entries, self.places)

    async def look(self, job_ids: Sequence[str]) -> Sequence[Place]:
        """Return where each job is, of those that are over what their last entry says.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        if not job_ids:
            return []
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            pipe.mget(map(index_key, job_ids))
            _queue_look(pipe, DEFAULT_KEYS, job_ids)
            noted, *answers = await pipe.execute()
            places = dict(zip(job_ids, _places_in(answers), strict=True))
            for keys, of_site in _by_site(job_ids, noted):
                some = [*of_site]
                _queue_look(pipe, keys, some)
                answers = await pipe.execute(raise_on_error=False)
                if any(map(is_unreadable, answers)):
                    places.update(dict.fromkeys(some, _BEGUN))
                else:
                    places.update(zip(some, _places_in(answers), strict=True))
        return [places[job_id] for job_id in job_ids]

    async def queued_job(self, job_id: str) -> QueuedJob | None:
        """Return the job as the queue knows it, None if it is gone."""
        for _, entry in await self.story(job_id):
            if isinstance(entry, Queued):
                return entry.in_queue(job_id)
        return None

    async def rows_of_all(
        self, job_ids: Sequence[str], first: str = "-"
    ) -> Sequence[Sequence[Row]]:
        """Return the rows of each job from the id `first` on, `cut`; none of those that are gone.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        if not job_ids:
            return []
        found = await self._found(job_ids, first)
        return [cut(found[job_id].rows) for job_id in job_ids]

    async def find(self, job_id: str) -> Found:
        """Return where the job is kept, and its rows, `cut`; none of one that is gone.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        keys, rows = (await self._found([job_id]))[job_id]
        return Found(keys, cut(rows))

    async def _found(self, job_ids: Sequence[str], first: str = "-") -> Mapping[str, Found]:
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            pipe.mget(map(index_key, job_ids))
            for job_id in job_ids:
                pipe.xrange(DEFAULT_KEYS.job(job_id), first, count=MOST_ROWS + 1)
            noted, *rows = await pipe.execute()
            found = {j: Found(DEFAULT_KEYS, one) for j, one in zip(job_ids, rows, strict=True)}
            for keys, of_site in _by_site(job_ids, noted):
                for job_id in of_site:
                    read_rows(pipe, keys.job(job_id), first, MOST_ROWS + 1)
                answers = await pipe.execute(raise_on_error=False)
                read = [[] if is_unreadable(answer) else rows_in(answer) for answer in answers]
                for (job_id, own_first), told in zip(of_site.items(), read, strict=True):
                    own = _begun_with(own_first, told) if first == "-" else told
                    found[job_id] = Found(keys, own)
        return found


def _by_site(
    job_ids: Sequence[str], noted: Sequence[bytes | None]
) -> Iterator[tuple[SiteKeys, Mapping[str, bytes]]]:
    """Yield the keys of each other site than the default one, and its jobs with the first entry."""
    of_sites: dict[str, dict[str, bytes]] = {}
    for job_id, text in zip(job_ids, noted, strict=True):
        if text:
            site, first_entry = NotedJob.of(text)
            of_sites.setdefault(site, {})[job_id] = first_entry
    for site, some in of_sites.items():
        yield SiteKeys.of(site), some


def _begun_with(own_first: bytes, told: Sequence[Row]) -> Sequence[Row]:
    """Return the rows of a job, of which the first is the API's, whatever a site says."""
    first_id = QUEUED_ID.encode()
    others = [row for row in told if row[0] != first_id]
    return [(first_id, {b"entry": own_first}), *others] if told else []


def _queue_look(pipe: Any, keys: SiteKeys, job_ids: Sequence[str]) -> None:
    for first in range(0, len(job_ids), LOOKED_AT_TOGETHER):
        some = job_ids[first : first + LOOKED_AT_TOGETHER]
        pipe.eval(_LOOK, 2, keys.queued, keys.running, keys.job(""), *some)


def _places_in(answers: Iterable[Any]) -> Iterator[Place]:
    for letters, rows in answers:
        yield from _places(letters, rows)


def _places(letters: bytes, rows: Sequence[tuple[bytes, Sequence[bytes]]]) -> Iterator[Place]:
    unread = iter(rows)
    for letter in letters.decode():
        if letter == "o":
            (row,) = rows_in([next(unread)])
            yield entry_of(row)
        else:
            yield _PLACES[letter]


_BEGUN: Place = "running"
_PLACES: Mapping[str, Place] = {"q": "queued", "r": "running", "-": None}
