"""Submit jobs and wait for them, for all calls of the API."""

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus

from api.access.caller import Caller
from api.jobs.enqueuer import Enqueuer
from api.problems import ApiProblemError, unavailable
from shared.audit import audit_refusal
from shared.diagnosis.entries import Queued
from shared.diagnosis.outcomes import Fact, Failed
from shared.diagnosis.report import Job
from shared.diagnosis.sentences import Sentence
from shared.policy.service_policy import DEFAULT, ServicePolicy
from shared.queue.job_queue import QueueUnreachableError
from shared.request import JobRequest
from shared.request.message import AnyRequest, ComparedPart, JobMessage, first_entry
from shared.sealing import NoSealingKeyError, Sealer, Sealers
from shared.signing import Signer
from shared.sites.site_choice import SITE_UNKNOWN, SiteChoice
from shared.store.errors import StoreUnreachableError
from shared.store.idempotency import Claim, IdempotencyStore
from shared.store.jobs.job_creation import NewJob, NoWorkerError, QueueFullError
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_watch import ExpectedJob, JobWatch, look_after, look_until_back
from shared.store.limits.kept_results import TooManyKeptError
from shared.tracing import NO_TRACE, Tracer
from shared.wire.problems import invalid_field

QUEUE_ALLOWANCE_S = 10.0  # how long a job may wait in the queue, in addition to its time limit


@dataclass(frozen=True, slots=True)
class Jobs:
    """Everything that is needed to have a worker test a platform."""

    store: JobStore
    watch: JobWatch
    enqueuer: Enqueuer
    idempotency: IdempotencyStore
    sealers: Sealers
    sites: SiteChoice
    job_deadline_s: float
    investigate_s: float
    max_queued: int
    policy: ServicePolicy = DEFAULT
    signer: Signer | None = None
    tracer: Tracer | None = None

    @property
    def traceparent(self) -> str:
        """The current span, if tracing is on."""
        return self.tracer.traceparent() if self.tracer else NO_TRACE

    def site_for(self, request: AnyRequest, caller: Caller) -> str:
        """Return the site that is to run the job.

        Raises:
            Failed: there is no such site, or not for this caller.
        """
        return self.sites.site_for(request.endpoint, request.options.site, caller.may_use)

    async def submit(self, request: AnyRequest, caller: Caller, job_id: str, site: str) -> None:
        """Create a job at a site that the queue has accepted.

        Raises:
            ApiProblemError: 429, 503: nothing was accepted.
            StoreUnreachableError: the same.
        """
        job = await self.new_job(request, caller, job_id, site)
        try:
            await self._create(job)
            await self.enqueuer.send_new(job.queued.in_queue(job_id))
        except StoreUnreachableError:
            self.store.closer.disown(job.job_id, job.start_by)
            raise
        except QueueUnreachableError:
            self.store.closer.disown(job.job_id, job.start_by)
            # The message may have arrived nevertheless; a closed job does not run.
            await self.store.closer.close(job.job_id, "cancelled")
            raise _queue_unreachable() from None

    async def submit_once(
        self,
        request: AnyRequest,
        caller: Caller,
        new_id: str,
        site: str,
        claim: Claim,
        instead_of: str = "",
    ) -> str:
        """Return the id of the claim's job, once the queue has it; if there is none, create it.

        If the outcome is unknown, the job stays: the caller repeats the request and gets this
        job. `instead_of` is an expired job of the claim, which the new one replaces.

        Raises:
            KeyReusedError: the claim belongs to another request.
            ApiProblemError: 503, nothing was accepted, or the outcome is unknown.
            StoreUnreachableError: the same.
        """
        job = await self.new_job(request, caller, new_id, site)
        job_id = await self._create(job, claim, instead_of)
        if job_id != new_id:
            await self.send_again(job_id)
            return job_id
        with _named_if_unreachable():
            await self.enqueuer.send_new(job.queued.in_queue(job_id))
        return job_id

    async def send_again(self, job_id: str) -> None:
        """Send the job to its site's queue, which may have it already: a job begins once.

        Raises:
            ApiProblemError: 503, the queue can't be reached.
            StoreUnreachableError: it is not known whether the queue has it.
        """
        job = await self.store.reader.queued_job(job_id)
        with _named_if_unreachable():
            if job:
                await self.enqueuer.send_once(job)

    async def _create(self, job: NewJob, claim: Claim | None = None, instead_of: str = "") -> str:
        try:
            return await self.store.creation.create(job, self.max_queued, claim, instead_of)
        except NoWorkerError:
            raise self._no_worker(job.queued.site) from None
        except QueueFullError:
            raise await self._queue_full(job.queued.site) from None
        except TooManyKeptError as error:
            _audit_refusal(job.queued)
            raise too_many_kept(error) from None

    async def new_job(
        self,
        request: AnyRequest,
        caller: Caller,
        job_id: str,
        site: str,
        compared: ComparedPart | None = None,
        waits_s: float = 0,
    ) -> NewJob:
        """Return a job for a site, sealed and signed, which does not exist yet.

        It may wait for `waits_s` before it is created. Where it is `compared`, it has the steps of
        the site's part.
        """
        now = await self.store.clock.now()
        start_by = now + timedelta(seconds=waits_s + self.budget_s(request) + QUEUE_ALLOWANCE_S)
        message = self.message(request, caller, start_by, site)
        message = message.model_copy(update={"compared": compared}) if compared else message
        queued = first_entry(
            request,
            now,
            site=site,
            tenant=caller.tenant,
            share_of=caller.share_of,
            token_name=caller.name,
            client=caller.client,
        )
        if compared and isinstance(request, JobRequest):
            queued = queued.model_copy(update={"steps": compared.steps_of(request)})
        job = NewJob(
            job_id,
            queued,
            self.sealer_at(site).seal(message.to_bytes(), job_id),
            start_by,
            self.enqueuer.message_of(queued.in_queue(job_id)),
        )
        return job.signed(self.signer)

    def sealer_at(self, site: str) -> Sealer:
        """Return what seals for a site.

        Raises:
            ApiProblemError: 503, the site has just been removed.
        """
        try:
            return self.sealers.at(site)
        except NoSealingKeyError:
            raise self._no_worker(site) from None

    def message(
        self, request: AnyRequest, caller: Caller, start_by: datetime, site: str
    ) -> JobMessage:
        """Return the message for the job's worker at a site, to be sealed."""
        # Validated, as its parts are: else each request would be checked a second time.
        return JobMessage.model_construct(
            request=request,
            budget_s=self.budget_s(request),
            start_by=start_by,
            policy=caller.policy_at(site),
            is_metered=caller.is_metered,
            targets_per_minute=caller.targets_per_minute,
            traceparent=self.traceparent,
        )

    async def finish(self, job_id: str, within_s: float, expected: ExpectedJob) -> Job | None:
        """Return the job when it is closed; None if that takes longer than `within_s`.

        Raises:
            StoreUnreachableError: the store has forgotten it.
        """
        try:
            async with asyncio.timeout(within_s):
                if job_id == expected.job_id:
                    return await self._closed(job_id, expected.ended)
                keys = await self.store.index.keys_of(job_id)
                async with self.watch.changes(keys.job(job_id), only_the_end=True) as ended:
                    return await self._closed(job_id, ended)
        except TimeoutError:
            return None

    def deadline_s(self, request: AnyRequest) -> float:
        """Return the seconds within which a job is closed if workers are alive."""
        return self.budget_s(request) + self.investigate_s + QUEUE_ALLOWANCE_S

    def budget_s(self, request: AnyRequest) -> float:
        """Return the time limit of the test itself in seconds."""
        return request.options.timeout_seconds or self.job_deadline_s

    def _no_worker(self, site: str) -> ApiProblemError:
        """Return the problem, which names the site where there are several."""
        facts = {"site": site} if len(self.sites.sites.sites()) > 1 else {}
        detail = Sentence("No worker is alive[ at the site {site}] to run the test.", facts)
        return unavailable(detail, "no-worker")

    async def _queue_full(self, site: str) -> ApiProblemError:
        oldest = await self.store.at(site).workload.oldest_start_by()
        facts: dict[str, Fact] = {"most": self.max_queued}
        if oldest:
            left_s = (oldest - await self.store.clock.now()).total_seconds()
            facts["left_s"] = max(0, round(left_s))
        detail = "The queue is full with {most:job|jobs}[; the oldest job expires in {left_s} s]."
        return unavailable(Sentence(detail, facts), "queue-full")

    async def _closed(self, job_id: str, ended: asyncio.Event) -> Job:
        read = partial(self.store.reader.read, job_id)
        while True:
            job = await look_after(ended, partial(look_until_back, read))
            if job is None:
                raise StoreUnreachableError  # a failover has forgotten it
            if job.is_closed:
                return job


def refused(failed: Failed, field: str = "") -> ApiProblemError:
    """Return the problem for a request that names no site, or that is not allowed.

    It is about `field`, or the one that the cause names.
    """
    cause, reason = failed.cause, Sentence.of(failed.finding)
    error = invalid_field(field or cause.field or "body", reason, cause=cause.code)
    if cause is SITE_UNKNOWN:
        return ApiProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, kind="invalid-request", errors=[error]
        )
    detail = Sentence.of(failed.finding, ".")
    return ApiProblemError(HTTPStatus.FORBIDDEN, detail, kind="target-not-allowed", errors=[error])


def too_many_kept(error: TooManyKeptError) -> ApiProblemError:
    """Return the problem for a tenant that has too many results in the store."""
    left_s = max(1, math.ceil((error.until - datetime.now(UTC)).total_seconds()))
    return ApiProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        Sentence(
            "Too many results of this tenant are kept: the limit is {most}. The oldest are "
            "deleted in {left_s} s.",
            {"most": error.most, "left_s": left_s},
        ),
        kind="too-many-kept",
        headers={"Retry-After": str(left_s)},
    )


def _audit_refusal(queued: Queued) -> None:
    audit_refusal(
        tenant=queued.tenant,
        token=queued.token_name,
        client=queued.client,
        cause="too-many-kept",
        product=queued.product_type,
        endpoint=queued.endpoint,
        site=queued.site,
    )


@contextmanager
def _named_if_unreachable() -> Iterator[None]:
    try:
        yield
    except QueueUnreachableError:
        raise _queue_unreachable() from None


def _queue_unreachable() -> ApiProblemError:
    return unavailable("The queue can't be reached.", "queue-unreachable")
