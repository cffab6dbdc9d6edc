"""List the tenant's own jobs: those that a filter matches, newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import Field

from api.filters import CauseFilter, EndpointFilter, ProductFilter, WantedOutcome
from api.listing import ListFilters, collect
from shared.diagnosis.report import WORKER_LOST, Job
from shared.diagnosis.translations import Language
from shared.endpoint import parse_endpoint
from shared.site_name import DEFAULT_SITE, SiteName
from shared.store.jobs.job_store import JobStore
from shared.wire.jobs import JobPage, JobSummary, cause_of, outcome_of

MOST_READ = 500  # for one page


class WantedJobs(ListFilters):
    """Which of the tenant's jobs are wanted."""

    product_type: ProductFilter | None = Field(
        default=None, description="Only this product type.", examples=["zstack"]
    )
    endpoint: EndpointFilter | None = Field(
        default=None,
        description="Only this host; with a scheme, port or path, only those.",
        examples=["192.168.1.100:8080"],
    )
    site: SiteName | None = Field(
        default=None, description="Only jobs of this site.", examples=["fra1"]
    )
    cause: CauseFilter | None = Field(
        default=None, description="Only with this cause.", examples=["tls.expired"]
    )
    outcome: WantedOutcome | None = Field(default=None, description="Only jobs in this state.")

    @property
    def is_filter(self) -> bool:
        """Whether a job must be read to know whether it matches."""
        return any((self.product_type, self.endpoint, self.site, self.cause, self.outcome))

    def may_match(self, story: bytes) -> bool:
        """Return whether the job with these entries, as Redis has them, may be one of them."""
        if self.outcome in ("queued", "running") and b'"kind":"closed"' in story:
            return False
        return all(mark.encode() in story for mark in self._marks())

    def _marks(self) -> Iterator[str]:
        """Yield what the entries of every job that matches contain."""
        if self.product_type:
            yield f'"{self.product_type}"'
        if self.endpoint:
            yield self.endpoint.server_name
        if self.site and self.site != DEFAULT_SITE:  # which no entry names
            yield f'"{self.site}"'
        if self.cause and self.cause != WORKER_LOST.code:  # which no entry has
            yield f'"{self.cause}"'
        if self.outcome in ("warning", "failed", "cancelled", "expired", "lost"):
            yield f'"{self.outcome}"'

    def match(self, job: Job) -> bool:
        """Return whether the job is one of them."""
        return (
            self.product_type in (None, job.product_type)
            and (self.outcome is None or self._is_wanted_outcome(job))
            and self.site in (None, job.site)
            and (self.cause is None or self.cause == cause_of(job))
            and (self.since is None or job.created_at >= self.since)
            and (self.endpoint is None or self._is_wanted_endpoint(job))
        )

    def _is_wanted_outcome(self, job: Job) -> bool:
        outcome = outcome_of(job)
        if self.outcome == "passed":
            return outcome in ("passed", "warning")
        return self.outcome == (outcome or job.status)

    def _is_wanted_endpoint(self, job: Job) -> bool:
        wanted, tested = self.endpoint, parse_endpoint(job.endpoint)
        return wanted is not None and (
            wanted.server_name == tested.server_name
            and wanted.scheme in (None, tested.scheme)
            and wanted.port in (None, tested.port)
            and wanted.path in ("", tested.path)
        )


@dataclass(frozen=True, slots=True)
class JobListing:
    """The list of one tenant's jobs."""

    _store: JobStore
    _tenant: str
    _language: Language

    async def page(self, wanted: WantedJobs) -> JobPage:
        """Return a page of the jobs that match, as `collect` does."""
        places = partial(self._places, wanted)
        show = partial(self._shown, wanted)
        found, cursor = await collect(
            wanted, places, show, is_filtered=wanted.is_filter, most_read=MOST_READ
        )
        return JobPage(items=tuple(found), next_cursor=cursor)

    async def _places(self, wanted: WantedJobs, after: str | None, most: int) -> Sequence[str]:
        return await self._store.of_tenants.places(self._tenant, after, wanted.since, most)

    async def _shown(
        self, wanted: WantedJobs, job_ids: Sequence[str]
    ) -> Sequence[JobSummary | None]:
        jobs = await self._store.of_tenants.read(job_ids, wanted.may_match)
        return [
            JobSummary.of(job_id, job.in_language(self._language))
            if job and job.tenant == self._tenant and wanted.match(job)
            else None
            for job_id, job in zip(job_ids, jobs, strict=True)
        ]
