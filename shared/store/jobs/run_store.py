"""The worker's side of the jobs: take one, and record what happens to it."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from threading import Lock
from typing import Any

from redis import Redis
from redis.client import PubSub

from shared.audit import audit
from shared.diagnosis.entries import (
    Closed,
    ClosedStatus,
    Entry,
    Requeued,
    Started,
    StepEnded,
    StepNoted,
)
from shared.outage_log import OutageLog
from shared.queued_job import QueueName
from shared.store.batches.batch_keys import batch_id_of, ca_certificates_key
from shared.store.copies import HELD_BACK_AT_MOST_S, LOOK_AGAIN_S, Kept, Question
from shared.store.errors import RunGivenUpError, StoreUnreachableError, named_if_unreachable
from shared.store.jobs.job_stream import (
    CANCELLATIONS,
    CLOSING,
    FORGOTTEN,
    SIGN_MS,
    WORKERS,
    WRITTEN,
    Appender,
    NumberedEntry,
    Row,
    WrittenEntry,
    entry_of,
    figures_key,
    job_key,
    numbered,
    run_of,
    running_key,
    sealed_key,
    sign_of_queue,
    sign_of_worker,
    uses_up_credentials,
    was_written,
)
from shared.store.limits.turn_scripts import ANNOUNCE, slots_key
from shared.store.round_trips import Fill, RoundTrips, without_errors
from shared.store.sentinels import PrimaryPool, follow_primary, leads_to_former_primary

_log = logging.getLogger(__name__)

PATIENCE_S = 300.0  # how long a worker keeps unwritten entries while the store is unreachable
RETRY_S = 0.2
LISTEN_S = 1.0  # a connection that was silent for so long is pinged
WORKERS_KEPT_S = 86_400
FIGURES_S = 6  # three times the interval between two reports of a worker


@dataclass(slots=True, eq=False)
class Run:
    """One worker's run of a job: only this run may write, until it is given up.

    Entries are written a moment later, together with those of other runs. An entry that uses
    up the credentials is in the store before anything else happens.
    """

    _store: "RunStore"
    job_id: str
    _number: int
    sealed: str | None
    earlier: tuple[Entry, ...]
    """The entries that were written before this run began."""
    began_at: datetime
    """When it began, by Redis' clock."""
    written: list[NumberedEntry]
    """All entries that Redis took, those from before this run as well."""
    _count: int = field(default=0)
    _findings: set[bool] = field(default_factory=set)
    """Whether steps that have ended found something, and whether others found nothing."""
    unwritten: deque[NumberedEntry] = field(default_factory=deque)
    writing: Lock = field(default_factory=Lock)
    is_given_up: bool = field(default=False)
    """Whether nothing more is written; it stays so."""

    def append(self, *entries: Entry) -> None:
        """Write `entries` soon; keep trying while the store is unreachable.

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
        all_passed = status == "finished" and self._findings == {False}
        closed = Closed(at=datetime.now(UTC), status=status, all_passed=all_passed)
        self.unwritten.append((f"{self._number}-{CLOSING}", closed))
        self.write()
        self._store.forget(self)
        audit(self.job_id, (*self.earlier, *last, closed))

    def write(self) -> None:
        """Write the pending entries in one round trip, so that they survive a killed Redis.

        Raises:
            RunGivenUpError: the job no longer belongs to this run, or the store stays away.
        """
        with self.writing:
            rows = self.take_unwritten()
            if rows and not self.is_given_up and not self._is_kept(rows):
                self.is_given_up = True
            if self.is_given_up:
                raise RunGivenUpError

    def _is_kept(self, rows: Sequence[NumberedEntry]) -> bool:
        """Return whether `rows` were written for good; a store that stays away ends the run."""
        try:
            return self._store.write_and_keep(self, rows)
        except StoreUnreachableError:
            return False

    def take_unwritten(self) -> Sequence[NumberedEntry]:
        """Return the pending entries for the caller to write; the caller must hold `writing`."""
        return [self.unwritten.popleft() for _ in range(len(self.unwritten))]

    def take_what_need_not_be_kept(self) -> Sequence[NumberedEntry]:
        """Return what is pending before an entry that `write` keeps; as above."""
        rows: list[NumberedEntry] = []
        while self.unwritten and not uses_up_credentials(self.unwritten[0][1]):
            rows.append(self.unwritten.popleft())
        return rows

    def _numbered(self, entries: Sequence[Entry]) -> list[NumberedEntry]:
        first = self._count + 1
        self._count += len(entries)
        ended = (entry for entry in entries if isinstance(entry, StepEnded | StepNoted))
        self._findings.update(entry.finds_something for entry in ended)
        return [(f"{self._number}-{n}", e) for n, e in enumerate(entries, first)]


Check = Callable[[Sequence[Any]], Sequence[Any]]
"""Returns the results that it is given, or raises StoreUnreachableError."""


def _mark_without_errors(results: Sequence[Any]) -> Sequence[Any]:
    """Return `results`: a Redis that may not be asked is believed, unless it refuses writes."""
    without_errors(results[: len(results) - 2][:1])
    return results


def _begun(number: int, started: Started) -> NumberedEntry:
    return f"{number}-0", started


class RunStore:
    """The jobs that one worker is running."""

    def __init__(
        self, redis: Redis, result_ttl_s: int, worker: str, patience_s: float = PATIENCE_S
    ) -> None:
        self._redis = redis
        self._patience_s = patience_s
        self.round_trips = RoundTrips(redis)
        # On a connection of their own: WAIT holds up all that comes after it.
        self._questions, self._question = RoundTrips(redis), Question()
        self._append = Appender(result_ttl_s)
        self._worker = worker
        self._runs: set[Run] = set()
        self._outage = OutageLog(_log, "store=unreachable")

    def begin(self, job_id: str) -> Run:
        """Begin the next run of a queued job.

        Raises:
            RunGivenUpError: the job is closed or deleted, or another worker is running it.
        """
        number = 1
        while True:
            started = Started(at=datetime.now(UTC), worker=self._worker)
            begin = partial(self._queue_begin, job_id, number, started)
            _, rows, sealed, (seconds, _) = self._execute(begin)
            entries = tuple(entry_of(row) for row in rows)
            if any(isinstance(entry, Closed) for entry in entries):
                raise RunGivenUpError
            if entries and entries[-1] == started and run_of(rows[-1]) == number:
                text = sealed and sealed.decode()
                began_at = datetime.fromtimestamp(seconds, UTC)
                ids = [row[0].decode() for row in rows]
                written = [*zip(ids, (*entries[:-1], started), strict=True)]
                run = Run(self, job_id, number, text, entries[:-1], began_at, written)
                self._runs.add(run)
                return run
            if not entries or not isinstance(entries[-1], Requeued):
                raise RunGivenUpError
            number = run_of(rows[-1]) + 1

    def _queue_begin(self, job_id: str, number: int, started: Started, pipe: Any) -> None:
        self._append.queue(pipe, job_id, [_begun(number, started)])
        pipe.xrange(job_key(job_id))
        pipe.get(sealed_key(job_id))
        pipe.time()

    def ca_certificate(self, job_id: str, digest: str) -> str | None:
        """Return the sealed CA certificates that a job of a batch names, None if they are gone."""
        key = ca_certificates_key(batch_id_of(job_id))
        (sealed,) = self._execute(lambda pipe: pipe.hget(key, digest))
        return sealed.decode() if sealed else None

    def write(self, *written: tuple[Run, Sequence[NumberedEntry]]) -> Sequence[bool]:
        """Write rows of runs in one round trip; return for each run whether they were accepted.

        Raises:
            StoreUnreachableError: the store was unreachable for `patience_s`.
        """

        def fill(pipe: Any) -> None:
            for run, rows in written:
                self._queue(pipe, run, rows)

        results = self._execute(fill)
        return [
            self._was_taken(run, rows, result)
            for result, (run, rows) in zip(results, written, strict=True)
        ]

    def _was_taken(self, run: Run, rows: Sequence[NumberedEntry], result: Any) -> bool:
        if result == FORGOTTEN:
            is_taken = self._restore(run, rows)
        else:
            # After a lost connection the same write may arrive a second time.
            is_taken = was_written(result) or self._has(run.job_id, rows[-1])
        run.written += rows if is_taken else ()
        return is_taken

    def _restore(self, run: Run, rows: Sequence[NumberedEntry]) -> bool:
        """Write `rows`, and before them what Redis has forgotten; return whether it took them.

        It does not where anything else was written since: that may be another run. What was there
        before the run is compared by its ids: another version may have written it.
        """
        wanted = [*run.written, *rows]
        before = len(run.earlier)
        while True:
            (found,) = self._execute(lambda pipe: pipe.xrange(job_key(run.job_id)))
            known: list[Row] = found
            own, ids = [numbered(row) for row in known[before:]], [row[0].decode() for row in known]
            is_ours = ids == [entry_id for entry_id, _ in wanted[: len(known)]]
            if len(known) < before or not is_ours or own != wanted[before : len(known)]:
                return False
            if not (missing := wanted[len(known) :]):
                return True
            after = known[-1][0].decode(), known[-1][1][b"entry"].decode()
            self._execute(partial(self._queue, run=run, rows=missing, after=after))

    def write_and_keep(self, run: Run, rows: Sequence[NumberedEntry]) -> bool:
        """Write rows of a run; return whether the job took them, once they outlive a killed Redis.

        Raises:
            StoreUnreachableError: the store was unreachable for `patience_s`.
        """
        queue = partial(self._queue, run=run, rows=rows, asks_if_kept=True)
        while True:
            (result,) = self._execute(queue)
            is_believed = result == WRITTEN and not self._is_watched
            if not self._was_taken(run, rows, result):
                return False
            if is_believed or self._outlives(run.job_id, rows[-1]):
                return True
            del run.written[-len(rows) :]
            # Redis was killed, or is another one, and has forgotten them; nothing was done on
            # their strength.

    def _queue(
        self,
        pipe: Any,
        run: Run,
        rows: Sequence[NumberedEntry],
        *,
        after: WrittenEntry | None = None,
        asks_if_kept: bool = False,
    ) -> None:
        over = isinstance(rows[-1][1], Closed)
        follow = [("SREM", running_key(self._worker), run.job_id)] if over else []
        entry_id, entry = run.written[-1]
        after = after or (entry_id, entry.model_dump_json())
        self._append.queue(pipe, run.job_id, rows, follow, after=after, asks_if_kept=asks_if_kept)

    def _outlives(self, job_id: str, last: NumberedEntry) -> bool:
        """Return whether Redis still has the entry when it is kept.

        Raises:
            StoreUnreachableError: no replica took it for `patience_s`.
        """
        began_s = time.monotonic()
        while True:
            # Asked before the entry: a Redis that was started in between has read it from the file,
            # and a replica that became the primary has it or not.
            kept = self._ask_if_kept()
            is_safe = self._is_safe(kept)
            if not self._has(job_id, last):
                return False
            waited_s = time.monotonic() - began_s
            if is_safe and (kept.in_file or waited_s > HELD_BACK_AT_MOST_S):
                return True
            if waited_s > self._patience_s:
                raise StoreUnreachableError("no replica")
            time.sleep(LOOK_AGAIN_S)

    def _ask_if_kept(self) -> Kept:
        """Return where all is that Redis has answered; all threads that wait ask together.

        Raises:
            StoreUnreachableError: the store was unreachable for `patience_s`.
        """
        ask = partial(self._questions.execute, self._question.fill)
        return self._question.answer(self._persist(ask, _mark_without_errors))

    @property
    def _is_watched(self) -> bool:
        """Whether sentinels watch Redis; an answer may be that of a former primary then."""
        return isinstance(self._redis.connection_pool, PrimaryPool)

    def _is_safe(self, kept: Kept) -> bool:
        """Return whether a replica has it, or there is none; sentinels know better than Redis."""
        pool = self._redis.connection_pool
        if not isinstance(pool, PrimaryPool):
            return kept.on_replica or not kept.replicas
        if not kept.on_replica and (kept.replicas or pool.has_replicas()):
            return False
        return pool.is_settled()

    def write_all(self) -> None:
        """Write the pending entries of all runs in one round trip.

        What uses up the credentials is left to its run, which waits until Redis has kept it.
        """
        runs = [run for run in tuple(self._runs) if run.unwritten]
        held = [run for run in runs if run.writing.acquire(blocking=False)]
        taken = [(run, run.take_what_need_not_be_kept()) for run in held]
        taken = [(run, rows) for run, rows in taken if rows and not run.is_given_up]
        try:
            if taken:
                are_written = self.write(*taken)
                for (run, _), is_written in zip(taken, are_written, strict=True):
                    run.is_given_up |= not is_written
        except StoreUnreachableError:
            for run, _ in taken:
                run.is_given_up = True
        finally:
            for run in held:
                run.writing.release()

    def leave(self, run: Run) -> None:
        """Record that this worker has left the job, unless it has begun another run of it."""
        self.forget(run)
        if any(other.job_id == run.job_id for other in tuple(self._runs)):
            return
        self._execute(lambda pipe: pipe.srem(running_key(self._worker), run.job_id))

    def forget(self, run: Run) -> None:
        """Expect nothing more to be written."""
        self._runs.discard(run)

    def beat(self, slots: Mapping[QueueName, int]) -> None:
        """Send a sign of life for this worker, and for the queues that it has `slots` for.

        Raises:
            StoreUnreachableError: the store can't be reached.
        """
        follow_primary(self._redis)
        with named_if_unreachable(), self._redis.pipeline(transaction=False) as pipe:
            for key in (sign_of_worker(self._worker), *map(sign_of_queue, slots)):
                pipe.set(key, 1, px=SIGN_MS)
            for queue, count in slots.items():
                pipe.eval(ANNOUNCE, 1, slots_key(queue), self._worker, str(count), str(SIGN_MS))
            pipe.sadd(WORKERS, self._worker)
            pipe.expire(WORKERS, WORKERS_KEPT_S)
            pipe.expire(running_key(self._worker), WORKERS_KEPT_S)
            pipe.execute()

    def tell_figures(self, text: bytes) -> None:
        """Publish this worker's metrics for the API to read.

        Raises:
            StoreUnreachableError: the store can't be reached.
        """
        with named_if_unreachable():
            self._redis.set(figures_key(self._worker), text, ex=FIGURES_S)

    def cancellations(self) -> Iterator[str]:
        """Yield the ids of jobs that are cancelled while this is read.

        Raises:
            StoreUnreachableError: the connection is lost.
        """
        with named_if_unreachable(), self._pubsub() as pubsub:
            pubsub.subscribe(CANCELLATIONS)
            is_asked = False
            while True:
                message = pubsub.get_message(timeout=LISTEN_S)
                if message and message["type"] == "message":
                    yield message["data"].decode("utf-8", "replace")
                if (message is None and is_asked) or leads_to_former_primary(
                    self._redis.connection_pool, pubsub.connection
                ):
                    raise StoreUnreachableError
                is_asked = message is None
                if is_asked:  # the connection may be dead without either end knowing
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
        """Return the results of the commands that `fill` queues.

        Raises:
            StoreUnreachableError: the store was unreachable for `patience_s`.
        """
        return self._persist(partial(self.round_trips.execute, fill), without_errors)

    def _persist(self, ask: Callable[[], Sequence[Any]], check: Check) -> Sequence[Any]:
        """Return what `ask` returns; keep trying for `patience_s`.

        Raises:
            StoreUnreachableError: the store was unreachable for `patience_s`.
        """
        give_up_at_s = time.monotonic() + self._patience_s
        while True:
            try:
                results = check(ask())
            except StoreUnreachableError as error:
                if time.monotonic() > give_up_at_s:
                    raise
                self._outage.away(error)
                time.sleep(RETRY_S)
            else:
                self._outage.back()
                return results
