"""The documented call, and whether the service is alive."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from api.jobs import Jobs
from api.problems import Problem, ProblemError
from shared.job_store import StoreUnreachableError
from shared.models import JobRequest
from shared.queue import INTERACTIVE
from shared.report import Answer

# Dependencies are coroutines: FastAPI would run plain functions in a thread each.
# The front door has read the token before FastAPI is asked; this says so in the OpenAPI document.
_bearer = HTTPBearer(auto_error=False, description="A token of CONNCHECK_TOKENS.")


async def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


async def _caller(request: Request) -> str:
    caller: str = request.state.caller
    return caller


JobsDep = Annotated[Jobs, Depends(_jobs)]
CallerDep = Annotated[str, Depends(_caller)]


def _problem(description: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "description": description,
        "model": Problem,
        "headers": {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in (headers or {}).items()
        },
    }


_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _problem("No token, or not a valid one", {"WWW-Authenticate": "RFC 6750"}),
    413: _problem("The body is too large"),
    415: _problem("The body is not application/json"),
    422: _problem("A field is missing, unknown or not valid; says which and why"),
    500: _problem("The service itself broke"),
    503: _problem(
        "The queue or the job store can't be reached, or no worker is alive",
        {"Retry-After": "Seconds"},
    ),
    504: _problem("The job was not finished by its deadline; says which job"),
}

api = APIRouter(prefix="/api/v1/platforms", dependencies=[Security(_bearer)], responses=_PROBLEMS)
health = APIRouter(tags=["Health"])


@api.post(
    "/test-connection",
    operation_id="TestConnectionDetailed",
    tags=["Platform"],
    summary="TestConnectionDetailed",
    description="Run a step-by-step connection test and return per-step diagnostics.",
    response_description="The test was made; `success` tells how it ended.",
)
async def test_connection(request: JobRequest, jobs: JobsDep, caller: CallerDep) -> Answer:
    """Test a platform and return when the test is over."""
    job_id = await jobs.submit(request, caller)
    job = await jobs.finish(job_id, request)
    return job.answer()


@health.get("/healthz", summary="Whether the process is alive")
async def healthz() -> dict[str, str]:
    """Answer, which is all there is to it."""
    return {"status": "ok"}


@health.get(
    "/readyz",
    summary="Whether tests can be made",
    responses={503: _problem("Tests can't be made; says why")},
)
async def readyz(jobs: JobsDep) -> JSONResponse:
    """Tell whether the job store answers and a worker is alive."""
    try:
        if await jobs.store.is_served(INTERACTIVE):
            return JSONResponse({"status": "ready"})
        reason = "No worker is alive to run tests."
    except StoreUnreachableError:
        reason = "The job store can't be reached."
    raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, reason, kind="not-ready")
