"""What the batch faces show of a batch."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Literal

from pydantic import AwareDatetime, Field

from api.job_views import JOBS_PATH, status_url
from api.problems import ProblemError
from shared.batch_store import BatchItem, BatchState, CauseCount, RejectedRow
from shared.diagnosis.report import Job, WireModel
from shared.store.batches.item_outcome import telling_item
from shared.diagnosis.translations import Language, sentence

BATCHES_PATH = JOBS_PATH.removesuffix("jobs") + "batches"

Standing = Literal["queued", "running", "passed", "failed", "cancelled", "expired", "lost"]
STANDINGS: dict[str, Standing] = {
    "q": "queued",
    "w": "running",
    "p": "passed",
    "o": "passed",
    "f": "failed",
    "c": "cancelled",
    "e": "expired",
    "l": "lost",
}


class Rejected(WireModel):
    """A row that is no platform to test."""

    place: str = Field(description="Where it stands in the upload.", examples=["line 17"])
    field: str
    reason: str

    @classmethod
    def of(cls, rows: Sequence[RejectedRow]) -> "tuple[Rejected, ...]":
        """Return the rows as they are shown."""
        return tuple(cls(place=r.place, field=r.field, reason=r.reason) for r in rows)


class BatchAccepted(WireModel):
    """A batch that was taken."""

    batch_id: str
    accepted: int
    rejected: int
    status_url: str
    errors: tuple[Rejected, ...] = Field(description="Why rows were rejected, the first of them.")


class Example(WireModel):
    """One of the items with a cause."""

    index: int
    name: str
    ref: str
    endpoint: str
    job_id: str


class CauseGroup(WireModel):
    """The items with one cause."""

    cause: str = Field(examples=["tls.expired"])
    outcome: Literal["failed", "warning"]
    count: int
    text: str = Field(examples=["312 of 5000: tls.expired"])
    examples: tuple[Example, ...]


class SharedFact(WireModel):
    """What several failed items have in common."""

    fact: str = Field(examples=["issuer"])
    value: str
    count: int
    text: str


class BatchView(WireModel):
    """How far a batch is, and what was found so far."""

    batch_id: str
    status: Literal["running", "finished"]
    total: int
    queued: int
    running: int
    passed: int = Field(description="Those that passed, with a warning or without.")
    warnings: int = Field(description="Those of them with a warning.")
    failed: int
    cancelled: int
    expired: int
    lost: int
    rejected: int = Field(description="Rows that are no platform to test; not part of the total.")
    rate_per_second: float | None
    estimated_end_at: AwareDatetime | None
    created_at: AwareDatetime
    began_at: AwareDatetime | None
    finished_at: AwareDatetime | None
    start_by: AwareDatetime = Field(description="Until when its tests may begin or be repeated.")
    repeats: str | None = Field(description="The batch whose failed items it repeats.")
    causes: tuple[CauseGroup, ...]
    shared_facts: tuple[SharedFact, ...]
    errors: tuple[Rejected, ...]


class BatchResult(WireModel):
    """What became of one item."""

    index: int
    name: str
    ref: str
    product_type: str
    endpoint: str
    status: Standing
    outcome: Literal["passed", "warning", "failed"] | None = None
    step: str | None = Field(default=None, description="The step that failed or warns.")
    cause: str | None = None
    owner: str | None = None
    field: str | None = None
    error_msg: str = ""
    recommendation: str = ""
    took_ms: float | None = None
    queue_ms: float | None = None
    finished_at: AwareDatetime | None = None
    job_id: str | None = None
    status_url: str | None = None


def no_such_batch() -> ProblemError:
    """Return the one answer for a batch that does not exist and for one of somebody else's."""
    return ProblemError(HTTPStatus.NOT_FOUND, "There is no such batch.", kind="no-such-batch")


def batch_url(batch_id: str) -> str:
    """Return where a batch is shown."""
    return f"{BATCHES_PATH}/{batch_id}"


def counts(letters: bytes, waiting_at_work: int = 0) -> dict[str, int]:
    """Return how many items stand where; those that a worker has yet to begin are queued."""
    number = {letter: letters.count(letter.encode()) for letter in STANDINGS}
    return {
        "queued": number["q"] + waiting_at_work,
        "running": number["w"] - waiting_at_work,
        "passed": number["p"] + number["o"],
        "warnings": number["o"],
        "failed": number["f"],
        "cancelled": number["c"],
        "expired": number["e"],
        "lost": number["l"],
    }


def pace(state: BatchState, unfinished: int) -> tuple[float | None, datetime | None]:
    """Return the items done a second so far, and when at this rate all are."""
    done = state.batch.total - unfinished
    now = state.finished_at or datetime.now(UTC)
    took_s = (now - state.began_at).total_seconds() if state.began_at else 0
    if not done or took_s <= 0:
        return None, None
    rate = done / took_s
    ends_at = None if state.finished_at else now + timedelta(seconds=unfinished / rate)
    return round(rate, 3), ends_at


def cause_group(
    state: BatchState,
    found: CauseCount,
    items: Sequence[BatchItem],
    job_ids: Sequence[str],
    language: Language = "en",
) -> CauseGroup:
    """Return how a cause is shown; `items` are its first ones, `job_ids` their jobs."""
    text = sentence(language, "{count} of {total}: {cause}")
    first = state.letters[found.first[0] : found.first[0] + 1]
    return CauseGroup(
        cause=found.code,
        outcome="warning" if first == b"o" else "failed",
        count=found.count,
        text=text.format(count=found.count, total=state.batch.total, cause=found.code),
        examples=tuple(
            Example(
                index=index,
                name=item.name,
                ref=item.ref,
                endpoint=item.endpoint,
                job_id=job_id,
            )
            for index, item, job_id in zip(found.first, items, job_ids, strict=True)
        ),
    )


def shared_fact(text: str, count: int, language: Language = "en") -> SharedFact:
    """Return how a fact is shown that `count` failed items have in common."""
    fact, _, value = text.partition("=")
    template = sentence(language, "{count} with {fact} {value}")
    shown = template.format(count=count, fact=fact, value=value)
    return SharedFact(fact=fact, value=value, count=count, text=shown)


def result(index: int, letter: str, item: BatchItem, job_id: str, job: Job | None) -> BatchResult:
    """Return what is shown of one item; `job` is None before it was begun and after it expired."""
    shown = BatchResult(
        index=index,
        name=item.name,
        ref=item.ref,
        product_type=item.product_type,
        endpoint=item.endpoint,
        status="queued" if job and job.status == "queued" else STANDINGS[letter],
    )
    if job is None:
        return shown
    told = telling_item(job)
    outcome: dict[str, object] = {
        "job_id": job_id,
        "status_url": status_url(job_id),
        "queue_ms": job.queue_ms,
        "finished_at": job.finished_at,
        "took_ms": sum(one.took_ms for one in job.items) if job.items else None,
        "recommendation": job.recommendation,
    }
    if letter in "pof":
        outcome["outcome"] = {"p": "passed", "o": "warning", "f": "failed"}[letter]
    if told:
        outcome |= {
            "step": told.name,
            "cause": told.cause,
            "owner": told.owner,
            "field": told.field,
            "error_msg": told.error_msg,
        }
    return shown.model_copy(update=outcome)
