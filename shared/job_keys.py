"""What a job is in Redis: a stream that only grows, and what points to it.

Stream ids carry the order: `0-1` is the queued entry, `R-0` begins run R or says that the run
before it was given up, `R-N` is the Nth entry of run R, and `R-CLOSING` closes the job. Redis
refuses an id that is not above the last one, so each of these shuts out every later write of the
run before, and a job closes once. docs/decisions/0002-stream-ids-fence-runs.md has the reasons.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis import RedisError, ResponseError

from shared.entries import Closed, Entry, Requeued, Started, StepStarted, entry_from_json

QUEUED_ID = "0-1"
CLOSING = 2**32  # above any number of entries that a run can write

QUEUED = "conncheck:queued"
"""Sorted set of the jobs that no worker has begun, by the time until which one may (epoch)."""
RUNNING = "conncheck:running"
"""Sorted set of the jobs that workers have begun, by the time when the last one must be over."""
RUNNING_AT_MOST_S = 600
REQUEUED_WAITS_S = 15
"""How long a job may wait whose worker died."""
CANCELLATIONS = "conncheck:cancellations"
"""Channel of the ids of jobs that were cancelled."""
WORKERS = "conncheck:workers"
"""Set of the names of all workers that may still have a job."""

Row = tuple[bytes, dict[bytes, bytes]]
"""An entry as Redis gives it: its stream id and its fields."""


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


def running_key(worker: str) -> str:
    """Return the key of the set of jobs that this worker is at."""
    return f"conncheck:worker:{worker}:jobs"


def entry_of(row: Row) -> Entry:
    """Return what a row says."""
    return entry_from_json(row[1][b"entry"])


def run_of(row: Row) -> int:
    """Return the number of the run that a row belongs to; 0 before the first."""
    return int(row[0].split(b"-")[0])


@dataclass(frozen=True, slots=True)
class Appender:
    """The commands that add entries to a stream; sync and async pipelines take them alike."""

    ttl_s: int

    def queue(self, pipe: Any, job_id: str, rows: Sequence[tuple[str, Entry]]) -> None:
        """Queue the commands; the first results of the pipeline are those of the rows."""
        key = job_key(job_id)
        for entry_id, entry in rows:
            # A stream that has expired stays gone: a late write must not bring half of it back.
            may_create = entry_id == QUEUED_ID
            pipe.xadd(key, {"entry": entry.model_dump_json()}, entry_id, nomkstream=not may_create)
        pipe.expire(key, self.ttl_s)
        pipe.publish(key, rows[-1][1].kind)

    def queue_effects(self, pipe: Any, job_id: str, entries: Iterable[Entry]) -> None:
        """Queue what follows from `entries` once Redis has taken them.

        Not before: a run that was shut out must not undo what belongs to the next one.
        """
        for entry in entries:
            if uses_up_credentials(entry):
                pipe.delete(sealed_key(job_id))
            if isinstance(entry, Closed | Requeued):
                pipe.zrem(RUNNING, job_id)
            if isinstance(entry, Closed | Started):
                pipe.zrem(QUEUED, job_id)
            if isinstance(entry, Started):
                pipe.zadd(RUNNING, {job_id: entry.at.timestamp() + RUNNING_AT_MOST_S})
                pipe.expire(RUNNING, self.ttl_s)
            if isinstance(entry, Requeued):
                pipe.zadd(QUEUED, {job_id: entry.at.timestamp() + REQUEUED_WAITS_S})


def uses_up_credentials(entry: Entry) -> bool:
    """Return whether the sealed request is not needed any more after `entry`."""
    return isinstance(entry, Closed) or (
        isinstance(entry, StepStarted) and entry.step == "authenticate"
    )


def refuse_lost_writes(results: Sequence[Any], count: int) -> None:
    """Raise what went wrong with the first `count` results of a pipeline.

    Raises:
        RunGivenUpError: Redis refused the id, or the stream is gone.
    """
    for result in results[:count]:
        if isinstance(result, ResponseError) or result is None:
            raise RunGivenUpError
        if isinstance(result, Exception):
            raise result
