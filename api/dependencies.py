"""What routes are given: the jobs, the batches, and who calls."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from api.batches import Batches
from api.caller import Caller
from api.jobs import Jobs

# The front door has read the token before FastAPI is asked; this says so in the OpenAPI document.
bearer = HTTPBearer(auto_error=False, description="A token of CONNCHECK_TOKENS.")


# Coroutines both, since FastAPI would run plain functions in a thread each.
async def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def _batches(request: Request) -> Batches:
    batches: Batches = request.app.state.batches
    return batches


JobsDep = Annotated[Jobs, Depends(_jobs)]
BatchesDep = Annotated[Batches, Depends(_batches)]
CallerDep = Annotated[Caller, Depends(_caller)]
