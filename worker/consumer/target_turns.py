"""Have jobs of one target take turns, without keeping a worker waiting."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from shared.store.jobs.job_stream import StoreUnreachableError
from shared.queue import JobQueue, QueueUnreachableError
from shared.queued_job import QueuedJob
from shared.store.limits.target_limit import TargetLimit

_log = logging.getLogger(__name__)


class Line:
    """The line in front of each target; whoever leaves it calls the next."""

    def __init__(self, limit: TargetLimit, queue: JobQueue) -> None:
        self._limit = limit
        self._queue = queue

    @contextmanager
    def turn(self, job: QueuedJob) -> Iterator[bool]:
        """Tell whether it is the job's turn, and call the next one after it.

        A job without a target takes no turns. While the store is away nobody is held up.
        """
        try:
            turn = self._limit.admit(job) if job.target else "held"
        except StoreUnreachableError:
            turn = "held"
        try:
            yield turn != "waiting"
        finally:
            if turn == "taken":  # one that was held is given back by who took it
                self._call_next(job)

    def _call_next(self, job: QueuedJob) -> None:
        try:
            waiting = self._limit.release(job.target, job.job_id)
            if waiting:
                self._queue.send([waiting])
        except (StoreUnreachableError, QueueUnreachableError):
            _log.warning("line target=%s store=away", job.target)
