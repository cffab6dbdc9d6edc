"""Make the jobs of one target take turns, without making a worker wait."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from shared.queue import JobQueue, QueueUnreachableError
from shared.queued_job import QueuedJob
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.run_store import PATIENCE_S, RETRY_S
from shared.store.limits.target_limit import HeldTurn, TargetLimit, Turn

_log = logging.getLogger(__name__)


class TargetTurns:
    """The turns at each target; a job whose turn ends calls the next one."""

    def __init__(self, limit: TargetLimit, queue: JobQueue, patience_s: float = PATIENCE_S) -> None:
        self._limit = limit
        self._queue = queue
        self._patience_s = patience_s

    @contextmanager
    def turn(self, job: QueuedJob) -> Iterator[bool]:
        """Yield whether it is the job's turn, and call the next job afterwards.

        A job without a target takes no turns. If the store cannot be reached, no job is held up.
        """
        turn = self._admit(job) if job.target else "held"
        try:
            yield turn != "waiting"
        finally:
            if turn == "taken":  # a "held" turn is returned by the run that took it
                self._give_back(HeldTurn(job.job_id, job.target))

    def _admit(self, job: QueuedJob) -> Turn:
        try:
            return self._limit.admit(job)
        except StoreUnreachableError:
            return "taken"  # Redis may have done it and its answer was lost: it is given back

    def _give_back(self, turn: HeldTurn) -> None:
        give_up_at_s = time.monotonic() + self._patience_s
        while True:
            try:
                self._call_next(turn)
            except StoreUnreachableError:
                _log.warning("turn target=%s store=unreachable", turn.target)
            except QueueUnreachableError:
                _log.warning("turn target=%s queue=unreachable", turn.target)
            else:
                return
            if time.monotonic() > give_up_at_s:
                return  # the API gives it back when this worker has ended
            time.sleep(RETRY_S)

    def _call_next(self, turn: HeldTurn) -> None:
        waiting = self._limit.release(turn)
        if waiting:
            self._queue.send([waiting])
            self._limit.forget(turn)
