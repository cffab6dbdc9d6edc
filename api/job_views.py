"""What the job faces show of a job, and how they name it."""

import re
from datetime import timedelta
from http import HTTPStatus
from typing import Literal

from pydantic import AwareDatetime, Field

from api.problems import ProblemError
from shared.job_store import Story
from shared.diagnosis.report import Job, WireModel, fold
from shared.diagnosis.translations import Language

JOBS_PATH = "/api/v1/platforms/test-connection/jobs"
_JOB_ID = re.compile("[0-9a-f]{32}")


class JobAccepted(WireModel):
    """A job that was taken."""

    job_id: str
    status: Literal["queued"] = "queued"
    status_url: str = Field(examples=[f"{JOBS_PATH}/8d4d17e8789ff7e43171802f1d54612d"])

    @classmethod
    def of(cls, job_id: str) -> "JobAccepted":
        """Return what is said of a new job."""
        return cls(job_id=job_id, status_url=status_url(job_id))


class JobView(Job):
    """All that is known of a job, and until when."""

    job_id: str
    expires_at: AwareDatetime = Field(description="When the job and its results are forgotten.")


def status_url(job_id: str) -> str:
    """Return where a job is shown."""
    return f"{JOBS_PATH}/{job_id}"


def is_job_id(text: str) -> bool:
    """Return whether `text` could be the id of a job."""
    return bool(_JOB_ID.fullmatch(text))


def no_such_job() -> ProblemError:
    """Return the one answer for a job that does not exist and for one of somebody else's."""
    return ProblemError(HTTPStatus.NOT_FOUND, "There is no such job.", kind="no-such-job")


def view(job_id: str, story: Story, result_ttl_s: int, language: Language = "en") -> JobView | None:
    """Return the job that `story` tells of, None where it tells of none."""
    job = fold(entry for _, entry in story)
    if job is None:
        return None
    expires_at = story[-1][1].at + timedelta(seconds=result_ttl_s)
    return JobView(**dict(job.in_language(language)), job_id=job_id, expires_at=expires_at)
