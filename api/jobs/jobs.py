"""Submit jobs and wait for them, on behalf of every face of the API."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from api.access.caller import Caller
from api.jobs.enqueuer import Enqueuer
from api.problems import InvalidField, ProblemError
from shared.diagnosis.entries import Queued
from shared.idempotency import IdempotencyStore
from shared.store.jobs.job_stream import job_key
from shared.job_store import (
    AWAY_S,
    JobStore,
    NewJob,
    NoWorkerError,
    QueueFullError,
    StoreUnreachableError,
)
from shared.store.jobs.job_watch import JobWatch
from shared.request import AnyRequest, JobMessage
from shared.diagnosis.outcomes import Failed
from shared.queue import QueueUnreachableError
from shared.queued_job import QueuedJob
from shared.diagnosis.report import Job
from shared.sealing import Sealer
from shared.policy.service_policy import DEFAULT, ServicePolicy
from shared.tracing import NO_TRACE, Tracer

QUEUE_ALLOWANCE_S = 10.0  # how long a job may wait for a worker, beside its own budget
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class Jobs:
    """Everything it takes to have a platform tested by a worker."""

    store: JobStore
    watch: JobWatch
    enqueuer: Enqueuer
    idempotency: IdempotencyStore
    sealer: Sealer
    job_deadline_s: float
    investigate_s: float
    max_queued: int
    policy: ServicePolicy = DEFAULT
    tracer: Tracer | None = None

    @property
    def traceparent(self) -> str:
        """The span that is open, where calls are traced."""
        return self.tracer.traceparent() if self.tracer else NO_TRACE

    async def submit(self, request: AnyRequest, caller: Caller) -> str:
        """Return the id of a new job that the queue has taken.

        Raises:
            ProblemError: 503, nothing was taken.
            StoreUnreachableError: the same.
        """
        job_id = secrets.token_hex(16)
        job = self._new(job_id, request, caller)
        try:
            await self.store.create(job, self.max_queued)
            await self.enqueuer.send(QueuedJob(job_id, target_of(request)))
        except (StoreUnreachableError, QueueUnreachableError) as error:
            self.store.disown(job_id, job.start_by)
            if isinstance(error, StoreUnreachableError):
                raise
            # The message may have arrived all the same; a closed job is not run.
            await self.store.close(job_id, "cancelled")
            raise unavailable("The queue can't be reached.", "queue-unreachable") from None
        except NoWorkerError:
            raise unavailable("No worker is alive to run the test.", "no-worker") from None
        except QueueFullError:
            raise await self._queue_full() from None
        return job_id

    def _new(self, job_id: str, request: AnyRequest, caller: Caller) -> NewJob:
        now, budget_s = datetime.now(UTC), self.budget_s(request)
        start_by = now + timedelta(seconds=budget_s + QUEUE_ALLOWANCE_S)
        message = JobMessage(
            request=request,
            budget_s=budget_s,
            start_by=start_by,
            policy=caller.policy,
            is_metered=caller.is_metered,
            traceparent=self.traceparent,
        )
        queued = Queued(
            at=now,
            caller=caller.tenant,
            token_name=caller.name,
            client=caller.client,
            product_type=request.product_type,
            endpoint=str(request.target),
            target=target_of(request),
            steps=request.steps,
        )
        return NewJob(job_id, queued, self.sealer.seal(message.to_bytes(), job_id), start_by)

    async def finish(self, job_id: str, within_s: float) -> Job | None:
        """Return the job when it is closed, None if that takes longer than `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                return await self._closed(job_id)
        except TimeoutError:
            return None

    def deadline_s(self, request: AnyRequest) -> float:
        """Return the seconds within which a job is closed, if workers are there."""
        return self.budget_s(request) + self.investigate_s + QUEUE_ALLOWANCE_S

    def budget_s(self, request: AnyRequest) -> float:
        """Return the seconds that the test itself may take."""
        return request.options.timeout_seconds or self.job_deadline_s

    async def _queue_full(self) -> ProblemError:
        oldest = await self.store.oldest_start_by()
        waits = ""
        if oldest:
            left_s = max(0, round((oldest - datetime.now(UTC)).total_seconds()))
            waits = f"; the one that waits longest will be given up in {left_s} s"
        return unavailable(f"{self.max_queued} jobs wait already{waits}.", "queue-full")

    async def _closed(self, job_id: str) -> Job:
        async with self.watch.changes(job_key(job_id), only_the_end=True) as changed:
            while True:
                await changed.wait()
                changed.clear()
                try:
                    job = await self.store.read(job_id)
                except StoreUnreachableError:
                    # The watch may be connected again before the store is asked again, and then has
                    # nothing more to report.
                    await asyncio.sleep(AWAY_S)
                    changed.set()
                    continue
                if job and job.is_closed:
                    return job


def target_of(request: AnyRequest) -> str:
    """Return the target that the job takes turns at, empty where it was forced."""
    return "" if request.options.force else request.target_name


def forbidden(failed: Failed) -> ProblemError:
    """Return the problem for a request that the operator or the token does not allow."""
    reason = failed.finding.summary({})
    error = InvalidField(field=failed.cause.field or "body", reason=reason, cause=failed.cause.code)
    return ProblemError(
        HTTPStatus.FORBIDDEN, f"{reason}.", kind="target-not-allowed", errors=[error]
    )


def unavailable(detail: str, kind: str) -> ProblemError:
    """Return the problem for what may work a little later."""
    headers = {"Retry-After": str(RETRY_AFTER_S)}
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, kind=kind, headers=headers)
