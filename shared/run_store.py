"""The worker's side of the jobs: take one, and write what happens to it."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from redis import Redis, RedisError
from redis.client import PubSub

from shared.entries import Closed, ClosedStatus, Entry, Requeued, Started
from shared.job_keys import (
    CANCELLATIONS,
    CLOSING,
    RUNNING,
    WORKERS,
    Appender,
    Row,
    RunGivenUpError,
    entry_of,
    job_key,
    named_if_unreachable,
    refuse_lost_writes,
    run_of,
    running_key,
    sealed_key,
    sign_of_queue,
    sign_of_worker,
    uses_up_credentials,
)

_log = logging.getLogger(__name__)

PATIENCE_S = 300.0  # how long a worker keeps what it has to write while the store is away
RETRY_S = 0.2
SIGN_MS = 2000
LISTEN_S = 1.0
WORKERS_KEPT_S = 86_400


@dataclass(slots=True)
class Run:
    """One worker's turn at a job: the only one that may write, until it is given up."""

    _store: "RunStore"
    job_id: str
    _number: int
    sealed: str | None
    earlier: tuple[Entry, ...]
    """What was written before this run began."""
    _written: int = field(default=0)

    def append(self, *entries: Entry) -> None:
        """Write `entries`, in one round trip, however long the store stays away.

        Raises:
            RunGivenUpError: the job no longer belongs to this run.
        """
        self._store.write(self.job_id, self._numbered(entries))
        self._written += len(entries)

    def close(self, *last: Entry, status: ClosedStatus) -> None:
        """Write the `last` entries and close the job.

        Raises:
            RunGivenUpError: the job no longer belongs to this run.
        """
        closed = Closed(at=datetime.now(UTC), status=status)
        rows = [*self._numbered(last), (f"{self._number}-{CLOSING}", closed)]
        self._store.write(self.job_id, rows)

    def _numbered(self, entries: Sequence[Entry]) -> list[tuple[str, Entry]]:
        return [(f"{self._number}-{n}", e) for n, e in enumerate(entries, self._written + 1)]


class RunStore:
    """The jobs that one worker is at."""

    def __init__(self, redis: Redis, result_ttl_s: int, worker: str) -> None:
        self._redis = redis
        self._append = Appender(result_ttl_s)
        self._worker = worker

    def begin(self, job_id: str) -> Run:
        """Begin the next run of a job that waits for one.

        Raises:
            RunGivenUpError: the job is closed or gone, or a worker is at it that was not given up.
        """
        number = 1
        while True:
            started = Started(at=datetime.now(UTC), worker=self._worker)
            begin = partial(self._queue_begin, job_id, number, started)
            *_, rows, sealed = self._execute(begin)
            entries = tuple(entry_of(row) for row in rows)
            if any(isinstance(entry, Closed) for entry in entries):
                entries = ()
            if entries and entries[-1] == started and run_of(rows[-1]) == number:
                return Run(self, job_id, number, sealed and sealed.decode(), entries[:-1])
            if not entries or not isinstance(entries[-1], Requeued):
                self._put_down(job_id, entries)
                raise RunGivenUpError
            number = run_of(rows[-1]) + 1

    def _put_down(self, job_id: str, entries: Sequence[Entry]) -> None:
        """Take a job off this worker's list that it did not begin, unless it is at it already."""
        started = next((e for e in reversed(entries) if isinstance(e, Started)), None)
        if started is None or started.worker != self._worker:
            self.leave(job_id, is_over=not entries)

    def _queue_begin(self, job_id: str, number: int, started: Started, pipe: Any) -> None:
        self._append.queue(pipe, job_id, [(f"{number}-0", started)])
        # A run that is refused can only be listed once too often, which the reaper mends.
        self._append.queue_effects(pipe, job_id, [started])
        pipe.sadd(WORKERS, self._worker)  # it may die before its first sign of life
        pipe.sadd(running_key(self._worker), job_id)
        pipe.xrange(job_key(job_id))
        pipe.get(sealed_key(job_id))

    def write(self, job_id: str, rows: Sequence[tuple[str, Entry]]) -> None:
        """Append `rows`, stream id and entry each, to the job.

        Raises:
            RunGivenUpError: Redis refuses one of them.
        """
        results = self._execute(lambda pipe: self._append.queue(pipe, job_id, rows))
        try:
            refuse_lost_writes(results, len(rows))
        except RunGivenUpError:
            # After a lost connection the same write may come a second time.
            if not self._has(job_id, rows):
                raise
        self._let_follow(job_id, [entry for _, entry in rows])

    def _let_follow(self, job_id: str, written: Sequence[Entry]) -> None:
        if not any(uses_up_credentials(entry) for entry in written):
            return

        def fill(pipe: Any) -> None:
            self._append.queue_effects(pipe, job_id, written)
            if isinstance(written[-1], Closed):
                pipe.srem(running_key(self._worker), job_id)

        self._execute(fill)

    def beat(self, queues: Sequence[str]) -> None:
        """Give a sign of life, for this worker and for the queues that it serves.

        Raises:
            StoreUnreachableError: the store is away.
        """
        with named_if_unreachable(), self._redis.pipeline(transaction=False) as pipe:
            for key in (sign_of_worker(self._worker), *map(sign_of_queue, queues)):
                pipe.set(key, 1, px=SIGN_MS)
            pipe.sadd(WORKERS, self._worker)
            pipe.expire(WORKERS, WORKERS_KEPT_S)
            pipe.expire(running_key(self._worker), WORKERS_KEPT_S)
            pipe.execute()

    def cancellations(self) -> Iterator[str]:
        """Give the ids of jobs that are cancelled while this is read.

        Raises:
            StoreUnreachableError: the connection is lost.
        """
        with named_if_unreachable(), self._pubsub() as pubsub:
            pubsub.subscribe(CANCELLATIONS)
            while True:
                message = pubsub.get_message(ignore_subscribe_messages=True, timeout=LISTEN_S)
                if message:
                    yield message["data"].decode()

    def _pubsub(self) -> PubSub:
        pubsub: PubSub = self._redis.pubsub()  # type: ignore[no-untyped-call] # bare in redis-py
        return pubsub

    def leave(self, job_id: str, *, is_over: bool = False) -> None:
        """Say that this worker is not at the job any more, or, if it `is_over`, nobody is."""

        def fill(pipe: Any) -> None:
            pipe.srem(running_key(self._worker), job_id)
            if is_over:
                pipe.zrem(RUNNING, job_id)

        self._execute(fill)

    def _has(self, job_id: str, rows: Sequence[tuple[str, Entry]]) -> bool:
        first, last = rows[0][0], rows[-1][0]
        (found,) = self._execute(lambda pipe: pipe.xrange(job_key(job_id), first, last))
        known: list[Row] = found
        return [entry_of(row) for row in known] == [entry for _, entry in rows]

    def _execute(self, fill: Callable[[Any], object]) -> list[Any]:
        """Return the results of the commands that `fill` queues, however long that takes.

        Raises:
            redis.RedisError: the store stayed away for PATIENCE_S.
        """
        give_up_at_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self._redis.pipeline(transaction=False) as pipe:
                    fill(pipe)
                    return pipe.execute(raise_on_error=False)
            except (RedisError, OSError) as error:
                if time.monotonic() > give_up_at_s:
                    raise
                _log.warning("store connection=lost error=%s", type(error).__name__)
                time.sleep(RETRY_S)
