"""The worker's side of the jobs: take one, and write what happens to it."""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Any

from redis import Redis
from redis.client import PubSub

from shared.audit import audit
from shared.diagnosis.entries import Closed, ClosedStatus, Entry, Requeued, Started
from shared.store.jobs.job_stream import (
    CANCELLATIONS,
    CLOSING,
    WORKERS,
    Appender,
    NumberedEntry,
    Row,
    RunGivenUpError,
    StoreUnreachableError,
    entry_of,
    figures_key,
    job_key,
    named_if_unreachable,
    run_of,
    running_key,
    sealed_key,
    sign_of_queue,
    sign_of_worker,
    uses_up_credentials,
    was_written,
)
from shared.store.round_trips import Fill, RoundTrips, without_errors

_log = logging.getLogger(__name__)

PATIENCE_S = 300.0  # how long a worker keeps what it has to write while the store is away
RETRY_S = 0.2
SIGN_MS = 2000
LISTEN_S = 1.0  # a connection on which nothing came for so long is asked whether it lives
WORKERS_KEPT_S = 86_400
FIGURES_S = 6  # three times as long as a worker lets pass between two of its reports


@dataclass(slots=True, eq=False)
class Run:
    """One worker's turn at a job: the only one that may write, until it is given up.

    What happens is written a moment later, together with what other runs have to write, unless
    it uses up the credentials: that is in the store before anything else happens.
    """

    _store: "RunStore"
    job_id: str
    _number: int
    sealed: str | None
    earlier: tuple[Entry, ...]
    """What was written before this run began."""
    _count: int = field(default=0)
    unwritten: deque[NumberedEntry] = field(default_factory=deque)
    writing: Lock = field(default_factory=Lock)
    is_given_up: bool = field(default=False)

    def append(self, *entries: Entry) -> None:
        """Write `entries` soon, however long the store stays away.

        Raises:
            RunGivenUpError: the job no longer belongs to this run.
        """
        self.unwritten.extend(self._numbered(entries))
        if any(uses_up_credentials(entry) for entry in entries):
            self.write()
        elif self.is_given_up:
            raise RunGivenUpError

    def close(self, *last: Entry, status: ClosedStatus) -> None:
        """Write the `last` entries and close the job.

        Raises:
            RunGivenUpError: the job no longer belongs to this run.
        """
        self.unwritten.extend(self._numbered(last))
        closed = Closed(at=datetime.now(UTC), status=status)
        self.unwritten.append((f"{self._number}-{CLOSING}", closed))
        self.write()
        self._store.forget(self)
        audit(self.job_id, (*self.earlier, *last, closed))

    def write(self) -> None:
        """Write what is not written yet, in one round trip.

        Raises:
            RunGivenUpError: the job no longer belongs to this run.
        """
        with self.writing:
            rows = self.take_unwritten()
            if rows and not self.is_given_up:
                (is_written,) = self._store.write((self.job_id, rows))
                self.is_given_up = not is_written
            if self.is_given_up:
                raise RunGivenUpError

    def take_unwritten(self) -> Sequence[NumberedEntry]:
        """Return what is not written yet, to be written by who asks; needs `writing`."""
        return [self.unwritten.popleft() for _ in range(len(self.unwritten))]

    def _numbered(self, entries: Sequence[Entry]) -> list[NumberedEntry]:
        first = self._count + 1
        self._count += len(entries)
        return [(f"{self._number}-{n}", e) for n, e in enumerate(entries, first)]


class RunStore:
    """The jobs that one worker is at."""

    def __init__(
        self, redis: Redis, result_ttl_s: int, worker: str, patience_s: float = PATIENCE_S
    ) -> None:
        self._redis = redis
        self._patience_s = patience_s
        self.round_trips = RoundTrips(redis)
        self._append = Appender(result_ttl_s)
        self._worker = worker
        self._runs: set[Run] = set()

    def begin(self, job_id: str) -> Run:
        """Begin the next run of a job that waits for one.

        Raises:
            RunGivenUpError: the job is closed or gone, or a worker is at it that was not given up.
        """
        number = 1
        while True:
            started = Started(at=datetime.now(UTC), worker=self._worker)
            begin = partial(self._queue_begin, job_id, number, started)
            _, rows, sealed = self._execute(begin)
            entries = tuple(entry_of(row) for row in rows)
            if any(isinstance(entry, Closed) for entry in entries):
                raise RunGivenUpError
            if entries and entries[-1] == started and run_of(rows[-1]) == number:
                run = Run(self, job_id, number, sealed and sealed.decode(), entries[:-1])
                self._runs.add(run)
                return run
            if not entries or not isinstance(entries[-1], Requeued):
                raise RunGivenUpError
            number = run_of(rows[-1]) + 1

    def _queue_begin(self, job_id: str, number: int, started: Started, pipe: Any) -> None:
        self._append.queue(pipe, job_id, [(f"{number}-0", started)])
        pipe.xrange(job_key(job_id))
        pipe.get(sealed_key(job_id))

    def write(self, *written: tuple[str, Sequence[NumberedEntry]]) -> Sequence[bool]:
        """Write rows to jobs, in one round trip; return for each job whether it took them.

        Raises:
            StoreUnreachableError: the store stayed away for `patience_s`.
        """

        def fill(pipe: Any) -> None:
            for job_id, rows in written:
                over = isinstance(rows[-1][1], Closed)
                follow = [("SREM", running_key(self._worker), job_id)] if over else []
                self._append.queue(pipe, job_id, rows, follow)

        results = self._execute(fill)
        # After a lost connection the same write may come a second time.
        return [
            was_written(result) or self._has(job_id, rows[-1])
            for result, (job_id, rows) in zip(results, written, strict=True)
        ]

    def write_all(self) -> None:
        """Write what any run has not written yet, in one round trip."""
        runs = [run for run in tuple(self._runs) if run.unwritten]
        held = [run for run in runs if run.writing.acquire(blocking=False)]
        taken = [(run, run.take_unwritten()) for run in held]
        taken = [(run, rows) for run, rows in taken if rows and not run.is_given_up]
        try:
            if taken:
                are_written = self.write(*((run.job_id, rows) for run, rows in taken))
                for (run, _), is_written in zip(taken, are_written, strict=True):
                    run.is_given_up = not is_written
        except StoreUnreachableError:
            for run, _ in taken:
                run.is_given_up = True
        finally:
            for run in held:
                run.writing.release()

    def leave(self, run: Run) -> None:
        """Say that this worker is not at the job any more, unless it has begun another run."""
        self.forget(run)
        if any(other.job_id == run.job_id for other in tuple(self._runs)):
            return
        self._execute(lambda pipe: pipe.srem(running_key(self._worker), run.job_id))

    def forget(self, run: Run) -> None:
        """Expect nothing more to be written."""
        self._runs.discard(run)

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

    def tell_figures(self, text: bytes) -> None:
        """Leave what this worker has counted where the API finds it.

        Raises:
            StoreUnreachableError: the store is away.
        """
        with named_if_unreachable():
            self._redis.set(figures_key(self._worker), text, ex=FIGURES_S)

    def cancellations(self) -> Iterator[str]:
        """Give the ids of jobs that are cancelled while this is read.

        Raises:
            StoreUnreachableError: the connection is lost.
        """
        with named_if_unreachable(), self._pubsub() as pubsub:
            pubsub.subscribe(CANCELLATIONS)
            is_asked = False
            while True:
                message = pubsub.get_message(timeout=LISTEN_S)
                if message and message["type"] == "message":
                    yield message["data"].decode()
                if message is None and is_asked:
                    raise StoreUnreachableError
                is_asked = message is None
                if is_asked:  # it may be dead without anybody having been told
                    pubsub.ping()

    def _pubsub(self) -> PubSub:
        pubsub: PubSub = self._redis.pubsub()  # type: ignore[no-untyped-call] # bare in redis-py
        return pubsub

    def _has(self, job_id: str, last: NumberedEntry) -> bool:
        entry_id, entry = last
        (found,) = self._execute(lambda pipe: pipe.xrange(job_key(job_id), entry_id, entry_id))
        known: list[Row] = found
        return [entry_of(row) for row in known] == [entry]

    def _execute(self, fill: Fill) -> Sequence[Any]:
        """Return the results of the commands that `fill` queues, however long that takes.

        Raises:
            StoreUnreachableError: the store stayed away for `patience_s`.
        """
        give_up_at_s = time.monotonic() + self._patience_s
        while True:
            try:
                return without_errors(self.round_trips.execute(fill))
            except StoreUnreachableError as error:
                if time.monotonic() > give_up_at_s:
                    raise
                _log.warning("store=away error=%s", error)
                time.sleep(RETRY_S)
