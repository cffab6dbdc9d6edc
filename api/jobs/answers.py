"""Responses about jobs that several calls share."""

import math
from collections.abc import Collection, Mapping
from http import HTTPStatus

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from api.jobs.jobs import Jobs
from api.jobs.mock_answers import mock_headers
from api.preferences import Preferences
from api.problems import ApiProblemError
from shared.diagnosis.report import SHARE_USED, Job
from shared.diagnosis.sentences import Sentence
from shared.store.jobs.job_watch import ExpectedJob
from shared.wire.jobs import JobAccepted, status_url

_TOO_LATE = (
    "Job {job} did not finish by its deadline: no worker was free in time, its worker died, or it "
    "was cancelled."
)
_SHARE_USED = (
    "Job {job} did not finish by its deadline: other tests of its tenant used the tenant's share "
    "of the workers."
)


async def verdict(
    jobs: Jobs, job_id: str, deadline_s: float, preferences: Preferences, expected: ExpectedJob
) -> Job | None:
    """Return the job when it is over; None if the caller prefers not to wait that long.

    Raises:
        ApiProblemError: 504, the job has no verdict by `deadline_s`.
    """
    if preferences.at_once:
        return None
    job = await jobs.finish(job_id, min(deadline_s, preferences.wait_s or math.inf), expected)
    if (job and job.has_verdict) or (job is None and preferences.respond_async):
        return job
    waited_for_share = job is not None and job.recommendation == SHARE_USED
    raise ApiProblemError(
        HTTPStatus.GATEWAY_TIMEOUT,
        Sentence(_SHARE_USED if waited_for_share else _TOO_LATE, {"job": job_id}),
        kind="deadline-passed",
        headers=naming(job_id),
        job_id=job_id,
    )


def told(model: BaseModel, headers: Mapping[str, str]) -> Response:
    """Return the response with `model` as its JSON; FastAPI would validate it once more."""
    content = model.model_dump_json(by_alias=True)
    return Response(content, media_type="application/json", headers=headers)


def named_tags(if_none_match: str | None, present: str) -> Collection[str]:
    """Return the ETags that the caller knows; `present` where the header has none or `*`."""
    if not if_none_match or if_none_match.strip() == "*":
        return {present}
    # A proxy that compresses an answer makes its ETag weak (RFC 9110 13.1.2).
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}


def naming(job_id: str) -> dict[str, str]:
    """Return the headers that name the job of a response, and where it is described."""
    link = f'<{status_url(job_id)}>; rel="describedby"'
    return {"Conncheck-Job-Id": job_id, "Link": link}


def accepted(job_id: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the 202 for a job that was accepted and is not over."""
    content = JobAccepted.of(job_id).model_dump(by_alias=True)
    location = {"Location": status_url(job_id), **naming(job_id), **mock_headers(job_id)}
    return JSONResponse(content, 202, {**location, **(headers or {})})
