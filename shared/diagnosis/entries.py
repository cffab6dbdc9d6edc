"""The entries of a job's stream: everything that happened to the job, in order."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from shared.diagnosis.causes import Owner, Severity
from shared.diagnosis.outcomes import SAYS, Fact, Facts, Finding, named_in
from shared.queue.queued_job import INTERACTIVE, QueuedJob, QueueName
from shared.site_name import DEFAULT_SITE
from shared.steps import StepName

Outcome = Literal["passed", "warning", "failed"]
ClosedStatus = Literal["finished", "cancelled", "expired", "lost"]
WaitedFor = Literal["worker", "share"]

LARGEST_ENTRY, MOST_COMMAS = 131_072, 4096
"""In bytes, and what bounds the number of its parts; a larger entry is not read."""
MOST_CAUSES, MOST_FACTS = 32, 256
"""Of an entry, and of each cause; where there are more, none is read."""
_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

Moment = Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]
"""When something happened, by a worker's clock: one that can be calculated with."""
ToldFacts = Annotated[dict[str, Fact], Field(max_length=MOST_FACTS)]
TookMs = Annotated[float, Field(ge=0, le=1e9)]
ToldStep = Annotated[str, Field(pattern="^[a-z0-9_]{1,64}$")]
"""A StepName; a newer worker has further ones."""


def _is_empty(value: object) -> bool:
    """Return whether a field is left out: Redis keeps every entry of every job for days."""
    return not value


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    at: Moment


class Queued(_Entry):
    """The job was accepted; its credentials are not part of the entry."""

    model_config = ConfigDict(validate_by_name=True, serialize_by_alias=True)

    kind: Literal["queued"] = "queued"
    tenant: str = Field(alias="caller")  # as Redis knows it
    """Who the job belongs to."""
    share_of: str = Field(default="", exclude_if=_is_empty)
    """The tenant whose share of the workers it takes a part of; empty if it takes none."""
    token_name: str = Field(default="", exclude_if=_is_empty)
    client: str = Field(default="", exclude_if=_is_empty)
    """The address that the request came from."""
    product_type: str
    endpoint: str
    target: str = Field(default="", exclude_if=_is_empty)
    """Jobs of the same target take turns; empty if the job takes no turns."""
    queue: QueueName = INTERACTIVE
    sealed_as: str = Field(default="", exclude_if=_is_empty)
    """The job whose sealed request this one repeats; empty if it has its own request."""
    repeated_by: str = Field(default="", exclude_if=_is_empty)
    """The Allowance of the token that repeats the request, as JSON; the worker requires both."""
    steps: tuple[StepName, ...] = ()
    site: str = Field(default=DEFAULT_SITE, exclude_if=lambda site: site == DEFAULT_SITE)
    """Where it is run; an API of the version before knows none but the default one."""
    verifies: bool = Field(default=True, exclude_if=lambda verifies: verifies is True)
    """Whether the certificate must be valid (options.tls.verify), which commands follow."""

    def in_queue(self, job_id: str) -> QueuedJob:
        """Return the job as the queue knows it."""
        return QueuedJob(job_id, self.target, self.queue, self.share_of, self.site)


class Started(_Entry):
    """A worker took the job."""

    kind: Literal["started"] = "started"
    worker: str


class StepStarted(_Entry):
    """A step began."""

    kind: Literal["step_started"] = "step_started"
    step: ToldStep


class FoundCause(BaseModel):
    """A finding, with its texts in words.

    A worker writes its own texts for an API of the version before, and this one makes them again of
    `code`, `facts` and `known` (shared/reporting/wording.py): nothing else of it is shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    owner: Owner = "us"
    severity: Severity = "failed"
    field: str | None = None
    summary: str = ""
    remedies: tuple[str, ...] = ()
    facts: ToldFacts = Field(default_factory=dict)
    known: ToldFacts = Field(default_factory=dict, exclude_if=_is_empty)
    """Facts of the whole job that the texts use, for other languages."""

    @classmethod
    def of(cls, finding: Finding, known: Facts) -> "FoundCause":
        """Return `finding` with its texts; `known` are the facts of the whole job."""
        cause = finding.cause
        named = named_in(cause.summary, *cause.remedies, SAYS)
        return cls.model_construct(  # what it is made of is checked already
            code=cause.code,
            owner=cause.owner,
            severity=cause.severity,
            field=cause.field,
            summary=finding.summary(known),
            remedies=finding.remedies(known),
            facts=dict(finding.facts),
            known={name: fact for name, fact in known.items() if name in named},
        )


ToldCauses = Annotated[tuple[FoundCause, ...], Field(max_length=MOST_CAUSES)]


class StepEnded(_Entry):
    """A step ended; `took_ms` is the step's own time, without queue time and bookkeeping."""

    kind: Literal["step_ended"] = "step_ended"
    step: ToldStep
    outcome: Outcome
    took_ms: TookMs
    causes: ToldCauses = Field(default=(), exclude_if=_is_empty)
    """The primary cause first, then the contributing ones."""
    command: str = Field(default="", exclude_if=_is_empty)
    """A shell command that shows the same result, if there is one."""
    facts: ToldFacts = Field(default_factory=dict, exclude_if=_is_empty)

    @property
    def finds_something(self) -> bool:
        """Whether the step failed, or has a warning."""
        return self.outcome != "passed" or bool(self.causes)


class StepNoted(_Entry):
    """More became known about a step that has ended, which neither fails nor passes by it.

    An API of the version before passes over the kind.
    """

    kind: Literal["step_noted"] = "step_noted"
    step: ToldStep
    causes: ToldCauses = Field(default=(), exclude_if=_is_empty)
    """Warnings, which replace those of the same code that the step ended with."""
    facts: ToldFacts = Field(default_factory=dict, exclude_if=_is_empty)

    @property
    def finds_something(self) -> bool:
        """Whether the step has another warning by it."""
        return bool(self.causes)


class Requeued(_Entry):
    """The job's worker died before it could sign in; another worker may start the job again."""

    kind: Literal["requeued"] = "requeued"
    waits_s: float = 15.0
    """How long the job may wait for another worker; older entries may leave it out."""


class Closed(_Entry):
    """The job is over; later entries are ignored."""

    kind: Literal["closed"] = "closed"
    status: ClosedStatus
    # Left out, since an API of the version before would not understand it, and workers come first.
    waited_for: WaitedFor = Field(default="worker", exclude_if=lambda what: what == "worker")
    """What an expired job waited for: a worker, or the other tests of its tenant."""
    all_passed: bool = Field(default=False, exclude_if=_is_empty)
    """Whether each step passed without a warning; where it is False, the other entries tell."""
    took_ms: TookMs | None = Field(default=None, exclude_if=lambda took_ms: took_ms is None)
    """The time of all steps, where each passed: a batch need not read the others for it."""


class Unread(_Entry):
    """An entry that this version can't read; another version has written it."""

    kind: str = ""

    @property
    def hides_something(self) -> bool:
        """Whether the story has a gap here; a kind of a newer version only adds to it."""
        return not self.kind or self.kind in _KINDS


_Readable = Queued | Started | StepStarted | StepEnded | StepNoted | Requeued | Closed
Entry = _Readable | Unread

_KINDS = {kind.model_fields["kind"].default for kind in get_args(_Readable)}
_READABLE: TypeAdapter[_Readable] = TypeAdapter(Annotated[_Readable, Field(discriminator="kind")])


def begins_sign_in(entry: Entry) -> bool:
    """Return whether the key pair may be sent after `entry`, which is done once per job."""
    if isinstance(entry, Unread):
        return entry.hides_something
    return isinstance(entry, StepStarted) and entry.step == "authenticate"


def entry_from_json(text: str | bytes) -> Entry:
    """Return the entry that `model_dump_json` wrote, in this version or in another.

    What this version doesn't know is left out; an entry that can't be read without it is Unread,
    and so is one that is too large to be looked at.
    """
    text = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(text) > LARGEST_ENTRY or text.count(b",") > MOST_COMMAS:
        return Unread(at=datetime.now(UTC))
    try:
        return _READABLE.validate_json(text, extra="ignore")
    except ValidationError as error:
        # An error's place is the kind, then the field.
        found = error.errors(include_url=False, include_context=False, include_input=False)
        unknown = {place for one in found for place in one["loc"][1:2]}
    content = _object_in(text)
    known = {name: value for name, value in content.items() if name not in unknown}
    try:
        return _READABLE.validate_python(known, extra="ignore")
    except ValidationError:
        return _unread(content)


def _object_in(text: bytes) -> Mapping[str, Any]:
    try:
        content = from_json(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _unread(content: Mapping[str, Any]) -> Unread:
    now = datetime.now(UTC)
    try:
        return Unread.model_validate({"at": now, **content}, extra="ignore")
    except ValidationError:
        return Unread(at=now)
