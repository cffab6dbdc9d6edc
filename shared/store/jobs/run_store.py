"""The worker's side of the jobs: begin one when it is its turn, and record what happens to it."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any

from redis import Redis

from shared.diagnosis.entries import Started, begins_sign_in
from shared.distance import NEAR, Distance
from shared.queue.queued_job import QueuedJob
from shared.store.batches.batch_keys import batch_id_of
from shared.store.errors import JobWaitsError, RunGivenUpError, StoreUnreachableError
from shared.store.jobs.job_stream import (
    QUEUED_ID,
    SIGNATURE,
    Appender,
    NumberedEntry,
    Row,
    entry_of,
)
from shared.store.jobs.run import NOT_SIGNED, FirstRow, Run
from shared.store.jobs.run_scripts import BEGIN
from shared.store.jobs.run_writer import RunWriter
from shared.store.jobs.sign_ins import SignIns
from shared.store.jobs.worker_signs import WorkerSigns
from shared.store.limits.target_limit import TargetLimit, Turn, TurnLimits, calls_in
from shared.store.patience import Patience
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import SiteKeys

_log = logging.getLogger(__name__)

PATIENCE_S = 300.0  # how long a worker keeps unwritten entries while the store is unreachable

Send = Callable[[Sequence[QueuedJob]], bool]
"""Puts jobs in their queues; returns whether the queue took them."""


class RunStore:
    """The jobs that one worker is running, with their turns; whoever ends calls the next jobs."""

    def __init__(
        self,
        redis: Redis,
        result_ttl_s: int,
        worker: str,
        limits: TurnLimits,
        send: Send,
        keys: SiteKeys,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._keys = keys
        self.distance = Distance.of(keys.site)
        self.round_trips = RoundTrips(redis)
        self.signs = WorkerSigns(redis, worker, keys)
        self._result_ttl_s = result_ttl_s
        self._worker = worker
        self._send = send
        self._patience = Patience(self.round_trips, patience_s)
        # Far away, what is swept now and then would hold up a job for a round trip.
        sweeping = self.round_trips if self.distance == NEAR else RoundTrips(redis)
        self._limit = TargetLimit(sweeping, limits, worker, keys)
        append = Appender(result_ttl_s, keys)
        self.writer = RunWriter(redis, worker, append, self._limit, self._patience)
        self._runs: set[Run] = set()
        self._calls_before: frozenset[QueuedJob] = frozenset()
        self._sign_ins = SignIns()
        self._lock = Lock()
        self._here: Counter[str] = Counter()
        """How many deliveries of a job are here; the queue may deliver one more than once."""

    def begin(self, job: QueuedJob) -> Run:
        """Begin the next run of a queued job, if it is its turn.

        Raises:
            JobWaitsError: it stands in line now, and is queued again when it is its turn.
            RunGivenUpError: it is closed or deleted, or another worker is running it.
            StoreUnreachableError: the store was unreachable for `patience_s`.
        """
        with self._lock:
            self._here[job.job_id] += 1
        try:
            run = self._begun(job)
        except BaseException:
            with self._lock:
                self._is_gone(job.job_id)
            raise
        self._runs.add(run)
        return run

    def _begun(self, job: QueuedJob) -> Run:
        time = self.signs.clock.time
        started = Started(at=time.now(), worker=self._worker)
        text = started.model_dump_json()
        (answer,) = self._patience.execute(lambda pipe: self._queue_begin(pipe, job, text))
        outcome, *told = answer
        if outcome == b"waiting":
            raise JobWaitsError
        if outcome == b"over":
            self._call(calls_in(told[0], self._keys.site))
        if outcome != b"begun":
            raise RunGivenUpError
        number, found, sealed, seconds = told
        rows = [
            (row_id, dict(zip(fields[::2], fields[1::2], strict=True))) for row_id, fields in found
        ]
        earlier = tuple(map(entry_of, rows))
        ids = [*(row_id.decode() for row_id, _ in rows), f"{number}-0"]
        written: list[NumberedEntry] = [*zip(ids, (*earlier, started), strict=True)]
        began_at = datetime.fromtimestamp(seconds, UTC)
        first = _first_row(rows[0]) if rows else NOT_SIGNED
        message = sealed and sealed.decode()
        return Run(self, job, number, message, earlier, began_at, time, written, first)

    def _queue_begin(self, pipe: Any, job: QueuedJob, started: str) -> None:
        own = self._keys
        stream, sealed, jobs = (
            own.job(job.job_id),
            own.sealed(job.job_id),
            own.jobs_of(self._worker),
        )
        keys = (*self._limit.keys, stream, sealed, jobs, own.workers, own.queued, own.running)
        turn = self._limit.about(job)
        BEGIN.queue(pipe, own, keys, (*turn, self._worker, started, self._result_ttl_s))

    def ca_certificate(self, job_id: str, digest: str) -> str | None:
        """Return the sealed CA certificates that a job of a batch names, None if they are gone."""
        key = self._keys.ca_certificates(batch_id_of(job_id))
        (sealed,) = self._patience.execute(lambda pipe: pipe.hget(key, digest))
        return sealed.decode() if sealed else None

    def write_and_keep(self, run: Run, rows: Sequence[NumberedEntry]) -> bool:
        """Write rows of a run; return whether the job took them, once they outlive a killed Redis.

        Raises:
            StoreUnreachableError: the store was unreachable for `patience_s`.
        """
        is_kept = self.writer.write_and_keep(run, rows)
        signs_in = any(begins_sign_in(entry) for _, entry in rows)
        return is_kept and (not signs_in or run.has_signed_in or self._claim(run))

    def has_signed_in(self, job_id: str) -> bool:
        """Return whether this worker may have sent the job's key pair, whatever Redis says."""
        return job_id in self._sign_ins

    def _claim(self, run: Run) -> bool:
        run.has_signed_in = self._sign_ins.claim(run.job_id)
        return run.has_signed_in

    def write_all(self, least_age_s: float = 0) -> None:
        """Write the pending entries of all runs in one round trip, of those that have old ones.

        What uses up the credentials is left to its run, which waits until Redis has kept it.
        """
        runs = [run for run in tuple(self._runs) if run.has_unwritten(least_age_s)]
        held = [run for run in runs if run.writing.acquire(blocking=False)]
        taken = [(run, run.take_what_need_not_be_kept()) for run in held]
        taken = [(run, rows) for run, rows in taken if rows and not run.is_given_up]
        try:
            if taken:
                are_written = self.writer.write(*taken)
                for (run, _), is_written in zip(taken, are_written, strict=True):
                    run.is_given_up |= not is_written
        except StoreUnreachableError:
            for run, _ in taken:
                run.is_given_up = True
        finally:
            for run in held:
                run.writing.release()

    def end(self, run: Run) -> None:
        """Expect nothing more of a run that is closed, and call the jobs whose turn it is now."""
        self._runs.discard(run)
        with self._lock:
            self._is_gone(run.job_id)
        self._call(run.called)

    def leave(self, run: Run) -> None:
        """Give back the job of a run that is not closed, unless another run of it is here.

        Raises:
            StoreUnreachableError: the store was unreachable for `patience_s`.
        """
        if run not in self._runs:
            return
        self._runs.discard(run)
        called: Sequence[QueuedJob] = ()
        with self._lock:  # nobody begins it again in between
            if self._is_gone(run.job_id):
                _, calls = self._patience.execute(lambda pipe: self._queue_leave(pipe, run.job))
                called = calls_in(calls, self._keys.site)
        self._call(called)

    def _queue_leave(self, pipe: Any, job: QueuedJob) -> None:
        pipe.srem(self._keys.jobs_of(self._worker), job.job_id)
        self._limit.queue_release(pipe, Turn.of(job))

    def _is_gone(self, job_id: str) -> bool:
        """Forget a delivery of a job; return whether it was the last. The caller holds `_lock`."""
        self._here[job_id] -= 1
        is_last = not self._here[job_id]
        if is_last:
            del self._here[job_id]
        return is_last

    def catch_up(self) -> None:
        """Release the turns that nobody here uses, and make the calls that were not made.

        The answer was lost, or the store or the queue could not be reached when a turn ended.
        """
        try:
            turns, calls = self._limit.turns(), frozenset(self._limit.calls())
            for turn in turns:
                with self._lock:
                    is_used = turn.job_id in self._here
                    called = () if is_used else self._limit.release(turn)
                self._call(called)
        except StoreUnreachableError:
            return  # the next look will tell
        self._call([*calls & self._calls_before])  # others are just being made
        self._calls_before = calls

    def _call(self, jobs: Sequence[QueuedJob]) -> None:
        if jobs and self._send(jobs):
            try:
                self._limit.forget_calls(jobs)
            except StoreUnreachableError:
                _log.warning("calls=%d store=unreachable", len(jobs))


def _first_row(row: Row) -> FirstRow:
    """Return what the row says that the API has written, nothing where it is another one."""
    row_id, fields = row
    texts = [fields.get(name, b"") for name in (b"entry", SIGNATURE.encode())]
    try:
        entry, signature = (text.decode() for text in texts)
    except UnicodeDecodeError:
        return NOT_SIGNED
    return FirstRow(entry, signature) if row_id.decode() == QUEUED_ID else NOT_SIGNED
