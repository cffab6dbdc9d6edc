"""Report whether the service is alive, and ready."""

from fastapi import APIRouter

from api.jobs.dependencies import JobsDep
from api.jobs.jobs import Jobs
from api.openapi import problem
from api.problems import unavailable
from shared.queue.queued_job import INTERACTIVE, QUEUES
from shared.store.errors import StoreUnreachableError
from shared.wire.jobs import Ready

health = APIRouter(tags=["Health"])


@health.get("/healthz", summary="Check that the process is alive")
async def healthz() -> dict[str, str]:
    """Answer 200 while the process is alive."""
    return {"status": "ok"}


@health.get(
    "/readyz",
    summary="Check that tests can run",
    response_model=Ready,
    responses={503: problem("Tests can't run; `detail` says why", {"Retry-After": "Seconds"})},
)
async def readyz(jobs: JobsDep) -> Ready:
    """Check that the job store answers and that a worker for single tests is alive at some site.

    `queues` has those of the site `default`: bulk tests can run there if it contains `bulk`.
    """
    try:
        served = [queue for queue in QUEUES if await jobs.store.workload.is_served(queue)]
        if INTERACTIVE in served or await _is_served_elsewhere(jobs):
            return Ready(status="ready", queues=tuple(served))
        reason = "No worker is alive to run tests."
    except StoreUnreachableError:
        reason = "The job store can't be reached."
    raise unavailable(reason, "not-ready")


async def _is_served_elsewhere(jobs: Jobs) -> bool:
    """Return whether another site than the default one has a worker for single tests."""
    for site in jobs.sites.sites.names():
        if await jobs.store.at(site).workload.is_served(INTERACTIVE):
            return True
    return False
