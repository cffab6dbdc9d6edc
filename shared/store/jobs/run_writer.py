"""Write the entries of runs, and make sure of those on whose strength something is done."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from redis import Redis

from shared.diagnosis.entries import Closed, Entry
from shared.store.copies import HELD_BACK_AT_MOST_S, LOOK_AGAIN_S, Kept, Question
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_stream import (
    FORGOTTEN,
    WRITTEN,
    Appender,
    NumberedEntry,
    Row,
    WrittenEntry,
    entry_of,
    numbered,
    was_written,
)
from shared.store.jobs.run import Run
from shared.store.jobs.run_scripts import CLOSE, WRITE
from shared.store.limits.target_limit import TargetLimit, calls_in
from shared.store.patience import Patience
from shared.store.round_trips import Fill, RoundTrips, without_errors
from shared.store.sentinels import PrimaryPool


def _checked(results: Sequence[Any]) -> Sequence[Any]:
    """Return `results`: a Redis that may not be asked is believed, unless it refuses the mark.

    Raises:
        StoreUnreachableError: it does, or does not tell what is in the stream.
    """
    *mark_and_wait, _, _, found = results
    without_errors([*mark_and_wait[:1], found])
    return results


def _range_of(stream: str, entry_id: str) -> Fill:
    """Return what asks for one entry of a stream."""
    return lambda pipe: pipe.xrange(stream, entry_id, entry_id)


def _is_in(found: list[Row], entry: Entry) -> bool:
    return [entry_of(row) for row in found] == [entry]


def _status_in(result: Any, run: Run) -> Any:
    """Return what became of the rows; CLOSE also tells whom to call, which the run keeps."""
    if not isinstance(result, list):
        return result
    status, called = result
    run.called = calls_in(called, run.job.site)
    return status


class RunWriter:
    """Writes for the runs of one worker."""

    def __init__(
        self, redis: Redis, worker: str, append: Appender, limit: TargetLimit, patience: Patience
    ) -> None:
        self._redis = redis
        self._worker = worker
        self._append = append
        self._keys = append.keys
        self._limit = limit
        self._patience = patience
        # On a connection of their own: WAIT holds up all that comes after it.
        self._questions, self._question = RoundTrips(redis), Question(append.keys.mark)

    def write(self, *written: tuple[Run, Sequence[NumberedEntry]]) -> Sequence[bool]:
        """Write rows of runs in one round trip; return for each run whether they were accepted.

        Raises:
            StoreUnreachableError: the store was unreachable for too long.
        """

        def fill(pipe: Any) -> None:
            for run, rows in written:
                self._queue(pipe, run, rows)

        results = self._patience.execute(fill)
        return [
            self._was_taken(run, rows, _status_in(result, run))
            for result, (run, rows) in zip(results, written, strict=True)
        ]

    def write_and_keep(self, run: Run, rows: Sequence[NumberedEntry]) -> bool:
        """Write rows of a run; return whether the job took them, once they outlive a killed Redis.

        Raises:
            StoreUnreachableError: the store was unreachable for too long.
        """
        queue = partial(self._queue, run=run, rows=rows, asks_if_kept=True)
        while True:
            (result,) = self._patience.execute(queue)
            status = _status_in(result, run)
            is_believed = status == WRITTEN and not self._is_watched
            if not self._was_taken(run, rows, status):
                return False
            if is_believed or self._outlives(run.job_id, rows[-1]):
                return True
            del run.written[-len(rows) :]
            # Redis was killed, or is another one, and has forgotten them; nothing was done on
            # their strength.

    def _was_taken(self, run: Run, rows: Sequence[NumberedEntry], status: Any) -> bool:
        if status == FORGOTTEN:
            is_taken = self._restore(run, rows)
        else:
            # After a lost connection the same write may arrive a second time.
            is_taken = was_written(status) or self._has(run.job_id, rows[-1])
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
            (found,) = self._patience.execute(lambda pipe: pipe.xrange(self._keys.job(run.job_id)))
            known: list[Row] = found
            own, ids = [numbered(row) for row in known[before:]], [row[0].decode() for row in known]
            is_ours = ids == [entry_id for entry_id, _ in wanted[: len(known)]]
            if len(known) < before or not is_ours or own != wanted[before : len(known)]:
                return False
            if not (missing := wanted[len(known) :]):
                return True
            after = known[-1][0].decode(), known[-1][1][b"entry"].decode()
            self._patience.execute(partial(self._queue, run=run, rows=missing, after=after))

    def _queue(
        self,
        pipe: Any,
        run: Run,
        rows: Sequence[NumberedEntry],
        *,
        after: WrittenEntry | None = None,
        asks_if_kept: bool = False,
    ) -> None:
        entry_id, entry = run.written[-1]
        after = after or (entry_id, entry.model_dump_json())
        stream, is_over = self._keys.job(run.job_id), isinstance(rows[-1][1], Closed)
        follow = [("SREM", self._keys.jobs_of(self._worker), run.job_id)] if is_over else []
        arguments = self._append.arguments(
            run.job_id, rows, follow, after=after, asks_if_kept=asks_if_kept
        )
        if is_over:
            turn = self._limit.about(run.job)
            CLOSE.queue(pipe, self._keys, (*self._limit.keys, stream), (*turn, *arguments))
        else:
            WRITE.queue(pipe, self._keys, (stream,), arguments)

    def _outlives(self, job_id: str, last: NumberedEntry) -> bool:
        """Return whether Redis still has the entry when it is kept.

        Raises:
            StoreUnreachableError: no replica took it for too long.
        """
        began_s = time.monotonic()
        while True:
            kept, is_there = self._look(job_id, last)
            is_safe = self._is_safe(kept)
            if not is_there:
                return False
            waited_s = time.monotonic() - began_s
            if is_safe and (kept.in_file or waited_s > HELD_BACK_AT_MOST_S):
                return True
            if waited_s > self._patience.lasts_s:
                raise StoreUnreachableError("no replica")
            time.sleep(LOOK_AGAIN_S)

    def _look(self, job_id: str, last: NumberedEntry) -> tuple[Kept, bool]:
        """Return where all is that Redis has answered, and whether it still has the entry.

        All threads that wait ask together, in one round trip.

        Raises:
            StoreUnreachableError: the store was unreachable for too long.
        """
        entry_id, entry = last

        def ask() -> Sequence[Any]:
            # Asked before the entry: a Redis that was started in between has read it from the file,
            # and a replica that became the primary has it or not.
            if_kept = self._questions.ask(self._question.fill)
            if_there = self._questions.ask(_range_of(self._keys.job(job_id), entry_id))
            (found,) = if_there.answer()
            return [*if_kept.answer(), found]

        *told, found = self._patience.persist(ask, _checked)
        return self._question.answer(told), _is_in(found, entry)

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

    def _has(self, job_id: str, last: NumberedEntry) -> bool:
        entry_id, entry = last
        (found,) = self._patience.execute(_range_of(self._keys.job(job_id), entry_id))
        return _is_in(found, entry)
