"""What the service tells while a test or a batch runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from conncheck_client.models.batches import Batch, BatchProgress
from conncheck_client.models.comparisons import Comparison
from conncheck_client.models.jobs import DetailedItem, StepName

_Kind = Literal["queued", "started", "step_started", "step_ended", "step_noted"]
EventKind = _Kind | Literal["requeued", "closed"] | str


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job."""

    id: str
    """What to resume after."""
    kind: EventKind
    """A newer service may send further kinds; pass over those that you don't know."""
    step: StepName | None = None
    """The step that began or ended, or that more became known about."""
    item: DetailedItem | None = None
    """The result of that step, unless it began."""
    steps: tuple[StepName, ...] = ()
    """The steps to come, where the job was queued."""


@dataclass(frozen=True, slots=True)
class BatchEvent:
    """The progress of a batch, or its end."""

    id: str
    """What to resume after."""
    progress: BatchProgress
    finished: Batch | None = None
    """All of it but the rejected rows, once it is over."""


@dataclass(frozen=True, slots=True)
class ComparisonEvent(JobEvent):
    """Something that happened to the job of a site, or the end of the comparison."""

    site: str = ""
    """Empty at the end."""
    job_id: str = ""
    finished: Comparison | None = None
    """All of it, once all tests are over."""


@dataclass(frozen=True, slots=True)
class ServerTime:
    """Whether the service can make tests, and what its clock shows."""

    queues: Sequence[str]
    """The kinds of tests that a worker is alive for."""
    date: datetime | None
