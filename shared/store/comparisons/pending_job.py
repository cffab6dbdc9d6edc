"""Keep a job of a comparison until it is the turn of its site."""

from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, BaseModel

from shared.diagnosis.entries import Queued
from shared.store.jobs.job_creation import NewJob


class PendingJob(BaseModel):
    """A job as it was sealed and signed when the comparison was submitted.

    Nobody who creates it later has to be trusted with the request, nor signs what stands in Redis.
    """

    job_id: str
    queued: Queued
    sealed: str
    start_by: AwareDatetime
    signature: str = ""

    @classmethod
    def of(cls, job: NewJob) -> Self:
        """Return what is kept of a new job."""
        return cls(
            job_id=job.job_id,
            queued=job.queued,
            sealed=job.sealed,
            start_by=job.start_by,
            signature=job.signature,
        )

    def to_text(self) -> str:
        """Return it as text; the first entry is the very text that was signed."""
        return self.model_dump_json(by_alias=True)

    @property
    def job(self) -> NewJob:
        """The job, without the message that queues it."""
        start_by: datetime = self.start_by
        return NewJob(self.job_id, self.queued, self.sealed, start_by, signature=self.signature)
