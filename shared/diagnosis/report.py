"""The report of a job, which every interface of the service shows."""

from collections.abc import Iterable, Sequence
from typing import Any, Generic, Literal, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from shared.diagnosis.catalogue import doc_url
from shared.diagnosis.causes import Cause, Owner, Severity
from shared.diagnosis.durations import rounded_ms
from shared.diagnosis.entries import Closed, ClosedStatus, FoundCause, Outcome
from shared.diagnosis.findings import faults_beside, mistyped
from shared.diagnosis.outcomes import Fact
from shared.diagnosis.sentences import Sentence
from shared.diagnosis.translations import Language, sentence, told_in
from shared.site_name import DEFAULT_SITE
from shared.steps import StepName
from shared.text import title_of

JobStatus = Literal["queued", "running"] | ClosedStatus
StepOutcome = Outcome | Literal["skipped"]
StatusT = TypeVar("StatusT", bound=str)

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
        return self.model_copy(update=texts_of(found, language, failed=self.outcome == "failed"))


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
        advice = recommendation_of(items)
        if self.status in _WITHOUT_VERDICT:
            advice = sentence(language, self.recommendation)
        return self.model_copy(update={"items": items, "recommendation": advice})

    def answer(self) -> Answer:
        """Return the documented answer, with only the documented fields."""
        items = tuple(Item.model_validate(item, from_attributes=True) for item in self.made)
        return Answer(success=bool(self.success), items=items, recommendation=self.recommendation)


def without_verdict(closed: Closed | None) -> str:
    """Return what to do about a closed job without a verdict; nothing if it has one."""
    if closed and closed.waited_for == "share":
        return SHARE_USED
    return _WITHOUT_VERDICT.get(closed.status, "") if closed else ""


def texts_of(found: Sequence[FoundCause], language: Language, *, failed: bool) -> dict[str, Any]:
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


def recommendation_of(items: Iterable[DetailedItem]) -> str:
    """Return the first remedy of the failure, else of the first warning, else nothing.

    Warnings that must not be missed are added to it.
    """
    shown = [*items]
    told = sorted((item for item in shown if item.remedies), key=lambda i: i.outcome != "failed")
    loud = [f"{item.summary}." for item in shown if item.cause in _LOUD]
    beside = [one for item in shown for one in item.contributing]
    loud += [f"{one.summary}." for one in beside if one.cause in _LOUD]
    return " ".join([*(item.remedies[0] for item in told[:1]), *loud])
