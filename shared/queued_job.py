"""What goes through the broker: nothing that is worth reading there."""

from typing import Final, Literal, NamedTuple

QueueName = Literal["interactive", "bulk"]

INTERACTIVE: Final = "interactive"
"""Jobs that somebody waits for; they never stand behind a bulk."""
BULK: Final = "bulk"
"""Jobs of batches."""
QUEUES: Final[tuple[QueueName, ...]] = (INTERACTIVE, BULK)


class QueuedJob(NamedTuple):
    """A job that waits for a worker."""

    job_id: str
    target: str
    """Jobs of the same target take turns; empty for one that takes none."""
    queue: QueueName = INTERACTIVE
