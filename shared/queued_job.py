"""The messages that go through the broker; they contain no secret."""

from typing import Final, Literal, NamedTuple

QueueName = Literal["interactive", "bulk"]

INTERACTIVE: Final = "interactive"
"""Jobs that a person or program waits for; they never wait behind a batch."""
BULK: Final = "bulk"
"""Jobs of batches."""
QUEUES: Final[tuple[QueueName, ...]] = (INTERACTIVE, BULK)


class QueuedJob(NamedTuple):
    """A job that waits for a worker."""

    job_id: str
    target: str
    """Jobs of the same target take turns; empty for one that takes none."""
    queue: QueueName = INTERACTIVE
    share_of: str = ""
    """The tenant whose share of the workers it takes a part of; empty for one that takes none."""

    @property
    def takes_turns(self) -> bool:
        """Whether it waits for others: at its platform, or of its tenant."""
        return bool(self.target or self.share_of)

    @property
    def message(self) -> tuple[str, ...]:
        """What is sent; workers of the version before knew no shares."""
        return tuple(self) if self.share_of else tuple(self)[:-1]
