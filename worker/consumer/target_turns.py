"""Make the jobs of one target take turns, without making a worker wait."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from shared.queue import JobQueue, QueueUnreachableError
from shared.queued_job import QueuedJob
from shared.store.errors import StoreUnreachableError
from shared.store.limits.target_limit import TargetLimit

_log = logging.getLogger(__name__)


class TargetTurns:
    """The turns at each target; a job whose turn ends calls the next one."""

    def __init__(self, limit: TargetLimit, queue: JobQueue) -> None:
        self._limit = limit
        self._queue = queue

    @contextmanager
    def turn(self, job: QueuedJob) -> Iterator[bool]:
        """Yield whether it is the job's turn, and call the next job afterwards.

        A job without a target takes no turns. If the store cannot be reached, no job is held up.
        """
        try:
            turn = self._limit.admit(job) if job.target else "held"
        except StoreUnreachableError:
            turn = "held"
        try:
            yield turn != "waiting"
        finally:
            if turn == "taken":  # a "held" turn is returned by the run that took it
                self._call_next(job)

    def _call_next(self, job: QueuedJob) -> None:
        try:
            waiting = self._limit.release(job.target, job.job_id)
            if waiting:
                self._queue.send([waiting])
        except (StoreUnreachableError, QueueUnreachableError):
            _log.warning("turn target=%s store=unreachable", job.target)
