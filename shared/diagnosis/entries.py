"""What a job's stream holds: everything that happened to the job, in order."""

from string import Formatter
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from shared.diagnosis.causes import Owner, Severity
from shared.diagnosis.outcomes import Fact, Facts, Finding
from shared.queued_job import INTERACTIVE, QueueName
from shared.steps import StepName

Outcome = Literal["passed", "warning", "failed"]
ClosedStatus = Literal["finished", "cancelled", "expired", "lost"]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime


class Queued(_Entry):
    """The job was accepted; nothing of its credentials is said here."""

    kind: Literal["queued"] = "queued"
    caller: str
    """The tenant that it belongs to."""
    token_name: str = ""
    client: str = ""
    """The address that it was asked for from."""
    product_type: str
    endpoint: str
    target: str = ""
    """Jobs of the same target take turns; empty for one that takes none."""
    queue: QueueName = INTERACTIVE
    sealed_as: str = ""
    """The job whose sealed request this one repeats; empty for one with a request of its own."""
    steps: tuple[StepName, ...]


class Started(_Entry):
    """A worker took the job."""

    kind: Literal["started"] = "started"
    worker: str


class StepStarted(_Entry):
    """A step began."""

    kind: Literal["step_started"] = "step_started"
    step: StepName


class FoundCause(BaseModel):
    """A finding as it was put into words when it was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    owner: Owner
    severity: Severity
    field: str | None
    summary: str
    remedies: tuple[str, ...]
    facts: dict[str, Fact]
    known: dict[str, Fact] = Field(default_factory=dict)
    """Facts of the whole job that the texts name, for saying it in another language."""

    @classmethod
    def of(cls, finding: Finding, known: Facts) -> "FoundCause":
        """Return `finding` in words; `known` are the facts of the whole job."""
        cause = finding.cause
        named = _named(cause.summary, *cause.remedies)
        return cls(
            code=cause.code,
            owner=cause.owner,
            severity=cause.severity,
            field=cause.field,
            summary=finding.summary(known),
            remedies=finding.remedies(known),
            facts=dict(finding.facts),
            known={name: fact for name, fact in known.items() if name in named},
        )


def _named(*templates: str) -> set[str]:
    parsed = (part for template in templates for part in Formatter().parse(template))
    return {name for _, name, _, _ in parsed if name}


class StepEnded(_Entry):
    """A step ended; `took_ms` is the step's own time, without queue and without bookkeeping."""

    kind: Literal["step_ended"] = "step_ended"
    step: StepName
    outcome: Outcome
    took_ms: float
    causes: tuple[FoundCause, ...] = ()
    """The primary cause first, then what contributes to it."""
    command: str = ""
    """A shell command that shows the same from the platform's side of the network, if any."""
    facts: dict[str, Fact] = Field(default_factory=dict)


class Requeued(_Entry):
    """The worker that had the job died before it could sign in; another one may begin anew."""

    kind: Literal["requeued"] = "requeued"
    waits_s: float = 15.0
    """How long the job may wait for another worker."""


class Closed(_Entry):
    """The job is over; nothing that comes after this counts."""

    kind: Literal["closed"] = "closed"
    status: ClosedStatus


Entry = Queued | Started | StepStarted | StepEnded | Requeued | Closed

_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


def entry_from_json(text: str | bytes) -> Entry:
    """Return the entry that `model_dump_json` wrote."""
    return _ENTRY.validate_json(text)
