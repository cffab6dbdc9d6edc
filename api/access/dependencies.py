"""What routes are given: the jobs, the batches, and who calls."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.batches import Batches
from api.access.caller import Caller, Scope
from api.jobs.jobs import Jobs
from api.problems import ProblemError
from api.access.rate import Rate, RequestRate

# The front door has read the token before FastAPI is asked; this says so in the OpenAPI document.
bearer = HTTPBearer(auto_error=False, description="A token of CONNCHECK_TOKENS.")


# Coroutines both, since FastAPI would run plain functions in a thread each.
async def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


def _with_scope(*scopes: Scope) -> Callable[[Request], Awaitable[Caller]]:
    """Return what gives the caller, if one of `scopes` is the caller's (RFC 6750 3.1)."""

    async def caller_of(request: Request) -> Caller:
        caller: Caller = request.state.caller
        if caller.may(*scopes):
            return caller
        wanted = " or ".join(scopes)
        raise ProblemError(
            HTTPStatus.FORBIDDEN,
            f"The token does not have the scope {wanted}.",
            kind="insufficient-scope",
            headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scopes[0]}"'},
        )

    return caller_of


async def _batches(request: Request) -> Batches:
    batches: Batches = request.app.state.batches
    return batches


async def _rate(request: Request) -> Rate:
    return RequestRate(request, request.app.state.limits)


JobsDep = Annotated[Jobs, Depends(_jobs)]
BatchesDep = Annotated[Batches, Depends(_batches)]
RateDep = Annotated[Rate, Depends(_rate)]
TesterDep = Annotated[Caller, Depends(_with_scope("test"))]
BulkTesterDep = Annotated[Caller, Depends(_with_scope("bulk"))]
JobReaderDep = Annotated[Caller, Depends(_with_scope("read", "test"))]
BatchReaderDep = Annotated[Caller, Depends(_with_scope("read", "bulk"))]
