"""What the service tells of a comparison of sites."""

from typing import Literal

from pydantic import AwareDatetime

from conncheck_client.models.jobs import Fact, JobStatus, Outcome, Owner, StepName, StepOutcome
from conncheck_client.models.platforms import Platform
from conncheck_client.models.wire import AnswerModel

SignIn = Literal["first", "all"]


class ComparisonRequest(Platform):
    """A test that is made from several sites, to compare what they see."""

    sites: tuple[str, ...]
    """The sites to test from, or ("*",) for every one that the token may use."""
    sign_in: SignIn = "first"
    """Which sites present the key pair: the first one that has a worker, or one after the other up
    to the first from where the sign-in fails."""


class ComparedSite(AnswerModel):
    """The test from one site: a column of the comparison."""

    site: str
    job_id: str | None
    """None where the site was not asked, or not yet."""
    status_url: str | None
    status: JobStatus | Literal["waiting", "not_tested"] | str
    """The status of the job; waiting for the sign-in from another site to end; or not_tested."""
    outcome: Outcome | None
    """None until the job is finished."""
    signs_in: bool
    reason: str = ""
    """Why the site was not tested."""


class ComparedResult(AnswerModel):
    """The result of one step from one site: a cell of the comparison."""

    site: str
    outcome: StepOutcome | Literal["not_part"] | None
    """not_part: this site's test ends before the step; None: not known yet."""
    cause: str | None = None
    doc_url: str | None = None
    summary: str = ""
    took_ms: float | None = None
    differs: bool = False
    """Whether it is one of the results that make the sites differ."""


class ComparedStep(AnswerModel):
    """A step from all sites, in their order: a row of the comparison."""

    name: StepName
    differs: bool
    results: tuple[ComparedResult, ...]


class DifferenceSide(AnswerModel):
    """Sites that have seen the same."""

    sites: tuple[str, ...]
    evidence: dict[str, Fact]


class Difference(AnswerModel):
    """What a comparison has found."""

    code: str
    """Such as sites.certificates_differ; /docs/causes of the service explains it."""
    doc_url: str | None
    owner: Owner
    step: StepName | None
    """Where it shows; None: in no particular step."""
    summary: str
    remedies: tuple[str, ...]
    sides: tuple[DifferenceSide, ...]
    """The sites that differ, with what they have seen."""


class ComparisonAccepted(AnswerModel):
    """A comparison that was accepted."""

    comparison_id: str
    status: Literal["running"] | str = "running"
    status_url: str
    jobs: dict[str, str]
    """The id of each site's job, also of those that begin later."""


class Comparison(AnswerModel):
    """What several sites have seen of a platform, and how that differs."""

    comparison_id: str
    status: Literal["running", "finished", "cancelled"] | str
    sign_in: SignIn | str
    product_type: str
    endpoint: str
    sites: tuple[ComparedSite, ...]
    steps: tuple[ComparedStep, ...]
    differences: tuple[Difference, ...]
    """How the outcomes differ, then what may be the reason; empty until all tests are over."""
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    expires_at: AwareDatetime
    """When the comparison is deleted."""

    @property
    def is_over(self) -> bool:
        """Whether nothing of this comparison can change any more."""
        return self.status != "running"
