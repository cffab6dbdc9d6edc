"""What the service tells of a batch."""

from typing import Literal

from pydantic import AwareDatetime, Field

from conncheck_client.models.jobs import Outcome
from conncheck_client.models.uploads import Reading, RowError
from conncheck_client.models.wire import AnswerModel

BatchStatus = Literal["running", "finished"] | str
ItemStatus = Literal["queued", "running", "passed", "failed", "cancelled", "expired", "lost"] | str

ResultSort = Literal["name", "-name", "cause", "-cause", "tookMs", "-tookMs"]


class BatchAccepted(AnswerModel):
    """A batch that was accepted."""

    batch_id: str
    accepted: int
    rejected: int
    status_url: str
    read: Reading | None = None
    """What was read of the upload."""
    errors: tuple[RowError, ...]
    """The first invalid rows, which were skipped."""


class RetryAccepted(BatchAccepted):
    """A batch that repeats what failed of another one."""

    not_repeated: tuple[int, ...]
    """The items that can't be repeated: their sealed requests are gone, or the token is not
    allowed to test them."""


class Example(AnswerModel):
    """One of the items with a cause."""

    index: int
    name: str
    ref: str
    endpoint: str
    job_id: str


class CauseGroup(AnswerModel):
    """The items with one cause."""

    cause: str
    doc_url: str | None = None
    outcome: Literal["failed", "warning"] | str
    count: int
    text: str
    examples: tuple[Example, ...]


class SharedFact(AnswerModel):
    """What several failed items have in common."""

    fact: str
    value: str
    count: int
    text: str


class GroupCounts(AnswerModel):
    """How items stand."""

    total: int
    passed: int
    """Those that passed, with a warning or without."""
    warnings: int
    """Those of them with a warning."""
    failed: int
    others: int
    """Those that are unfinished, cancelled, expired or lost."""


class GroupValue(GroupCounts):
    """The items that have the same product type, or the same value of a label."""

    value: str
    """Empty for items that do not have the label."""


class OtherValues(GroupCounts):
    """The items with values that are not listed."""

    count: int
    """How many values they have."""


class Group(AnswerModel):
    """How the items of a batch stand by product type, or by a label."""

    by: str
    """productType, or label. and a name."""
    values: tuple[GroupValue, ...]
    """20 at most, with most failures first."""
    rest: OtherValues | None


class BatchProgress(AnswerModel):
    """How many items of a batch are in which state."""

    total: int
    queued: int
    running: int
    passed: int
    """Those that passed, with a warning or without."""
    warnings: int
    """Those of them with a warning."""
    failed: int
    cancelled: int
    expired: int
    lost: int
    rate_per_second: float | None
    estimated_end_at: AwareDatetime | None


class Batch(BatchProgress):
    """How far a batch is, and what was found so far."""

    batch_id: str
    status: BatchStatus
    rejected: int
    """Invalid rows, which are no part of the total."""
    created_at: AwareDatetime
    began_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    start_by: AwareDatetime
    """Until when its tests may begin or be repeated."""
    repeats: str | None
    """The batch whose failed items it repeats."""
    causes: tuple[CauseGroup, ...]
    groups: tuple[Group, ...] = ()
    """By product type and by label, where items differ in it."""
    shared_facts: tuple[SharedFact, ...]
    errors: tuple[RowError, ...]
    """The first invalid rows."""


class BatchSummary(AnswerModel):
    """A batch of the list: how many of its items are done, and how they ended."""

    batch_id: str
    status_url: str
    status: BatchStatus
    total: int
    unfinished: int
    """Items that are queued or running."""
    passed: int
    """Those that passed, with a warning or without."""
    warnings: int
    """Those of them with a warning."""
    failed: int
    cancelled: int
    expired: int
    lost: int
    rejected: int
    """Invalid rows, which are no part of the total."""
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    repeats: str | None
    """The batch whose failed items it repeats."""


class BatchPage(AnswerModel):
    """Some of the tenant's batches, newest first."""

    items: tuple[BatchSummary, ...]
    next_cursor: str | None


class BatchResult(AnswerModel):
    """The result of one item."""

    index: int
    name: str
    ref: str
    product_type: str
    endpoint: str
    labels: dict[str, str] = Field(default_factory=dict)
    line: int | None = None
    """The line of the upload, or the row of its sheet."""
    status: ItemStatus
    outcome: Outcome | None = None
    step: str | None = None
    """The step that failed or warns."""
    cause: str | None = None
    owner: str | None = None
    field: str | None = None
    summary: str = ""
    """What failed, or what the warning says."""
    error_msg: str = ""
    recommendation: str = ""
    took_ms: float | None = None
    took_ms_by_step: dict[str, float] = Field(default_factory=dict)
    queue_ms: float | None = None
    finished_at: AwareDatetime | None = None
    job_id: str | None = None
    status_url: str | None = None
    doc_url: str | None = None
    """Where the service explains the cause, as a path of the service; it needs no token."""
    site: str = "default"
    """The site that tests, or has tested."""


class ResultPage(AnswerModel):
    """Some results of a batch."""

    items: tuple[BatchResult, ...]
    next_cursor: str | None
