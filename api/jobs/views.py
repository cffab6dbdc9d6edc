"""The public view of a job, and its id."""

import re
from datetime import timedelta
from http import HTTPStatus

from api.problems import ApiProblemError
from shared.diagnosis.translations import Language
from shared.reporting.fold import Places, fold, nowhere
from shared.store.jobs.job_reader import Story
from shared.wire.jobs import JobView

_JOB_ID = re.compile("[0-9a-f]{32}")


def is_job_id(text: str) -> bool:
    """Return whether `text` could be the id of a job."""
    return bool(_JOB_ID.fullmatch(text))


def no_such_job() -> ApiProblemError:
    """Return the same problem for a job that does not exist and for another tenant's job."""
    return ApiProblemError(HTTPStatus.NOT_FOUND, "There is no such job.", kind="no-such-job")


def view(
    job_id: str,
    story: Story,
    result_ttl_s: int,
    language: Language = "en",
    places: Places = nowhere,
) -> JobView | None:
    """Return the job in `story`, in words that know its place; None if there is none."""
    job = fold((entry for _, entry in story), places)
    if job is None:
        return None
    expires_at = story[-1][1].at + timedelta(seconds=result_ttl_s)
    return JobView(**dict(job.in_language(language)), job_id=job_id, expires_at=expires_at)
