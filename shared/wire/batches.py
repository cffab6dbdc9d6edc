"""The models of the batch calls."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from shared.diagnosis.report import Job, WireModel
from shared.diagnosis.sentences import Sentence
from shared.labels import (
    LONGEST_LABEL,
    LONGEST_LABEL_NAME,
    MOST_LABELS,
    is_label_name,
    is_secret_name,
)
from shared.places import line_of
from shared.platform.product import invalid
from shared.request import JobRequest
from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch import BatchItem
from shared.store.batches.item_outcome import telling_item
from shared.store.batches.letters import (
    AT_WORK,
    CANCELLED,
    EXPIRED,
    FAILED,
    LOST,
    PASSED,
    WAITING,
    WARNED,
)
from shared.text import is_visible
from shared.wire.jobs import JOBS_PATH, status_url
from shared.wire.uploads import ReadingView, RowError

LONGEST_TEXT = 200
"""Characters of a name or a reference."""

BATCHES_PATH = JOBS_PATH.removesuffix("jobs") + "batches"
Standing = Literal["queued", "running", "passed", "failed", "cancelled", "expired", "lost"]
STANDINGS: dict[str, Standing] = {
    WAITING: "queued",
    AT_WORK: "running",
    PASSED: "passed",
    WARNED: "passed",
    FAILED: "failed",
    CANCELLED: "cancelled",
    EXPIRED: "expired",
    LOST: "lost",
}
_OUTCOMES = {PASSED: "passed", WARNED: "warning", FAILED: "failed"}


class BatchAccepted(WireModel):
    """A batch that was accepted."""

    batch_id: str
    accepted: int
    rejected: int
    status_url: str
    read: ReadingView | None = Field(
        default=None, description="What was read of the upload; null where there was none."
    )
    errors: tuple[RowError, ...] = Field(
        description="The first 50 invalid rows, which were skipped."
    )


class Example(WireModel):
    """An example of the items with a cause."""

    index: int
    name: str
    ref: str
    endpoint: str
    job_id: str


class CauseGroup(WireModel):
    """The items that have the same cause."""

    cause: str = Field(examples=["tls.expired"])
    doc_url: str | None = Field(default=None, description="Where this service explains the cause.")
    outcome: Literal["failed", "warning"]
    count: int
    text: str = Field(examples=["312 of 5000: tls.expired"])
    examples: tuple[Example, ...]


class SharedFact(WireModel):
    """A fact that several failed items have in common."""

    fact: str = Field(examples=["issuer"])
    value: str
    count: int
    text: str


class GroupCounts(WireModel):
    """How items stand."""

    total: int
    passed: int = Field(description="Items that passed, with or without warnings.")
    warnings: int = Field(description="Items that passed with warnings; part of `passed`.")
    failed: int
    others: int = Field(description="Items that are unfinished, cancelled, expired or lost.")


class GroupValue(GroupCounts):
    """The items that have the same product type, site, or value of a label."""

    value: str = Field(
        description="Empty for items that do not have the label.", examples=["Alice"]
    )


class OtherValues(GroupCounts):
    """The items with values that are not listed."""

    count: int = Field(description="How many values they have.")


class Group(WireModel):
    """How the items of a batch stand by product type, by site, or by a label."""

    by: str = Field(
        description="`productType`, `site`, or `label.` and a name.", examples=["label.owner"]
    )
    values: tuple[GroupValue, ...] = Field(description="20 at most, with most failures first.")
    rest: OtherValues | None = Field(description="All further values, counted together.")


class BatchView(WireModel):
    """The progress of a batch, and its results so far."""

    batch_id: str
    status: Literal["running", "finished"]
    total: int
    queued: int
    running: int
    passed: int = Field(description="Items that passed, with or without warnings.")
    warnings: int = Field(description="Items that passed with warnings; part of `passed`.")
    failed: int
    cancelled: int
    expired: int
    lost: int
    rejected: int = Field(description="Invalid rows, which were skipped; not part of `total`.")
    rate_per_second: float | None
    estimated_end_at: AwareDatetime | None
    created_at: AwareDatetime
    began_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    start_by: AwareDatetime = Field(description="When tests can no longer begin or be retried.")
    repeats: str | None = Field(description="The batch whose failed items this batch retries.")
    causes: tuple[CauseGroup, ...]
    groups: tuple[Group, ...] = Field(
        default=(),
        description=(
            "By product type, by site and by the first 7 labels that have at most 1,000 values, "
            "where items differ in them. While the batch runs, they may be a second old."
        ),
    )
    shared_facts: tuple[SharedFact, ...]
    errors: tuple[RowError, ...] = Field(description="The first 50 invalid rows.")


class BatchSummary(WireModel):
    """A batch of the list: how many of its items are done, and how they ended."""

    batch_id: str
    status_url: str
    status: Literal["running", "finished"]
    total: int
    unfinished: int = Field(description="Items that are queued or running.")
    passed: int = Field(description="Items that passed, with or without warnings.")
    warnings: int = Field(description="Items that passed with warnings; part of `passed`.")
    failed: int
    cancelled: int
    expired: int
    lost: int
    rejected: int = Field(description="Invalid rows, which were skipped; not part of `total`.")
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    repeats: str | None = Field(description="The batch whose failed items this batch retries.")


class BatchPage(WireModel):
    """A page of the tenant's batches, newest first."""

    items: tuple[BatchSummary, ...] = Field(
        description="With a filter there may be fewer than `limit`, or none, before the last page."
    )
    next_cursor: str | None = Field(description="null on the last page.")


class BatchResult(WireModel):
    """The result of one item."""

    index: int
    name: str
    ref: str
    product_type: str
    endpoint: str
    labels: dict[str, str] = Field(default={}, description="The labels of the upload.")
    line: int | None = Field(
        default=None, description="The line of the upload, or the row of its sheet."
    )
    status: Standing
    outcome: Literal["passed", "warning", "failed"] | None = None
    step: str | None = Field(default=None, description="The step that failed or has a warning.")
    cause: str | None = None
    owner: str | None = None
    field: str | None = None
    summary: str = Field(default="", description="What failed, or what the warning says.")
    error_msg: str = ""
    recommendation: str = ""
    took_ms: float | None = None
    took_ms_by_step: dict[str, float] = Field(default={}, description="The time of each step.")
    queue_ms: float | None = None
    finished_at: AwareDatetime | None = None
    job_id: str | None = None
    status_url: str | None = None
    doc_url: str | None = Field(default=None, description="Where this service explains the cause.")
    site: str = Field(default=DEFAULT_SITE, description="The site that tests, or has tested.")


def batch_url(batch_id: str) -> str:
    """Return the URL of a batch."""
    return f"{BATCHES_PATH}/{batch_id}"


def result(index: int, letter: str, item: BatchItem, job_id: str, job: Job | None) -> BatchResult:
    """Return the public view of an item; `job` is None before it begins and after it expires."""
    shown = BatchResult(
        index=index,
        name=item.name,
        ref=item.ref,
        product_type=item.product_type,
        endpoint=item.endpoint,
        labels=dict(item.labels),
        line=line_of(item.place),
        site=item.site,
        status="queued" if job and job.status == "queued" else STANDINGS.get(letter, "lost"),
    )
    if job is None:
        return shown
    told = telling_item(job)
    outcome: dict[str, object] = {
        "job_id": job_id,
        "status_url": status_url(job_id),
        "queue_ms": job.queue_ms,
        "finished_at": job.finished_at,
        "took_ms": job.took_ms,
        "took_ms_by_step": {step.name: step.took_ms for step in job.made},
        "recommendation": job.recommendation,
    }
    if letter in _OUTCOMES:
        outcome["outcome"] = _OUTCOMES[letter]
    if told:
        outcome |= {
            "step": told.name,
            "cause": told.cause,
            "doc_url": told.doc_url,
            "owner": told.owner,
            "field": told.field,
            "summary": told.summary,
            "error_msg": told.error_msg,
        }
    return shown.model_copy(update=outcome)


INVISIBLE: Final = "must not contain line breaks or other invisible characters"
NO_LABEL_NAME: Final = (
    "has a label whose name is not 1 to {longest} letters, digits, blanks, dots, dashes and "
    "underscores"
)


def _visible(text: str) -> str:
    if not is_visible(text):
        raise invalid(INVISIBLE)
    return text


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that have a value.

    A name that is no valid one is not repeated: it may be a value, and that a secret.
    """
    if len(labels) > MOST_LABELS:
        raise invalid(Sentence("has more than {most} labels", {"most": MOST_LABELS}))
    for name, value in labels.items():
        if is_secret_name(name):
            raise invalid("has a secret's name; labels are shown with the results")
        if not is_label_name(name):
            raise invalid(Sentence(NO_LABEL_NAME, {"longest": LONGEST_LABEL_NAME}))
        if len(value) > LONGEST_LABEL:
            raise invalid("is too long", field=f"labels.{name}")
        if not is_visible(value):
            raise invalid(INVISIBLE, field=f"labels.{name}")
    return {name: value for name, value in labels.items() if value}


CallersText = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_visible)]
Labels = Annotated[dict[str, str], AfterValidator(_labels)]


class BatchRow(JobRequest):
    """A platform of a batch, with the caller's own name, reference and labels for it."""

    name: CallersText = ""
    ref: CallersText = ""
    labels: Labels = Field(
        default={},
        description=(
            "What the caller calls the platform by, to filter and group results; sent nowhere."
        ),
        examples=[{"owner": "Alice", "location": "Berlin"}],
    )

    @model_validator(mode="after")
    def _refuse_mocks(self) -> Self:
        if self.options.mock:
            raise invalid("is only for single tests", field="options.mock")
        return self


class ResultPage(WireModel):
    """A page of a batch's results."""

    items: tuple[BatchResult, ...]
    next_cursor: str | None


class RetryAccepted(BatchAccepted):
    """A batch that retries the failed items of another batch."""

    not_repeated: tuple[int, ...]
