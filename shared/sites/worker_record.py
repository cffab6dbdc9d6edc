"""What a worker tells of itself, which may be written by anyone who has its site's password."""

from typing import Annotated, Final

from pydantic import Field, IPvAnyAddress

from shared.queue.queued_job import QueueName
from shared.sites.bounded_record import BoundedRecord, RecordPart

LONGEST_RECORD: Final = 2048
"""Bytes of a record; longer ones are not read."""
MOST_CANARIES: Final = 16
"""Canaries in a record; a worker tells of its first ones."""
FARTHEST_S: Final = 1e9
"""The largest difference between two clocks that is told: 30 years."""

Version = Annotated[str, Field(pattern=r"^[0-9][0-9A-Za-z.+-]{0,31}$")]


class CanaryLook(RecordPart):
    """Whether a host answered that answers whenever the site's own network works."""

    address: IPvAnyAddress
    port: int = Field(ge=1, le=65535)
    answers: bool

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else str(self.address)
        return f"{host}:{self.port}"


class WorkerRecord(BoundedRecord):
    """One worker; what a newer one tells in addition is left out."""

    longest = LONGEST_RECORD

    queue: QueueName
    version: Version
    clock_ahead_s: float | None = Field(
        default=None, ge=-FARTHEST_S, le=FARTHEST_S, allow_inf_nan=False
    )
    """How far its clock was ahead of that of Redis, in seconds; None if it has not compared."""
    canaries: tuple[CanaryLook, ...] = Field(default=(), max_length=MOST_CANARIES)
    """What its last look at CONNCHECK_CANARIES found."""
