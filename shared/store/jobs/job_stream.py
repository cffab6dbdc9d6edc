"""What a job is in Redis: a stream that only grows, and what points to it.

Stream ids carry the order: `0-1` is the queued entry, `R-0` begins run R or says that the run
before it was given up, `R-N` is the Nth entry of run R, and `R-CLOSING` closes the job. Redis
refuses an id that is not above the last one, so each of these shuts out every later write of the
run before, and a job closes once. docs/decisions/0002-stream-ids-fence-runs.md has the reasons.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

from redis import RedisError

from shared.diagnosis.entries import Closed, Entry, Requeued, Started, StepStarted, entry_from_json

QUEUED_ID = "0-1"
CLOSING = 2**32  # above any number of entries that a run can write

QUEUED = "conncheck:queued"
"""Sorted set of the jobs that no worker has begun, by the time until which one may (epoch)."""
RUNNING = "conncheck:running"
"""Sorted set of the jobs that workers have begun, by the time when the last one must be over."""
RUNNING_AT_MOST_S = 600
CANCELLATIONS = "conncheck:cancellations"
"""Channel of the ids of jobs that were cancelled."""
WORKERS = "conncheck:workers"
"""Set of the names of all workers that may still have a job."""

Row = tuple[bytes, dict[bytes, bytes]]
"""An entry as Redis gives it: its stream id and its fields."""
NumberedEntry = tuple[str, Entry]
"""An entry with the stream id that it is to have."""


class RunGivenUpError(Exception):
    """Raised when a write is refused: the job is closed, gone, or in the hands of another run."""


class StoreUnreachableError(Exception):
    """Raised when Redis can't be reached, or does not answer in time."""


@contextmanager
def named_if_unreachable() -> Iterator[None]:
    """Turn what redis-py and the sockets raise into StoreUnreachableError."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise StoreUnreachableError from error


def job_key(job_id: str) -> str:
    """Return the key of the job's stream, which is also the channel of its changes."""
    return f"conncheck:job:{job_id}"


def sealed_key(job_id: str) -> str:
    """Return the key of the sealed request; it goes when it has been used."""
    return f"conncheck:job:{job_id}:sealed"


def sign_of_worker(worker: str) -> str:
    """Return the key that exists while this worker is alive."""
    return f"conncheck:worker:{worker}"


def sign_of_queue(queue: str) -> str:
    """Return the key that exists while any worker of `queue` is alive."""
    return f"conncheck:alive:{queue}"


def figures_key(worker: str) -> str:
    """Return the key of what this worker has counted, in Prometheus' text format."""
    return f"conncheck:worker:{worker}:figures"


def running_key(worker: str) -> str:
    """Return the key of the set of jobs that this worker is at."""
    return f"conncheck:worker:{worker}:jobs"


def entry_of(row: Row) -> Entry:
    """Return what a row says."""
    return entry_from_json(row[1][b"entry"])


def run_of(row: Row) -> int:
    """Return the number of the run that a row belongs to; 0 before the first."""
    return int(row[0].split(b"-")[0])


# KEYS: stream. ARGV: seconds to live, whether the stream may be new, what to announce, the
# commands to follow as JSON, then id and entry of each row. A refused row leaves all as it was.
_APPEND = """
for i = 5, #ARGV, 2 do
  local added
  if ARGV[2] == '1' then
    added = redis.pcall('XADD', KEYS[1], ARGV[i], 'entry', ARGV[i + 1])
  else
    added = redis.pcall('XADD', KEYS[1], 'NOMKSTREAM', ARGV[i], 'entry', ARGV[i + 1])
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
for _, command in ipairs(cjson.decode(ARGV[4])) do
  redis.call(unpack(command))
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('PUBLISH', KEYS[1], ARGV[3])
return 1
"""

Command = Sequence[str]
"""A Redis command and its arguments."""


@dataclass(frozen=True, slots=True)
class Appender:
    """The command that adds entries to a stream; sync and async pipelines take it alike."""

    ttl_s: int

    def queue(
        self,
        pipe: Any,
        job_id: str,
        rows: Sequence[NumberedEntry],
        follow: Iterable[Command] = (),
    ) -> None:
        """Queue one command: write `rows`, and only then what follows from them, all or nothing.

        A run that was shut out must not undo what belongs to the next one. `was_written` reads
        the command's result.
        """
        key, entries = job_key(job_id), [entry for _, entry in rows]
        commands = [*chain.from_iterable(self._effects(job_id, e) for e in entries), *follow]
        # A stream that has expired stays gone: a late write must not bring half of it back.
        may_create = int(rows[0][0] == QUEUED_ID)
        texts = chain.from_iterable((entry_id, e.model_dump_json()) for entry_id, e in rows)
        announced = (self.ttl_s, may_create, entries[-1].kind, json.dumps(commands))
        pipe.eval(_APPEND, 1, key, *announced, *texts)

    def _effects(self, job_id: str, entry: Entry) -> Iterator[Command]:
        """Give what follows from `entry`."""
        if uses_up_credentials(entry):
            yield "DEL", sealed_key(job_id)
        if isinstance(entry, Closed | Requeued):
            yield "ZREM", RUNNING, job_id
        if isinstance(entry, Closed | Started):
            yield "ZREM", QUEUED, job_id
        if isinstance(entry, Started):
            yield "ZADD", RUNNING, str(entry.at.timestamp() + RUNNING_AT_MOST_S), job_id
            yield "EXPIRE", RUNNING, str(self.ttl_s)
            # The worker may die before its first sign of life.
            yield "SADD", WORKERS, entry.worker
            yield "SADD", running_key(entry.worker), job_id
        if isinstance(entry, Requeued):
            yield "ZADD", QUEUED, str(entry.at.timestamp() + entry.waits_s), job_id


def uses_up_credentials(entry: Entry) -> bool:
    """Return whether the sealed request is not needed any more after `entry`."""
    return isinstance(entry, Closed) or (
        isinstance(entry, StepStarted) and entry.step == "authenticate"
    )


def was_written(result: Any) -> bool:
    """Return whether Redis took the rows, or refused them: the job went on, or it is gone.

    Raises:
        redis.ResponseError: what went wrong else.
    """
    if isinstance(result, Exception):
        raise result
    return bool(result)
