"""Submit jobs and wait for them, on behalf of every face of the API."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from api.enqueuer import Enqueuer
from api.problems import ProblemError
from shared.entries import Queued
from shared.job_store import JobStore, StoreUnreachableError
from shared.job_watch import JobWatch
from shared.models import JobMessage, JobRequest
from shared.queue import INTERACTIVE, QueueUnreachableError
from shared.report import Job
from shared.sealing import Sealer
from shared.steps import steps_for

QUEUE_ALLOWANCE_S = 5.0  # what a caller waits for a worker, beside the test's own budget
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Jobs:
    """Everything it takes to have a platform tested by a worker."""

    store: JobStore
    watch: JobWatch
    enqueuer: Enqueuer
    sealer: Sealer
    job_deadline_s: float

    async def submit(self, request: JobRequest, caller: str) -> str:
        """Return the id of a new job that the queue has taken.

        Raises:
            ProblemError: 503, nothing was taken.
        """
        job_id, now = secrets.token_hex(16), datetime.now(UTC)
        message = JobMessage(
            request=request,
            budget_s=self.budget_s(request),
            start_by=now + timedelta(seconds=self.budget_s(request) + QUEUE_ALLOWANCE_S),
        )
        sealed = self.sealer.seal(message.to_bytes(), job_id)
        queued = Queued(
            at=now,
            caller=caller,
            product_type=request.product_type,
            endpoint=str(request.target),
            steps=steps_for(request.target.scheme),
        )
        try:
            if not await self.store.create(job_id, queued, INTERACTIVE):
                raise _unavailable("No worker is alive to run the test.", "no-worker")
            await self._enqueue(job_id, sealed)
        except StoreUnreachableError:
            raise _unavailable("The job store can't be reached.", "store-unreachable") from None
        return job_id

    async def finish(self, job_id: str, request: JobRequest) -> Job:
        """Return the job when it is closed.

        Raises:
            ProblemError: 504 where that takes longer than the test's budget and some queueing.
        """
        try:
            async with asyncio.timeout(self.budget_s(request) + QUEUE_ALLOWANCE_S):
                return await self._closed(job_id)
        except TimeoutError:
            raise ProblemError(
                HTTPStatus.GATEWAY_TIMEOUT,
                f"Job {job_id} did not finish within its deadline; no worker was free for it, "
                "or the one that had it died.",
                kind="deadline-passed",
                job_id=job_id,
            ) from None

    def budget_s(self, request: JobRequest) -> float:
        """Return the seconds that the test itself may take."""
        return request.options.timeout_seconds or self.job_deadline_s

    async def _enqueue(self, job_id: str, sealed: str) -> None:
        try:
            await self.enqueuer.send(job_id, sealed)
        except QueueUnreachableError:
            # The message may have arrived all the same; a closed job is not run.
            await self.store.close(job_id, "cancelled")
            raise _unavailable("The queue can't be reached.", "queue-unreachable") from None

    async def _closed(self, job_id: str) -> Job:
        async with self.watch.changes(job_id, only_the_end=True) as changed:
            while True:
                await changed.wait()
                changed.clear()
                try:
                    job = await self.store.read(job_id)
                except StoreUnreachableError:
                    continue  # the watch reports a change when it is connected again
                if job and job.is_closed:
                    return job


def _unavailable(detail: str, kind: str) -> ProblemError:
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind=kind, headers=headers)
