"""What the service tells of one test."""

from typing import Literal

from pydantic import AwareDatetime, Field

from conncheck_client.models.wire import AnswerModel

Fact = str | int | float | bool | tuple[str, ...]
JobStatus = Literal["queued", "running", "finished", "cancelled", "expired", "lost"] | str
Outcome = Literal["passed", "warning", "failed"] | str
Owner = Literal["caller", "network", "platform", "us"] | str
Severity = Literal["failed", "warning"] | str
StepOutcome = Literal["passed", "warning", "failed", "skipped"] | str
StepName = (
    Literal[
        "dns_lookup",
        "tcp_connect",
        "tls_handshake",
        "http_response",
        "product_identify",
        "authenticate",
        "authorize",
        "service_endpoints",
        "inspect_certificate",
    ]
    | str
)


class Item(AnswerModel):
    """One step's result, as the documented call gives it."""

    name: str
    """Name of the step, such as tcp_connect."""
    status: Literal["success", "failure"] | str
    latency_ms: str
    error_msg: str


class Answer(AnswerModel):
    """The answer of the documented call."""

    success: bool
    items: tuple[Item, ...]
    """The steps in their order, up to the one that failed."""
    recommendation: str


class Contribution(AnswerModel):
    """What was found beside the cause of a step's failure."""

    cause: str
    owner: Owner
    severity: Severity
    field: str | None
    summary: str
    evidence: dict[str, Fact]
    remedies: tuple[str, ...]
    doc_url: str | None = None
    """Where the service explains the cause, as a path of the service; it needs no token."""


class DetailedItem(Item):
    """One step's result with how it is known and what can be done."""

    status: Literal["success", "failure", "skipped"] | str
    outcome: StepOutcome
    """The last items of a closed job are the steps that were not made: skipped."""
    cause: str | None = None
    """Code of the cause, such as tls.expired; /docs/causes of the service lists all."""
    doc_url: str | None = None
    """Where the service explains the cause, as a path of the service; it needs no token."""
    owner: Owner | None = None
    """Who can fix it: the caller, the network team, the platform's administrator, or the
    operators of this service (us)."""
    field: str | None = None
    """The field of the request to change, such as secretKey."""
    summary: str = ""
    """What was found, for warnings too; for a skipped step why it was not made."""
    evidence: dict[str, Fact] = Field(default_factory=dict)
    remedies: tuple[str, ...] = ()
    """What to do next, the most likely first."""
    contributing: tuple[Contribution, ...] = ()
    command: str = ""
    """A shell command that shows the same, without any secret."""
    started_at: AwareDatetime
    """When the step began; for a skipped step when the job ended."""
    took_ms: float


class Report(AnswerModel):
    """What a test has found so far."""

    status: JobStatus
    success: bool | None
    """None until the test is over."""
    items: tuple[DetailedItem, ...]
    steps_to_come: tuple[StepName, ...]
    recommendation: str
    product_type: str
    endpoint: str
    site: str = "default"
    """The site that tests, or has tested."""
    queue_ms: float | None
    created_at: AwareDatetime
    started_at: AwareDatetime | None
    finished_at: AwareDatetime | None

    @property
    def made(self) -> tuple[DetailedItem, ...]:
        """The steps that have ended, without those that were not made."""
        return tuple(item for item in self.items if item.outcome != "skipped")

    @property
    def is_closed(self) -> bool:
        """Whether nothing of this test can change any more."""
        return self.status not in ("queued", "running")

    @property
    def has_verdict(self) -> bool:
        """Whether the items tell how the platform is, or why the outcome is unknown."""
        return self.status == "finished" or (self.status == "lost" and bool(self.made))

    @property
    def failed_item(self) -> DetailedItem | None:
        """The step that failed, if any did."""
        return next((item for item in self.items if item.outcome == "failed"), None)


class Job(Report):
    """All that is known of a job, and until when."""

    job_id: str
    expires_at: AwareDatetime
    """When the job and its results are deleted."""


class JobAccepted(AnswerModel):
    """A job that was accepted."""

    job_id: str
    status: Literal["queued"] | str = "queued"
    status_url: str


class JobSummary(AnswerModel):
    """A job of the list: how it ended, and its most telling step."""

    job_id: str
    status_url: str
    status: JobStatus
    outcome: Outcome | None
    """None until the job is finished."""
    product_type: str
    """Empty for an inspection without a product type."""
    endpoint: str
    site: str = "default"
    """The site that tests, or has tested."""
    step: str | None
    """The step that failed or has a warning."""
    cause: str | None
    doc_url: str | None = None
    owner: Owner | None
    summary: str
    recommendation: str
    took_ms: float | None
    queue_ms: float | None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None


class JobPage(AnswerModel):
    """Some of the tenant's jobs, newest first."""

    items: tuple[JobSummary, ...]
    next_cursor: str | None


class Ready(AnswerModel):
    """That tests can be made, and of which kinds."""

    status: Literal["ready"] | str
    queues: tuple[Literal["interactive", "bulk"] | str, ...]
    """The kinds of tests that a worker is alive for."""
