"""Fold a job's entries into the report that every interface of the service shows."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.diagnosis.catalogue import doc_url
from shared.diagnosis.causes import Cause, Owner, Severity
from shared.diagnosis.durations import rounded_ms
from shared.diagnosis.entries import (
    Closed,
    ClosedStatus,
    Entry,
    FoundCause,
    Outcome,
    Queued,
    Requeued,
    Started,
    StepEnded,
    StepNoted,
    StepStarted,
    Unread,
)
from shared.diagnosis.findings import faults_beside, mistyped
from shared.diagnosis.outcomes import Fact, Finding
from shared.diagnosis.sentences import Sentence
from shared.diagnosis.translations import Language, sentence, told_in
from shared.site_name import DEFAULT_SITE
from shared.steps import StepName
from shared.text import title_of

JobStatus = Literal["queued", "running"] | ClosedStatus
StepOutcome = Outcome | Literal["skipped"]
StatusT = TypeVar("StatusT", bound=str)

EntryT = TypeVar("EntryT", Queued, Started, StepStarted, Closed)

WORKER_LOST = Cause(
    code="self.worker_lost",
    owner="us",
    summary="The worker died during {step}; the outcome of this step is unknown",
    remedies=("Start the test again; the sign-in may already have reached the platform once.",),
)

_LOUD = ("tls.identity_unchecked", "policy.just_rejected")
"""What a reader of the documented answer must not miss, because nothing else in it shows that
another host may have given the verdict and received the key pair's signature, or that the verdict
is of an earlier test."""

_WITHOUT_VERDICT: dict[JobStatus, str] = {
    "cancelled": "The test was cancelled; start it again if you need its result.",
    "expired": "The test waited too long for a worker; start it again, or add workers.",
    "lost": WORKER_LOST.remedies[0],
}
SHARE_USED = (
    "The test waited too long: other tests of its tenant used the tenant's share of the workers; "
    "start it again when they are over."
)


_ALSO = "; also: "
_STEP_FAILED = "{step} failed"
_NOT_MADE: dict[JobStatus, str] = {
    "finished": "The worker does not have this step",
    "cancelled": "The test was cancelled",
    "expired": "The test waited too long",
    "lost": "The outcome of the test is unknown",
}
"""Why steps of a closed job were not made, if no step of a finished one failed."""


class WireModel(BaseModel):
    """Camel-case names outside, snake-case inside."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        field_title_generator=title_of,
        validate_by_name=True,
        frozen=True,
    )


class _StepResult(WireModel, Generic[StatusT]):
    name: str = Field(
        description="Name of the test step (e.g. dns_lookup, tcp_connect)", examples=["tcp_connect"]
    )
    status: StatusT = Field(
        description="Step result status (success, failure)", examples=["success"]
    )
    latency_ms: str = Field(
        description="Latency in milliseconds for this step", examples=["45"], pattern="^[0-9]+$"
    )
    error_msg: str = Field(
        description="Error message if this step failed", examples=["connection refused"]
    )


class Item(_StepResult[Literal["success", "failure"]]):
    """One step's result, as documented."""


class Answer(WireModel):
    """The answer of the documented call."""

    success: bool = Field(description="Whether the overall connection test passed", examples=[True])
    items: tuple[Item, ...] = Field(description="Ordered list of step-by-step test results")
    recommendation: str = Field(
        description="Actionable recommendation to resolve any failures",
        examples=["Check firewall rules for port 8080"],
    )


class Contribution(WireModel):
    """A finding in addition to the cause of a step's failure."""

    cause: str
    owner: Owner
    severity: Severity
    field: str | None
    summary: str
    evidence: dict[str, Fact]
    remedies: tuple[str, ...]
    doc_url: str | None = Field(default=None, description="Where this service explains the cause.")

    @classmethod
    def of(cls, found: FoundCause) -> "Contribution":
        """Return the finding in the form that is shown."""
        return cls(
            cause=found.code,
            owner=found.owner,
            severity=found.severity,
            field=found.field,
            summary=found.summary,
            evidence=found.facts,
            remedies=found.remedies,
            doc_url=doc_url(found.code),
        )


class DetailedItem(_StepResult[Literal["success", "failure", "skipped"]]):
    """One step's result, with its evidence and the remedies."""

    status: Literal["success", "failure", "skipped"] = Field(
        description="Step result status (success, failure, skipped)", examples=["success"]
    )
    outcome: StepOutcome = Field(
        description="A closed job's last items are the steps that were not made: `skipped`."
    )
    cause: str | None = None
    doc_url: str | None = Field(
        default=None,
        description=(
            "Where this service explains the cause, in English and Chinese; needs no token."
        ),
        examples=["/docs/causes/tls.expired"],
    )
    owner: Owner | None = None
    field: str | None = None
    summary: str = Field(
        default="",
        description="What was found, also for warnings; for a skipped step why it was not made.",
    )
    evidence: dict[str, Fact] = Field(default_factory=dict)
    remedies: tuple[str, ...] = ()
    contributing: tuple[Contribution, ...] = ()
    command: str = Field(
        default="",
        description=("A shell command that shows the same result; it contains no secret."),
    )
    started_at: AwareDatetime = Field(
        description="When the step began; for a skipped step when the job ended."
    )
    took_ms: float
    found: tuple[FoundCause, ...] = Field(default=(), exclude=True)
    not_made: Sentence | None = Field(default=None, exclude=True)

    def in_language(self, language: Language) -> "DetailedItem":
        """Return the same item with its texts in `language`."""
        if self.not_made:
            return self.model_copy(update={"summary": self.not_made.in_language(language)})
        found = tuple(told_in(language, one) for one in self.found)
        return self.model_copy(update=_said(found, language, failed=self.outcome == "failed"))


class Job(WireModel):
    """The complete report of a job."""

    status: JobStatus
    success: bool | None
    items: tuple[DetailedItem, ...]
    steps_to_come: tuple[StepName, ...]
    recommendation: str
    product_type: str
    endpoint: str
    site: str = Field(default=DEFAULT_SITE, description="The site that tests, or has tested.")
    tenant: str = Field(exclude=True)
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
        """Whether the job is over and can no longer change."""
        return self.status not in ("queued", "running")

    @property
    def has_verdict(self) -> bool:
        """Whether the items say how the platform is, or why that is unknown."""
        return self.status == "finished" or (self.status == "lost" and bool(self.made))

    @property
    def took_ms(self) -> float | None:
        """The time of all steps so far; None before the first one has ended."""
        return rounded_ms(sum(item.took_ms for item in self.made)) if self.made else None

    def in_language(self, language: Language) -> Self:
        """Return the same job with its texts in `language`."""
        items = tuple(item.in_language(language) for item in self.items)
        advice = _recommendation(items)
        if self.status in _WITHOUT_VERDICT:
            advice = sentence(language, self.recommendation)
        return self.model_copy(update={"items": items, "recommendation": advice})

    def answer(self) -> Answer:
        """Return the documented answer, with only the documented fields."""
        items = tuple(Item.model_validate(item, from_attributes=True) for item in self.made)
        return Answer(success=bool(self.success), items=items, recommendation=self.recommendation)


def fold(entries: Iterable[Entry]) -> Job | None:
    """Return the job that `entries`, oldest first, describe; None if they describe none.

    Entries after the first Closed one are ignored. A Requeued entry puts the job back into the
    queue, and a Started entry starts it again: results of a run that was given up never mix with
    those of another.
    """
    story = list(_until_closed(entries))
    queued, closed = _last(Queued, story), _last(Closed, story)
    if queued is None:
        return None
    run = _last_run(story)
    if closed and closed.status == "lost":
        run = [*run, *_broken_off(run, closed)]
    if closed and any(isinstance(entry, Unread) and entry.hides_something for entry in run):
        # What could not be read may have been the failure.
        closed = closed.model_copy(update={"status": "lost"})
    started = _last(Started, run)
    begun = {entry.step: entry for entry in run if isinstance(entry, StepStarted)}
    notes = [entry for entry in run if isinstance(entry, StepNoted)]
    ended = [_noted(entry, notes) for entry in run if isinstance(entry, StepEnded)]
    return _job(queued, started, closed, tuple(_item(begun.get(e.step), e) for e in ended))


def _until_closed(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        yield entry
        if isinstance(entry, Closed):
            return


def _noted(ended: StepEnded, notes: Sequence[StepNoted]) -> StepEnded:
    """Return the end of a step with what became known later, which makes no step fail."""
    for note in (note for note in notes if note.step == ended.step):
        codes = {cause.code for cause in note.causes}
        kept = tuple(
            cause for cause in ended.causes if cause.severity == "failed" or cause.code not in codes
        )
        outcome = "warning" if note.causes and ended.outcome == "passed" else ended.outcome
        facts = {**ended.facts, **note.facts}
        causes = (*kept, *note.causes)
        ended = ended.model_copy(update={"outcome": outcome, "causes": causes, "facts": facts})
    return ended


def _broken_off(run: Sequence[Entry], closed: Closed) -> Iterator[StepEnded]:
    """Yield the end of the step at which the worker died, because the worker could not write it."""
    begun = _last(StepStarted, run)
    is_open = begun and not any(isinstance(e, StepEnded) and e.step == begun.step for e in run)
    if begun and is_open:
        # The worker's and the API's clocks may differ.
        took_ms = rounded_ms(max(0.0, (closed.at - begun.at).total_seconds() * 1000))
        cause = FoundCause.of(Finding(WORKER_LOST), {"step": begun.step})
        yield StepEnded(
            at=closed.at, step=begun.step, outcome="failed", took_ms=took_ms, causes=(cause,)
        )


def _last_run(story: Sequence[Entry]) -> Sequence[Entry]:
    """Return the entries since the last worker took the job; none if it waits for a worker."""
    is_lost = isinstance(story[-1], Closed) and story[-1].status == "lost"
    for n, entry in reversed(list(enumerate(story))):
        if isinstance(entry, Requeued) and not is_lost:
            return story[n + 1 :]
        if isinstance(entry, Started):
            return story[n:]
    return []


def _last(kind: type[EntryT], story: Sequence[Entry]) -> EntryT | None:
    return next((entry for entry in reversed(story) if isinstance(entry, kind)), None)


def _job(
    queued: Queued, started: Started | None, closed: Closed | None, items: tuple[DetailedItem, ...]
) -> Job:
    status: JobStatus = closed.status if closed else "running" if started else "queued"
    passed = bool(items) and all(item.status == "success" for item in items)
    done = {item.name for item in items}
    started_at = _no_earlier(queued.at, started)
    return Job(
        status=status,
        success=(passed and status == "finished") if closed else None,
        items=(*items, *_skipped(queued, closed, items)) if closed else items,
        steps_to_come=() if closed else tuple(s for s in queued.steps if s not in done),
        recommendation=_without_verdict(closed) or _recommendation(items),
        product_type=queued.product_type,
        endpoint=queued.endpoint,
        site=queued.site,
        tenant=queued.tenant,
        queue_ms=_queue_ms(queued.at, started_at) if started_at else None,
        created_at=queued.at,
        started_at=started_at,
        finished_at=_no_earlier(started_at or queued.at, closed),
    )


def _no_earlier(before: datetime, entry: Started | Closed | None) -> datetime | None:
    """Return when the entry was written, which followed `before` by another machine's clock."""
    return max(before, entry.at) if entry else None


def _skipped(
    queued: Queued, closed: Closed, items: Sequence[DetailedItem]
) -> Iterator[DetailedItem]:
    """Yield the steps that the closed job did not make, with the reason."""
    done = {item.name for item in items}
    failed = next((item.name for item in items if item.outcome == "failed"), None)
    if failed and closed.status == "finished":
        why = Sentence(_STEP_FAILED, {"step": failed})
    else:
        why = Sentence(_NOT_MADE[closed.status])
    for step in queued.steps:
        if step not in done:
            yield DetailedItem(
                name=step,
                status="skipped",
                latency_ms="0",
                error_msg="",
                outcome="skipped",
                summary=str(why),
                started_at=closed.at,
                took_ms=0.0,
                not_made=why,
            )


def _without_verdict(closed: Closed | None) -> str:
    if closed and closed.waited_for == "share":
        return SHARE_USED
    return _WITHOUT_VERDICT.get(closed.status, "") if closed else ""


def _queue_ms(queued_at: datetime, started_at: datetime) -> float:
    return rounded_ms((started_at - queued_at).total_seconds() * 1000)


def _item(begun: StepStarted | None, ended: StepEnded) -> DetailedItem:
    cause: FoundCause | None = ended.causes[0] if ended.causes else None
    failed = ended.outcome == "failed"
    item = DetailedItem(
        name=ended.step,
        status="failure" if failed else "success",
        latency_ms=str(round(ended.took_ms)),
        error_msg="",
        outcome=ended.outcome,
        cause=cause.code if cause else None,
        doc_url=doc_url(cause.code) if cause else None,
        owner=cause.owner if cause else None,
        field=cause.field if cause else None,
        evidence={**ended.facts, **(cause.facts if cause else {})},
        command=ended.command,
        started_at=begun.at if begun else ended.at - timedelta(milliseconds=ended.took_ms),
        took_ms=ended.took_ms,
        found=ended.causes,
    )
    return item.model_copy(update=_said(ended.causes, "en", failed=failed)) if cause else item


def _said(found: Sequence[FoundCause], language: Language, *, failed: bool) -> dict[str, Any]:
    """Return the texts of an item: those of its cause, and of the contributing findings.

    What was found in the key pair as it was typed is more likely than what the platform suspects,
    so its remedies come first.
    """
    if not found:
        return {}
    cause, typed = found[0], mistyped(found)
    remedies = [remedy for one in (*typed, cause) for remedy in one.remedies]
    return {
        "summary": cause.summary,
        "error_msg": _all_of(cause, [*typed, *faults_beside(found)], language) if failed else "",
        "remedies": tuple(dict.fromkeys(remedies)),
        "contributing": tuple(Contribution.of(one) for one in found[1:]),
    }


def _all_of(cause: FoundCause, others: Sequence[FoundCause], language: Language) -> str:
    """Return the summary of `cause`, and in one clause those of the others."""
    also = sentence(language, "; ").join(dict.fromkeys(one.summary for one in others))
    return cause.summary + (sentence(language, _ALSO) + also if also else "")


def _recommendation(items: Iterable[DetailedItem]) -> str:
    """Return the first remedy of the failure, else of the first warning, else nothing.

    Warnings that must not be missed are added to it.
    """
    shown = [*items]
    told = sorted((item for item in shown if item.remedies), key=lambda i: i.outcome != "failed")
    loud = [f"{item.summary}." for item in shown if item.cause in _LOUD]
    beside = [one for item in shown for one in item.contributing]
    loud += [f"{one.summary}." for one in beside if one.cause in _LOUD]
    return " ".join([*(item.remedies[0] for item in told[:1]), *loud])
