"""The models of the job calls."""

from typing import Literal

from pydantic import AwareDatetime, Field

from shared.diagnosis.report import Job, WireModel
from shared.queued_job import QueueName

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


def status_url(job_id: str) -> str:
    """Return the URL of a job."""
    return f"{JOBS_PATH}/{job_id}"


class Ready(WireModel):
    """Which kinds of tests can run."""

    status: Literal["ready"]
    queues: tuple[QueueName, ...]
    """The queues that have a worker."""
