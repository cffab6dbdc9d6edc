"""The documented call, and whether the service is alive."""

import math
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Response, Security
from fastapi.responses import JSONResponse

from api.access.dependencies import JobsDep, RateDep, TesterDep, bearer
from api.job_views import JobAccepted, status_url
from api.jobs.jobs import Jobs
from api.language import LanguageDep, headers_of
from shared.mock.story import mock_answer, mock_headers
from api.openapi import problem, problems
from api.preferences import Preferences
from api.problems import ProblemError
from api.submission import IdempotencyKey, submit
from shared.job_store import StoreUnreachableError
from shared.request import JobRequest
from shared.queued_job import INTERACTIVE, QUEUES, QueueName
from shared.diagnosis.report import Answer, Job, WireModel

api = APIRouter(prefix="/api/v1/platforms", dependencies=[Security(bearer)])
health = APIRouter(tags=["Health"])

_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "With Prefer: respond-async, the test goes on",
        "model": JobAccepted,
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}


@api.post(
    "/test-connection",
    operation_id="TestConnectionDetailed",
    tags=["Platform"],
    summary="TestConnectionDetailed",
    description="Run a step-by-step connection test and return per-step diagnostics.",
    response_description="The test was made; `success` tells how it ended.",
    response_model=Answer,
    responses={**_ACCEPTED, **problems(401, 403, 404, 409, 413, 415, 422, 429, 500, 503, 504)},
)
async def answer_when_tested(
    request: JobRequest,
    jobs: JobsDep,
    caller: TesterDep,
    rate: RateDep,
    language: LanguageDep,
    response: Response,
    prefer: Annotated[
        list[str] | None, Header(description="respond-async, wait=N (RFC 7240)")
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Answer | JSONResponse:
    """Test a platform and return when the test is over, or earlier where the caller prefers."""
    preferences = Preferences.parse(*(prefer or ()))
    job_id = await submit(jobs, request, caller, rate, idempotency_key)
    if request.options.mock and not preferences.at_once:  # it is over already
        return mock_answer(request.options.mock, language)
    job = await verdict(jobs, job_id, jobs.deadline_s(request), preferences)
    if job:
        response.headers.update(headers_of(language))
        return job.in_language(language).answer()
    return accepted(job_id, {"Preference-Applied": preferences.applied})


async def verdict(
    jobs: Jobs, job_id: str, deadline_s: float, preferences: Preferences
) -> Job | None:
    """Return the job when it is over, None where the caller prefers not to wait for so long.

    Raises:
        ProblemError: 504, it has no verdict by `deadline_s`.
    """
    if preferences.at_once:
        return None
    job = await jobs.finish(job_id, min(deadline_s, preferences.wait_s or math.inf))
    if (job and job.has_verdict) or (job is None and preferences.respond_async):
        return job
    raise ProblemError(
        HTTPStatus.GATEWAY_TIMEOUT,
        f"Job {job_id} did not finish within its deadline: no worker was free for it in time, "
        "the one that had it died, or it was cancelled.",
        kind="deadline-passed",
        job_id=job_id,
    )


def accepted(job_id: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer for a job that was taken and goes on."""
    content = JobAccepted.of(job_id).model_dump(by_alias=True)
    location = {"Location": status_url(job_id), **mock_headers(job_id)}
    return JSONResponse(content, 202, {**location, **(headers or {})})


class Ready(WireModel):
    """That tests can be made, and of which kinds."""

    status: Literal["ready"]
    queues: tuple[QueueName, ...]
    """Those of which a worker is alive."""


@health.get("/healthz", summary="Whether the process is alive")
async def healthz() -> dict[str, str]:
    """Answer, which is all there is to it."""
    return {"status": "ok"}


@health.get(
    "/readyz",
    summary="Whether tests can be made",
    response_model=Ready,
    responses={503: problem("Tests can't be made; says why")},
)
async def readyz(jobs: JobsDep) -> Ready:
    """Tell whether the job store answers and a worker for single tests is alive.

    Batches are tested as well where `queues` has bulk.
    """
    try:
        served = [queue for queue in QUEUES if await jobs.store.is_served(queue)]
        if INTERACTIVE in served:
            return Ready(status="ready", queues=tuple(served))
        reason = "No worker is alive to run tests."
    except StoreUnreachableError:
        reason = "The job store can't be reached."
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, reason, kind="not-ready")
