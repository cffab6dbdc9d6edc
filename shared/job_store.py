"""Keep each job as one Redis stream that only grows, and only in the right hands.

Stream ids carry the order: `0-1` is the queued entry, `R-N` the Nth entry of run R, and
`R-CLOSING` the entry that closes the job in run R. Redis refuses an id that is not above the
last one, so the first entry of a new run shuts out every later write of the run before, and
a job closes once. docs/decisions/0002-stream-ids-fence-runs.md has the reasons.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis, RedisError, ResponseError
from redis.asyncio import Redis as AsyncRedis

from shared.entries import Closed, ClosedStatus, Entry, Queued, Started, entry_from_json
from shared.heartbeat import sign_of_life
from shared.redis_connection import MOST_AT_ONCE
from shared.report import Job, fold

QUEUED_ID = "0-1"
AWAY_S = 0.5  # for so long a store that did not answer is not asked again
CLOSING = 2**32  # above any number of entries that a run can write

# What a stream row is: its id and its fields.
_Row = tuple[bytes, dict[bytes, bytes]]


class RunGivenUpError(Exception):
    """Raised when a write is refused: the job is closed, gone, or in the hands of a newer run."""


class StoreUnreachableError(Exception):
    """Raised when Redis can't be reached, or does not answer in time."""


def job_channel(job_id: str) -> str:
    """Return the channel on which each change of the job is announced by its entry's kind."""
    return _key(job_id)


def _key(job_id: str) -> str:
    return f"conncheck:job:{job_id}"


def _entry(row: _Row) -> Entry:
    return entry_from_json(row[1][b"entry"])


def _run_of(row: _Row) -> int:
    return int(row[0].split(b"-")[0])


@dataclass(frozen=True, slots=True)
class _Append:
    """The commands that add entries to a stream; sync and async pipelines take them alike."""

    ttl_s: int

    def queue(self, pipe: Any, job_id: str, rows: Sequence[tuple[str, Entry]]) -> None:
        key = _key(job_id)
        for entry_id, entry in rows:
            # A stream that has expired stays gone: a late write must not bring half of it back.
            may_create = entry_id == QUEUED_ID
            pipe.xadd(key, {"entry": entry.model_dump_json()}, entry_id, nomkstream=not may_create)
        pipe.expire(key, self.ttl_s)
        pipe.publish(job_channel(job_id), rows[-1][1].kind)


def _refuse_lost_writes(results: Sequence[Any], count: int) -> None:
    for result in results[:count]:
        if isinstance(result, ResponseError) or result is None:
            raise RunGivenUpError
        if isinstance(result, Exception):
            raise result


class JobStore:
    """The API's side: creates jobs, reads them, closes what never ran."""

    def __init__(self, redis: AsyncRedis, result_ttl_s: int) -> None:
        self._redis = redis
        self._append = _Append(result_ttl_s)
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self._away_until_s = 0.0

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

    async def create(self, job_id: str, queued: Queued, queue: str) -> bool:
        """Write the first entry of a new job if a worker of `queue` is alive; say whether one is.

        Raises:
            StoreUnreachableError: nothing was written, or nobody knows.
        """
        async with self._turn():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.exists(sign_of_life(queue))
                self._append.queue(pipe, job_id, [(QUEUED_ID, queued)])
                is_served, *_ = await pipe.execute()
            if not is_served:
                await self._redis.delete(_key(job_id))
        return bool(is_served)

    async def is_served(self, queue: str) -> bool:
        """Return whether a worker of `queue` is alive.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        async with self._turn():
            return bool(await self._redis.exists(sign_of_life(queue)))

    async def read(self, job_id: str) -> Job | None:
        """Return what is known of the job, or None where there is none (any more).

        Raises:
            StoreUnreachableError: nobody knows.
        """
        async with self._turn():
            rows = await self._rows(job_id)
        return fold(_entry(row) for row in rows)

    async def close(self, job_id: str, status: ClosedStatus) -> None:
        """Close the job unless it is closed already; a run at work finds out at its next write.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        async with self._turn():
            while not await self._try_to_close(job_id, status):
                pass  # a run began between the look and the write: look again

    async def _rows(self, job_id: str) -> list[_Row]:
        # redis-py's types allow for decoded answers, which this client does not ask for.
        return cast("list[_Row]", await self._redis.xrange(_key(job_id)))

    async def _try_to_close(self, job_id: str, status: ClosedStatus) -> bool:
        rows = await self._rows(job_id)
        if not rows or any(isinstance(_entry(row), Closed) for row in rows):
            return True
        closed = Closed(at=datetime.now(UTC), status=status)
        async with self._redis.pipeline(transaction=False) as pipe:
            self._append.queue(pipe, job_id, [(f"{_run_of(rows[-1])}-{CLOSING}", closed)])
            results = await pipe.execute(raise_on_error=False)
        try:
            _refuse_lost_writes(results, 1)
        except RunGivenUpError:
            return False
        return True


@dataclass(slots=True)
class Run:
    """One worker's turn at a job: the only one that may write, until a newer one begins."""

    _redis: Redis
    _append: _Append
    _job_id: str
    _number: int
    earlier: tuple[Entry, ...]
    _written: int = field(default=0)

    def append(self, *entries: Entry) -> None:
        """Write `entries`, in one round trip.

        Raises:
            RunGivenUpError: the job no longer belongs to this run.
        """
        first = self._written + 1
        self._write([(f"{self._number}-{n}", entry) for n, entry in enumerate(entries, first)])
        self._written += len(entries)

    def close(self, *last: Entry, status: ClosedStatus) -> None:
        """Write the `last` entries and close the job.

        Raises:
            RunGivenUpError: the job no longer belongs to this run.
        """
        first = self._written + 1
        rows = [(f"{self._number}-{n}", entry) for n, entry in enumerate(last, first)]
        closed = Closed(at=datetime.now(UTC), status=status)
        self._write([*rows, (f"{self._number}-{CLOSING}", closed)])

    def _write(self, rows: Sequence[tuple[str, Entry]]) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            self._append.queue(pipe, self._job_id, rows)
            _refuse_lost_writes(pipe.execute(raise_on_error=False), len(rows))


class RunStore:
    """The worker's side: takes jobs and writes what happens to them."""

    def __init__(self, redis: Redis, result_ttl_s: int) -> None:
        self._redis = redis
        self._append = _Append(result_ttl_s)

    def begin(self, job_id: str, worker: str) -> Run:
        """Begin the next run of a job; `earlier` of the result is what runs before it wrote.

        Raises:
            RunGivenUpError: the job is closed or gone.
        """
        number = 1
        while True:
            rows = self._try_to_begin(job_id, number, worker)
            if not rows:
                raise RunGivenUpError
            entries = tuple(_entry(row) for row in rows)
            if any(isinstance(entry, Closed) for entry in entries):
                raise RunGivenUpError
            mine = f"{number}-0".encode()
            if rows[-1][0] == mine:
                return Run(self._redis, self._append, job_id, number, entries[:-1])
            number = _run_of(rows[-1]) + 1

    def _try_to_begin(self, job_id: str, number: int, worker: str) -> list[_Row]:
        started = Started(at=datetime.now(UTC), worker=worker)
        with self._redis.pipeline(transaction=False) as pipe:
            self._append.queue(pipe, job_id, [(f"{number}-0", started)])
            pipe.xrange(_key(job_id))
            results = pipe.execute(raise_on_error=False)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, ResponseError):
                raise result
        rows: list[_Row] = results[-1]
        return rows
