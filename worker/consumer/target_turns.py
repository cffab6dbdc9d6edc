"""Make the jobs of one target take turns, without making a worker wait."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from shared.queue import JobQueue, QueueUnreachableError
from shared.queued_job import QueuedJob
from shared.store.errors import StoreUnreachableError
from shared.store.limits.target_limit import Admission, TargetLimit, Turn

_log = logging.getLogger(__name__)


class TargetTurns:
    """The turns at each target; a job whose turn ends calls the next one."""

    def __init__(self, limit: TargetLimit, queue: JobQueue) -> None:
        self._limit = limit
        self._queue = queue
        self._lock = Lock()
        self._in_use: set[Turn] = set()

    @contextmanager
    def turn(self, job: QueuedJob) -> Iterator[bool]:
        """Yield whether it is the job's turn, and call the next job afterwards.

        A job without a target takes no turns. If the store cannot be reached, no job is held up.
        """
        turn = Turn(job.job_id, job.target)
        # A second delivery of the job changes nothing: the first one has the turn.
        if not job.target or not self._begin_to_use(turn):
            yield True
            return
        admission: Admission = "waiting"
        try:
            admission = self._admit(job)
            yield admission != "waiting"
        finally:
            if admission == "taken":
                self._release(turn)
            self._in_use.discard(turn)

    def release_unused(self) -> None:
        """Release the turns that Redis has given to this worker without its knowledge.

        The answer was lost, or the store or the queue could not be reached when a turn ended.
        """
        try:
            turns = self._limit.turns()
        except StoreUnreachableError:
            return  # the next look will tell
        for turn in turns:
            if self._begin_to_use(turn):
                self._release(turn)
                self._in_use.discard(turn)

    def _begin_to_use(self, turn: Turn) -> bool:
        """Return whether nobody in this worker uses the turn so far."""
        with self._lock:
            is_new = turn not in self._in_use
            self._in_use.add(turn)
        return is_new

    def _admit(self, job: QueuedJob) -> Admission:
        try:
            return self._limit.admit(job)
        except StoreUnreachableError:
            return "taken"  # perhaps it is: only the answer may have been lost

    def _release(self, turn: Turn) -> None:
        try:
            waiting = self._limit.release(turn)
            if waiting:
                self._queue.send([waiting])
                self._limit.forget(turn)
        except StoreUnreachableError:
            _log.warning("turn target=%s store=unreachable", turn.target)
        except QueueUnreachableError:
            _log.warning("turn target=%s queue=unreachable", turn.target)
