"""The models of the job calls."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.diagnosis.causes import Owner
from shared.diagnosis.entries import Outcome
from shared.diagnosis.report import Job, JobStatus, WireModel
from shared.queue.queued_job import QueueName
from shared.site_name import DEFAULT_SITE
from shared.store.batches.item_outcome import telling_item

JOBS_PATH = "/api/v1/platforms/test-connection/jobs"


class JobAccepted(WireModel):
    """A job that was accepted."""

    job_id: str
    status: Literal["queued"] = "queued"
    status_url: str = Field(examples=[f"{JOBS_PATH}/8d4d17e8789ff7e43171802f1d54612d"])

    @classmethod
    def of(cls, job_id: str) -> "JobAccepted":
        """Return the response for a new job."""
        return cls(job_id=job_id, status_url=status_url(job_id))


class JobView(Job):
    """A job, its results so far, and when they are deleted."""

    job_id: str
    expires_at: AwareDatetime = Field(description="When the job and its results are deleted.")


class JobSummary(WireModel):
    """A job of the list: how it ended, and its most telling step."""

    job_id: str
    status_url: str
    status: JobStatus
    outcome: Outcome | None = Field(description="null until the job is finished.")
    product_type: str = Field(description="Empty for an inspection without a product type.")
    endpoint: str
    site: str = Field(default=DEFAULT_SITE, description="The site that tests, or has tested.")
    step: str | None = Field(description="The step that failed or has a warning.")
    cause: str | None = Field(examples=["tls.expired"])
    doc_url: str | None = Field(default=None, description="Where this service explains the cause.")
    owner: Owner | None
    summary: str
    recommendation: str
    took_ms: float | None
    queue_ms: float | None
    created_at: AwareDatetime
    finished_at: AwareDatetime | None

    @classmethod
    def of(cls, job_id: str, job: Job) -> "JobSummary":
        """Return the summary of a job."""
        told = telling_item(job)
        return cls(
            job_id=job_id,
            status_url=status_url(job_id),
            status=job.status,
            outcome=outcome_of(job),
            product_type=job.product_type,
            endpoint=job.endpoint,
            site=job.site,
            step=told.name if told else None,
            cause=told.cause if told else None,
            doc_url=told.doc_url if told else None,
            owner=told.owner if told else None,
            summary=told.summary if told else "",
            recommendation=job.recommendation,
            took_ms=job.took_ms,
            queue_ms=job.queue_ms,
            created_at=job.created_at,
            finished_at=job.finished_at,
        )


class JobPage(WireModel):
    """A page of the tenant's jobs, newest first."""

    items: tuple[JobSummary, ...] = Field(
        description="With a filter there may be fewer than `limit`, or none, before the last page."
    )
    next_cursor: str | None = Field(description="null on the last page.")


def outcome_of(job: Job) -> Outcome | None:
    """Return how a finished job turned out; None for all others."""
    if job.status != "finished":
        return None
    if not job.success:
        return "failed"
    return "warning" if telling_item(job) else "passed"


def cause_of(job: Job) -> str | None:
    """Return the cause of a job's most telling step."""
    told = telling_item(job)
    return told.cause if told else None


def status_url(job_id: str) -> str:
    """Return the URL of a job."""
    return f"{JOBS_PATH}/{job_id}"


class Ready(WireModel):
    """Which kinds of tests can run."""

    status: Literal["ready"]
    queues: tuple[QueueName, ...]
    """The queues that have a worker at the site `default`."""
