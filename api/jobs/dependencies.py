"""FastAPI dependency for the jobs."""

from typing import Annotated

from fastapi import Depends, Request

from api.jobs.jobs import Jobs


# A coroutine, since FastAPI would run a plain function in a thread.
async def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


JobsDep = Annotated[Jobs, Depends(_jobs)]
