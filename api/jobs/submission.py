"""Accept a test once, however often the same request arrives."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import Header

from api.access.caller import Caller
from api.access.rate import Rate
from api.jobs.jobs import Jobs, refused
from api.jobs.mock_answers import accepted_mock
from api.problems import ApiProblemError
from shared.audit import audit_refusal
from shared.diagnosis.outcomes import Failed
from shared.diagnosis.report import JobStatus
from shared.diagnosis.sentences import Sentence
from shared.request import JobRequest
from shared.request.message import AnyRequest
from shared.request.options import REVEAL
from shared.site_name import DEFAULT_SITE
from shared.sites.site_choice import SITE_UNKNOWN
from shared.store.idempotency import KeyReusedError
from shared.wire.problems import InvalidField

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="For 24 hours, the same key with the same body returns the same job. Repeat a "
        "request with its key if there was no response, or a 503.",
    ),
]


def site_of(jobs: Jobs, request: AnyRequest, caller: Caller) -> str:
    """Return the site that is to run the job.

    Raises:
        ApiProblemError: 403, 422: there is no such site, or not for this caller.
    """
    if _mock_of(request):
        return DEFAULT_SITE
    try:
        return jobs.site_for(request, caller)
    except Failed as failed:
        if failed.cause is not SITE_UNKNOWN:
            audit_refused(request, caller, failed.cause.code)
        raise refused(failed) from None


async def submit(
    jobs: Jobs,
    request: AnyRequest,
    caller: Caller,
    rate: Rate,
    key: str | None,
    *,
    site: str,
    new_id: str = "",
) -> str:
    """Return the id of the job for this request: a new job, or the one that the key created.

    A new job is at the `site` that `site_of` gave, and has the id `new_id` if the caller expects
    it. The one that the key created stays at its own site.

    Raises:
        ApiProblemError: 403, 429: nothing was accepted; 503: the same, but with a key the outcome
            is unknown: repeat the request; 422: the key is in use; 404: the job that the key
            created has expired.
    """
    if mock := _mock_of(request):
        return accepted_mock(mock)
    try:
        jobs.policy.check(request, caller.policy_at(site))
    except Failed as failed:
        audit_refused(request, caller, failed.cause.code, site)
        raise refused(failed) from None
    new_id = new_id or jobs.watch.new_job_id()
    if key is None:
        await _take_rate(request, caller, rate, site)
        await jobs.submit(request, caller, new_id, site)
        return new_id
    with refused_if_reused():
        return await _submit_once(jobs, request, caller, rate, key, new_id, site)


def _mock_of(request: AnyRequest) -> str | None:
    return request.options.mock if isinstance(request, JobRequest) else None


async def _submit_once(
    jobs: Jobs,
    request: AnyRequest,
    caller: Caller,
    rate: Rate,
    key: str,
    new_id: str,
    site: str,
) -> str:
    claim = caller.claim(key, request.model_dump_json(by_alias=True, context=REVEAL).encode())
    known = await jobs.idempotency.result_of(claim) or ""
    if known:
        status = await _status_of(jobs, known)
        if status == "queued":  # its creator may have died before the queue had it
            await jobs.send_again(known)
        if status != "expired":
            return known
    # An expired job never began, and has not signed in: a new one takes its place.
    await _take_rate(request, caller, rate, site)
    return await jobs.submit_once(request, caller, new_id, site, claim, instead_of=known)


async def _status_of(jobs: Jobs, job_id: str) -> JobStatus:
    """Return where the job that a key created stands.

    Raises:
        ApiProblemError: 404, the key outlived its job: a second job would sign in again.
    """
    job = await jobs.store.reader.read(job_id)
    if job is None:
        raise ApiProblemError(
            HTTPStatus.NOT_FOUND,
            Sentence(
                "Job {job}, created with this Idempotency-Key, has expired. Use a new key.",
                {"job": job_id},
            ),
            kind="no-such-job",
        )
    return job.status


async def _take_rate(request: AnyRequest, caller: Caller, rate: Rate, site: str) -> None:
    try:
        await rate.take(caller, request.target_name, site)
    except ApiProblemError:
        audit_refused(request, caller, "rate-limited", site)
        raise


def audit_refused(request: AnyRequest, caller: Caller, cause: str, site: str = "") -> None:
    """Log a request that was refused, and the site that it was for, if it is one."""
    named = {"site": site} if site else {}  # a refused one may be anything
    audit_refusal(
        tenant=caller.tenant,
        token=caller.name,
        client=caller.client,
        cause=cause,
        product=request.product_type,
        endpoint=str(request.target),
        **named,
    )


@contextmanager
def refused_if_reused() -> Iterator[None]:
    """Answer 422 if the block finds that the key was used with a different request before."""
    try:
        yield
    except KeyReusedError:
        field = InvalidField(field="Idempotency-Key", reason="was used with a different request")
        raise ApiProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, kind="idempotency-key-reused", errors=[field]
        ) from None
