"""What the client gives back: the API's own views, read from its answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from shared.wire.batches import BatchView
from api.job_views import JobView
from shared.diagnosis.report import DetailedItem, WireModel
from shared.steps import StepName

EventKind = Literal["queued", "started", "step_started", "step_ended", "requeued", "closed"]


class RemoteJob(JobView):
    """All that the service knows of a job; it does not say whose it is."""

    caller: str = Field(default="", exclude=True)


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job."""

    id: str
    """What to resume after."""
    kind: EventKind
    step: StepName | None = None
    """The step that began."""
    item: DetailedItem | None = None
    """The result of the step that ended."""
    steps: tuple[StepName, ...] = ()
    """The steps to come, where the job was queued."""


class BatchProgress(WireModel):
    """How many items of a batch stand where."""

    total: int
    queued: int
    running: int
    passed: int
    warnings: int
    failed: int
    cancelled: int
    expired: int
    lost: int
    rate_per_second: float | None = None
    estimated_end_at: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class BatchEvent:
    """A batch that got on, or that is finished."""

    id: str
    """What to resume after."""
    progress: BatchProgress
    finished: BatchView | None = None
    """All of it, once nothing can change any more."""


@dataclass(frozen=True, slots=True)
class ServerTime:
    """Whether the service can make tests, and what its clock shows."""

    queues: Sequence[str]
    """The kinds of tests that a worker is alive for."""
    date: datetime | None
