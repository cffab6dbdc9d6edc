"""How Redis stores a job: an append-only stream, and the keys that point to it.

Stream ids carry the order: `0-1` is the queued entry, `R-0` begins run R or says that the run
before it was given up, `R-N` is the Nth entry of run R, and `R-CLOSING` closes the job. Redis
refuses an id that is not above the last one, so each of these shuts out every later write of the
run before, and a job closes once. docs/decisions/0002-stream-ids-fence-runs.md has the reasons.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from redis.asyncio import Redis

from shared.diagnosis.entries import (
    Closed,
    Entry,
    Queued,
    Requeued,
    Started,
    Unread,
    begins_sign_in,
    entry_from_json,
)
from shared.store.bounded_reads import read_rows
from shared.store.limits.kept_results import COUNT, KeptResults
from shared.store.site_keys import SiteKeys

QUEUED_ID = "0-1"
SIGNATURE = "signature"
"""The field of the first row that has the API's signature, beside the entry."""
CLOSING = 2**32  # above any number of entries that a run can write
MOST_RUNS = 2**32  # above any number of runs that a job can have
MOST_ROWS, LARGEST_STORY = 400, 262_144
"""How much of a job is read, the second in bytes: a job of nine steps has 20 rows of 10 kB."""

RUNNING_AT_MOST_S = 600

Row = tuple[bytes, dict[bytes, bytes]]
"""An entry as Redis gives it: its stream id and its fields."""
NumberedEntry = tuple[str, Entry]
"""An entry with the stream id that it is to have."""
WrittenEntry = tuple[str, str]
"""The stream id and the text of an entry that is there already."""
NOTHING: WrittenEntry = ("", "")


def entry_of(row: Row) -> Entry:
    """Return the entry that a row holds, whichever version wrote it.

    Where the text says nothing, the stream id still says that a job is queued or closed: as
    nobody's, or with an unknown outcome.
    """
    entry = entry_from_json(row[1].get(b"entry", b""))
    if isinstance(entry, Unread):
        _, _, number = row[0].partition(b"-")
        if row[0].decode() == QUEUED_ID:
            return Queued(at=entry.at, tenant="", product_type="", endpoint="")
        if int(number) == CLOSING:
            return Closed(at=entry.at, status="lost")
    return entry


def numbered(row: Row) -> NumberedEntry:
    """Return the entry that a row holds, with its stream id."""
    return row[0].decode(), entry_of(row)


def cut(rows: Sequence[Row]) -> Sequence[Row]:
    """Return the rows of a job up to MOST_ROWS and LARGEST_STORY, then one that ends it as lost.

    No worker of ours writes as many, or one after the place of the last; a stolen one must not keep
    its readers busy, nor those who close its jobs.
    """
    size = 0
    for n, row in enumerate(rows):
        size += len(row[1].get(b"entry", b""))
        if n == MOST_ROWS or size > LARGEST_STORY:
            return [*rows[:n], _lost_after(rows[max(n - 1, 0)], run_of(row))]
    if rows and _is_behind_the_last(rows[-1]):
        return [*rows[:-1], _lost_after(rows[max(len(rows) - 2, 0)], run_of(rows[-1]))]
    return rows


def _lost_after(row: Row, run: int) -> Row:
    closed = Closed(at=entry_of(row).at, status="lost")
    return f"{run}-{CLOSING}".encode(), {b"entry": closed.model_dump_json().encode()}


def _is_behind_the_last(row: Row) -> bool:
    """Return whether the job is not closed, and Redis takes no row any more that would close it."""
    run, _, number = row[0].partition(b"-")
    if int(number) == CLOSING and not isinstance(entry_of(row), Closed):
        return True
    return int(number) > CLOSING or int(run) >= MOST_RUNS


async def rows_of(redis: Redis, stream: str, count: int = MOST_ROWS + 1) -> Sequence[Row]:
    """Return the first rows of a job's stream, `cut`; none where there is none."""
    return cut(rows_in(await read_rows(redis, stream, "-", count)))


def rows_in(answer: Sequence[tuple[bytes, Sequence[bytes]]]) -> Sequence[Row]:
    """Return the rows that a script has read."""
    return [
        (entry_id, dict(zip(fields[::2], fields[1::2], strict=True))) for entry_id, fields in answer
    ]


def run_of(row: Row) -> int:
    """Return the number of the run that a row belongs to; 0 before the first."""
    return int(row[0].split(b"-")[0])


# Runs commands. A score of +N is N seconds from now: API and workers have clocks of their own.
# Where not all may be run, `allowed` is to be how often each.
RUN_COMMANDS = """
local allowed
local function follow(commands)
  for _, command in ipairs(cjson.decode(commands)) do
    if allowed then
      local left = allowed[command[1]] or 0
      if left == 0 then
        error('a worker follows no ' .. tostring(command[1]))
      end
      allowed[command[1]] = left - 1
    end
    if command[1] == 'ZADD' and string.sub(command[3], 1, 1) == '+' then
      command[3] = tonumber(redis.call('TIME')[1]) + tonumber(string.sub(command[3], 2))
    end
    redis.call(unpack(command))
  end
end
"""
# `append` gets the stream, and a list: seconds to live, whether the stream may be new, what to
# announce, the commands to follow as JSON, whether to check that it is kept (copies.py), then id
# and entry of the row that must be there ('' where there need be none), then id and entry of each
# row. A signature is that of the only row. A refused row changes nothing. Returns REFUSED, WRITTEN,
# HELD_BACK or FORGOTTEN.
APPEND = (
    RUN_COMMANDS
    + f"""
local function append(stream, given, signature)
  local function add(id, entry)
    local added
    if signature then
      added = redis.pcall('XADD', stream, id, 'entry', entry, '{SIGNATURE}', signature)
    elseif given[2] == '1' then
      added = redis.pcall('XADD', stream, id, 'entry', entry)
    else
      added = redis.pcall('XADD', stream, 'NOMKSTREAM', id, 'entry', entry)
    end
    if not added then
      return 0
    end
    if type(added) == 'table' and added.err then
      if string.find(tostring(added.err), 'equal or smaller') then
        return 0
      end
      return added
    end
  end
  if given[6] ~= '' then
    local before = redis.call('XRANGE', stream, given[6], given[6])[1]
    if not before or before[2][2] ~= given[7] then
      return 3
    end
  end
  for i = 8, #given, 2 do
    local refused = add(given[i], given[i + 1])
    if refused then
      return refused
    end
  end
  follow(given[4])
  redis.call('EXPIRE', stream, given[1])
  redis.call('PUBLISH', stream, given[3])
  if given[5] == '1' then
    local info = redis.pcall('INFO', 'persistence')
    if type(info) == 'string' and string.find(info, 'aof_pending_bio_fsync:[1-9]') then
      return 2
    end
    info = redis.pcall('INFO', 'replication')
    if type(info) == 'string' and string.find(info, 'state=online') then
      return 2
    end
  end
  return 1
end
"""
)
# KEYS: stream. ARGV: what `append` gets.
_APPEND = APPEND + "return append(KEYS[1], ARGV)"
# KEYS: stream, sign of life of the queue, waiting jobs, the tenant's counts, and where there is one
# the Idempotency-Key. ARGV: those of _APPEND, then how many jobs may wait, what the key may say and
# be overwritten, what `KeptResults.counting` gives, and the signature ('' for none). Returns also
# UNSERVED, FULL, what `count_kept` refuses with, or what the key says: then nothing was written.
_CREATE = (
    COUNT
    + """
local signature = table.remove(ARGV)
local most_kept = tonumber(table.remove(ARGV))
local ends = tonumber(table.remove(ARGV))
local now = tonumber(table.remove(ARGV))
local replaced = table.remove(ARGV)
local most_queued = tonumber(table.remove(ARGV))
local written = KEYS[5] and redis.call('GET', KEYS[5])
if written and written ~= replaced then
  return written
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  if redis.call('EXISTS', KEYS[2]) == 0 then
    return 'unserved'
  end
  if redis.call('ZCARD', KEYS[3]) >= most_queued then
    return 'full'
  end
  local refused = count_kept(KEYS[4], now, ends, 1, most_kept)
  if refused then
    return refused
  end
end
"""
    + APPEND
    + "return append(KEYS[1], ARGV, signature ~= '' and signature)"
)
REFUSED, WRITTEN, HELD_BACK, FORGOTTEN = 0, 1, 2, 3
UNSERVED, FULL = b"unserved", b"full"

Command = Sequence[str]
"""A Redis command and its arguments."""


@dataclass(frozen=True, slots=True)
class CreationLimits:
    """When a new job is not to be written."""

    most_queued: int
    kept: KeptResults
    unless: str = ""
    """A key: where something is written there, except `unless_it_is`, nothing more is."""
    unless_it_is: str = ""


@dataclass(frozen=True, slots=True)
class Appender:
    """The command that adds entries to a stream, for sync and async pipelines alike."""

    ttl_s: int
    keys: SiteKeys

    def at(self, keys: SiteKeys) -> "Appender":
        """Return the same for the jobs of another site."""
        return replace(self, keys=keys)

    def queue(
        self,
        pipe: Any,
        job_id: str,
        rows: Sequence[NumberedEntry],
        follow: Iterable[Command] = (),
        *,
        after: WrittenEntry = NOTHING,
        asks_if_kept: bool = False,
    ) -> None:
        """Queue one command: write `rows`, then their effects, all or nothing.

        A run that was given up must not undo the effects of the next run. `was_written` reads the
        command's result: where `after` is not in the stream it is FORGOTTEN, and with
        `asks_if_kept` it may be HELD_BACK.
        """
        arguments = self.arguments(job_id, rows, follow, after=after, asks_if_kept=asks_if_kept)
        pipe.eval(_APPEND, 1, self.keys.job(job_id), *arguments)

    async def add(self, redis: Redis, job_id: str, entry_id: str, entry: Entry) -> bool:
        """Append one entry; return whether Redis took it."""
        async with redis.pipeline(transaction=False) as pipe:
            self.queue(pipe, job_id, [(entry_id, entry)])
            (result,) = await pipe.execute(raise_on_error=False)
        return was_written(result)

    def queue_first(
        self,
        pipe: Any,
        job_id: str,
        queued: Queued,
        follow: Iterable[Command],
        limits: CreationLimits,
        signature: str = "",
    ) -> None:
        """Queue one command: write the first entry of a job, and what follows, within `limits`.

        Its result is REFUSED where the job exists, WRITTEN, HELD_BACK, UNSERVED, FULL, what
        `limits.kept` refuses, or what is written under `limits.unless`.
        """
        counts = limits.kept.key(queued.tenant)
        keys = [
            self.keys.job(job_id),
            self.keys.sign_of_queue(queued.queue),
            self.keys.queued,
            counts,
        ]
        keys += [limits.unless] if limits.unless else []
        arguments = self.arguments(job_id, [(QUEUED_ID, queued)], follow, asks_if_kept=True)
        counting = limits.kept.counting(queued.share_of, queued.at)
        own = limits.most_queued, limits.unless_it_is, *counting, signature
        pipe.eval(_CREATE, len(keys), *keys, *arguments, *own)

    def arguments(
        self,
        job_id: str,
        rows: Sequence[NumberedEntry],
        follow: Iterable[Command],
        *,
        after: WrittenEntry = NOTHING,
        asks_if_kept: bool,
    ) -> Sequence[str | int]:
        """Return what a script hands over to `append`."""
        commands = [*self._effects_of(job_id, rows), *follow]
        # A stream that has expired stays deleted: a late write must not bring half of it back.
        may_create = int(rows[0][0] == QUEUED_ID)
        announced = (self.ttl_s, may_create, rows[-1][1].kind, json.dumps(commands))
        return [*announced, int(asks_if_kept), *after, *_texts(rows)]

    def _effects_of(self, job_id: str, rows: Sequence[NumberedEntry]) -> Iterator[Command]:
        return chain.from_iterable(self._effects(job_id, entry) for _, entry in rows)

    def _effects(self, job_id: str, entry: Entry) -> Iterator[Command]:
        """Yield the Redis commands that follow from `entry`."""
        stream, queued, running = self.keys.job(job_id), self.keys.queued, self.keys.running
        if uses_up_credentials(entry):
            yield "DEL", self.keys.sealed(job_id)
        if isinstance(entry, Closed):
            # Redis allocates a stream's nodes in advance; a copy takes only what it contains.
            yield "COPY", stream, f"{stream}:copy"
            yield "RENAME", f"{stream}:copy", stream
        if isinstance(entry, Closed | Requeued):
            yield "ZREM", running, job_id
        if isinstance(entry, Closed | Started):
            yield "ZREM", queued, job_id
        if isinstance(entry, Started):
            yield "ZADD", running, f"+{RUNNING_AT_MOST_S}", job_id
            yield "EXPIRE", running, str(self.ttl_s)
            # The worker may die before its first sign of life.
            yield "SADD", self.keys.workers, entry.worker
            yield "SADD", self.keys.jobs_of(entry.worker), job_id
        if isinstance(entry, Requeued):
            yield "ZADD", queued, f"+{entry.waits_s}", job_id
            yield "EXPIRE", queued, str(self.ttl_s)


def _texts(rows: Sequence[NumberedEntry]) -> Iterator[str]:
    return chain.from_iterable((entry_id, entry.model_dump_json()) for entry_id, entry in rows)


def uses_up_credentials(entry: Entry) -> bool:
    """Return whether the sealed request is no longer needed after `entry`."""
    return isinstance(entry, Closed) or begins_sign_in(entry)


def was_written(result: Any) -> bool:
    """Return whether Redis accepted the rows; if not, another run has the job or it is deleted.

    Raises:
        redis.ResponseError: any other error.
    """
    if isinstance(result, Exception):
        raise result
    return result in (WRITTEN, HELD_BACK)
