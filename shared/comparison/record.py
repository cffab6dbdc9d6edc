"""What was asked of a comparison, and how it stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from shared.diagnosis.report import Job
from shared.site_name import SiteName
from shared.steps import StepName

SignIn = Literal["first", "all"]
"""From which sites the key pair is presented: the first that has a worker, or one after another."""
WhyNot = Literal["no_worker", "sign_in_failed", "queue_full", "too_many_kept", "cancelled", "late"]
"""Why a site was not asked."""


class Part(BaseModel):
    """The test from one site; its job may not exist yet."""

    model_config = ConfigDict(frozen=True)

    site: SiteName
    job_id: str
    signs_in: bool


class Comparison(BaseModel):
    """A test from several sites, in the order in which they were named."""

    model_config = ConfigDict(frozen=True)

    tenant: str
    product_type: str
    endpoint: str
    sign_in: SignIn
    steps: tuple[StepName, ...]
    """Those of the whole test."""
    created_at: AwareDatetime
    start_by: AwareDatetime
    """By when the last of the tests must begin (Redis' clock)."""
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """A comparison with what has become of its parts."""

    comparison: Comparison
    jobs: Mapping[str, Job]
    """By site, those that there are."""
    left_out: Mapping[str, WhyNot] = field(default_factory=dict)
    """The sites that will not be asked."""
    is_cancelled: bool = False

    @property
    def is_over(self) -> bool:
        """Whether each site has been tested or will not be."""
        return all(self.is_settled(part.site) for part in self.comparison.parts)

    def is_settled(self, site: str) -> bool:
        """Return whether nothing more will come from a site."""
        job = self.jobs.get(site)
        return job.is_closed if job else site in self.left_out
