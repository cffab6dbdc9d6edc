"""Put together what this worker tells of itself."""

from collections.abc import Sequence
from importlib.metadata import version

from shared.queue.queued_job import QueueName
from shared.sites.worker_record import FARTHEST_S, MOST_CANARIES, CanaryLook, WorkerRecord
from worker.deadline import Deadline
from worker.investigations.investigator import CANARY_S
from worker.tcp.connection import TargetAddress, answers


class OwnRecord:
    """What is told of this worker; it grows as the worker looks around."""

    def __init__(self, queue: QueueName, canaries: Sequence[TargetAddress] = ()) -> None:
        self._queue = queue
        self._version = version("conncheck")
        self._canaries = canaries[:MOST_CANARIES]
        self._looks: tuple[CanaryLook, ...] = ()
        self._clock_ahead_s: float | None = None

    def as_it_is(self) -> WorkerRecord:
        """Return what is known by now."""
        return WorkerRecord(
            queue=self._queue,
            version=self._version,
            clock_ahead_s=self._clock_ahead_s,
            canaries=self._looks,
        )

    def note_clock(self, ahead_s: float | None) -> None:
        """Note how far this machine's clock is ahead of that of Redis; None if that is unsure."""
        if ahead_s is None:
            return
        self._clock_ahead_s = round(max(-FARTHEST_S, min(FARTHEST_S, ahead_s)), 3)

    def look_at_canaries(self) -> None:
        """Connect to each canary, CANARY_S long at most, and note which answer."""
        self._looks = tuple(map(_look, self._canaries))


def _look(canary: TargetAddress) -> CanaryLook:
    is_there = answers(canary, Deadline.after(CANARY_S))
    return CanaryLook(address=canary.ip, port=canary.port, answers=is_there)
