"""Make the jobs of one target, and of one tenant, take turns without making a worker wait."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from shared.queue import JobQueue, QueueUnreachableError
from shared.queued_job import QueuedJob
from shared.store.errors import StoreUnreachableError
from shared.store.limits.target_limit import Admission, TargetLimit, Turn

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Use:
    """What this worker does with a turn; a queue may deliver a job more than once."""

    deliveries: int = 0
    is_taken: bool = False
    is_ending: bool = False


class TargetTurns:
    """The turns of this worker's jobs; a job whose turn ends calls the next ones."""

    def __init__(self, limit: TargetLimit, queue: JobQueue) -> None:
        self._limit = limit
        self._queue = queue
        self._lock = Lock()
        self._uses: dict[Turn, _Use] = {}
        self._calls_before: frozenset[QueuedJob] = frozenset()

    @contextmanager
    def turn(self, job: QueuedJob) -> Iterator[bool]:
        """Yield whether it is the job's turn, and call the next jobs afterwards.

        A job with neither a target nor a share takes no turns. If the store cannot be reached, no
        job is held up.
        """
        turn = Turn.of(job)
        use = self._enter(turn) if job.takes_turns else None
        if use is None:
            yield True
            return
        try:
            admission = self._admit(job)
            use.is_taken |= admission == "taken"
            yield admission != "waiting"
        finally:
            self._leave(turn, use)

    def catch_up(self) -> None:
        """Release the turns that nobody here uses, and make the calls that were not made.

        The answer was lost, or the store or the queue could not be reached when a turn ended.
        """
        try:
            turns, calls = self._limit.turns(), frozenset(self._limit.calls())
        except StoreUnreachableError:
            return  # the next look will tell
        for turn in turns:
            unused = _Use(is_taken=True, is_ending=True)
            if self._uses.setdefault(turn, unused) is unused:
                self._end(turn)
        self._call([*calls & self._calls_before])  # others are just being made
        self._calls_before = calls

    def _enter(self, turn: Turn) -> _Use | None:
        """Count a delivery of the turn's job; return None if the turn ends: the job is over."""
        with self._lock:
            use = self._uses.setdefault(turn, _Use())
            if use.is_ending:
                return None
            use.deliveries += 1
            return use

    def _leave(self, turn: Turn, use: _Use) -> None:
        """End the turn with the last delivery of its job."""
        with self._lock:
            use.deliveries -= 1
            if use.deliveries:
                return
            if not use.is_taken:
                del self._uses[turn]
                return
            use.is_ending = True
        self._end(turn)

    def _end(self, turn: Turn) -> None:
        try:
            self._release(turn)
        finally:
            del self._uses[turn]

    def _admit(self, job: QueuedJob) -> Admission:
        try:
            return self._limit.admit(job)
        except StoreUnreachableError:
            return "taken"  # perhaps it is: only the answer may have been lost

    def _release(self, turn: Turn) -> None:
        try:
            called = self._limit.release(turn)
        except StoreUnreachableError:
            _log.warning("turn target=%s store=unreachable", turn.target)
            return
        self._call(called)

    def _call(self, jobs: Sequence[QueuedJob]) -> None:
        if not jobs:
            return
        try:
            self._queue.send(jobs)
            for job in jobs:
                self._limit.forget_call(job)
        except StoreUnreachableError:
            _log.warning("calls=%d store=unreachable", len(jobs))
        except QueueUnreachableError:
            _log.warning("calls=%d queue=unreachable", len(jobs))
