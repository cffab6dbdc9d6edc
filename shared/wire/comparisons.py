"""The models of the calls that compare sites."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, field_validator

from shared.comparison.causes import ALL_FAIL_ALIKE, NOT_COMPARABLE
from shared.comparison.difference import Difference, Side
from shared.comparison.record import SignIn
from shared.diagnosis.catalogue import catalogue, doc_url
from shared.diagnosis.causes import Owner
from shared.diagnosis.entries import FoundCause, Outcome
from shared.diagnosis.outcomes import Fact, Facts, Finding
from shared.diagnosis.report import JobStatus, StepOutcome, WireModel
from shared.diagnosis.translations import Language, told_in
from shared.platform.product import invalid
from shared.request import JobRequest
from shared.request.options import Options
from shared.steps import StepName
from shared.wire.jobs import JOBS_PATH

COMPARISONS_PATH: Final = JOBS_PATH.removesuffix("jobs") + "comparisons"
MOST_SITES: Final = 50
EVERY_SITE: Final = "*"
ComparisonStatus = Literal["running", "finished", "cancelled"]
SiteStatus = JobStatus | Literal["waiting", "not_tested"]
_SiteOrEvery = Annotated[str, StringConstraints(pattern=r"^(?:\*|[a-z0-9-]{1,32})$")]


def _each_once(sites: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(sites)) < len(sites):
        raise invalid("must name each site once")
    if not sites or (EVERY_SITE in sites and len(sites) > 1):
        raise invalid('must be a list of names of sites, or of "*" alone')
    return sites


class ComparisonRequest(JobRequest):
    """A test that is made from several sites, to compare what they see."""

    sites: Annotated[
        tuple[_SiteOrEvery, ...],
        # No min_length: pydantic's error for it is that of an empty credential.
        Field(max_length=MOST_SITES, json_schema_extra={"minItems": 1}),
        AfterValidator(_each_once),
    ] = Field(
        description=(
            "The sites to test from, the most trusted one first; `*` is every site that the token "
            "may use."
        ),
        examples=[["default", "fra1"]],
    )
    sign_in: SignIn = Field(
        default="first",
        description=(
            "`first`: only the first of the sites that has a worker presents the key pair; the "
            "tests from the others end after product_identify. `all`: each site presents it, one "
            "after the other, up to the first one from where the sign-in fails."
        ),
    )

    @field_validator("options")
    @classmethod
    def _refuse_what_belongs_to_one_site(cls, options: Options) -> Options:
        if options.mock:
            raise invalid("can't be compared", field="options.mock")
        if options.site:
            raise invalid("is for a single test; name sites in sites", field="options.site")
        return options

    @property
    def test(self) -> JobRequest:
        """The test that each site makes, as the documented call describes it."""
        fields = {name: getattr(self, name) for name in JobRequest.model_fields}
        return JobRequest.model_construct(self.model_fields_set & fields.keys(), **fields)


class ComparedSite(WireModel):
    """The test from one site: a column of the comparison."""

    site: str = Field(examples=["fra1"])
    job_id: str | None = Field(description="null where the site was not asked, or not yet.")
    status_url: str | None
    status: SiteStatus = Field(
        description=(
            "The status of the job; `waiting` for the sign-in from another site to end; "
            "`not_tested`, for the given reason."
        )
    )
    outcome: Outcome | None = Field(description="null until the job is finished.")
    signs_in: bool = Field(description="Whether the key pair is presented from this site.")
    reason: str = Field(default="", description="Why the site was not tested.")


class ComparedResult(WireModel):
    """The result of one step from one site: a cell of the comparison."""

    site: str
    outcome: StepOutcome | Literal["not_part"] | None = Field(
        description="`not_part`: this site's test ends before the step; null: not known yet."
    )
    cause: str | None = Field(default=None, examples=["tcp.no_answer"])
    doc_url: str | None = Field(default=None, description="Where this service explains the cause.")
    summary: str = ""
    took_ms: float | None = None
    differs: bool = Field(
        default=False, description="Whether it is one of the results that make the sites differ."
    )


class ComparedStep(WireModel):
    """A step from all sites, in their order: a row of the comparison."""

    name: StepName
    differs: bool
    results: tuple[ComparedResult, ...]


class DifferenceSide(WireModel):
    """Sites that have seen the same."""

    sites: tuple[str, ...]
    evidence: dict[str, Fact]

    @classmethod
    def of(cls, side: Side) -> "DifferenceSide":
        """Return the side in the form that is shown."""
        return cls(sites=side.sites, evidence=dict(side.evidence))


class ShownDifference(WireModel):
    """What the comparison has found."""

    code: str = Field(examples=["sites.certificates_differ"])
    doc_url: str | None = Field(description="Where this service explains the code.")
    owner: Owner
    step: StepName | None = Field(description="Where it shows; null: in no particular step.")
    summary: str
    remedies: tuple[str, ...]
    sides: tuple[DifferenceSide, ...] = Field(
        description="The sites that differ, with what they have seen."
    )

    @classmethod
    def of(cls, difference: Difference, known: Facts, language: Language) -> "ShownDifference":
        """Return the difference with its texts in `language`; `known` are the host and the port."""
        found = told_in(language, FoundCause.of(difference.finding, known))
        return cls(
            code=found.code,
            doc_url=doc_url(found.code),
            owner=_owner_of(difference.finding),
            step=difference.step,
            summary=found.summary,
            remedies=found.remedies,
            sides=tuple(map(DifferenceSide.of, difference.sides)),
        )


def _owner_of(finding: Finding) -> Owner:
    """Return who can fix it: of what only repeats the cause of a test, the owner of that cause."""
    repeated = str(finding.facts.get("cause", ""))
    if finding.cause in (ALL_FAIL_ALIKE, NOT_COMPARABLE) and repeated in catalogue():
        return catalogue()[repeated].owner
    return finding.cause.owner


class ComparisonAccepted(WireModel):
    """A comparison that was accepted."""

    comparison_id: str
    status: Literal["running"] = "running"
    status_url: str
    jobs: Mapping[str, str] = Field(
        description="The id of each site's job, also of those that begin later."
    )


class ComparisonView(WireModel):
    """What several sites have seen of a platform, and how that differs."""

    comparison_id: str
    status: ComparisonStatus
    sign_in: SignIn
    product_type: str
    endpoint: str
    sites: tuple[ComparedSite, ...]
    steps: tuple[ComparedStep, ...]
    differences: tuple[ShownDifference, ...] = Field(
        description=(
            "How the outcomes differ, then what may be the reason; empty until all tests are over, "
            "and where fewer than two sites have a verdict."
        )
    )
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    expires_at: AwareDatetime = Field(description="When the comparison is deleted.")


def comparison_url(comparison_id: str) -> str:
    """Return the URL of a comparison."""
    return f"{COMPARISONS_PATH}/{comparison_id}"
