"""Take a test once, however often the same request comes."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Header

from api.access.caller import Caller
from api.jobs.jobs import Jobs, forbidden
from shared.mock.story import mock_job
from api.problems import InvalidField, ProblemError
from api.access.rate import Rate
from shared.audit import audit_refusal
from shared.idempotency import Claim, KeyInFlightError, KeyReusedError
from shared.request import REVEAL, AnyRequest, JobRequest
from shared.diagnosis.outcomes import Failed

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="The same key with the same body gives the same job for 24 hours.",
    ),
]


async def submit(
    jobs: Jobs, request: AnyRequest, caller: Caller, rate: Rate, key: str | None
) -> str:
    """Return the id of the job for this request: a new one, or the one that the key has made.

    Raises:
        ProblemError: 403, 429 or 503 nothing was taken; 409 or 422 the key is in use; 404 the job
            that it has made has expired.
    """
    if isinstance(request, JobRequest) and request.options.mock:
        return mock_job(request.options.mock)
    try:
        jobs.policy.check(request, caller.policy)
    except Failed as failed:
        _audit_refusal(request, caller, failed.cause.code)
        raise forbidden(failed) from None
    if key is None:
        return await _submit(jobs, request, caller, rate)
    claim = caller.claim(key, request.model_dump_json(by_alias=True, context=REVEAL).encode())
    known = await known_result(jobs, claim)
    if known:
        await _refuse_if_expired(jobs, known)
        return known
    try:
        job_id = await _submit(jobs, request, caller, rate)
    except ProblemError:
        await jobs.idempotency.forget(claim)
        raise
    await jobs.idempotency.keep(claim, job_id)
    return job_id


async def _refuse_if_expired(jobs: Jobs, job_id: str) -> None:
    """Refuse a key that outlived its job: a second one would sign in again."""
    if await jobs.store.read(job_id) is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            f"Job {job_id}, which this Idempotency-Key has made, has expired; take a new key.",
            kind="no-such-job",
        )


async def _submit(jobs: Jobs, request: AnyRequest, caller: Caller, rate: Rate) -> str:
    try:
        await rate.take(caller, request.target_name)
    except ProblemError:
        _audit_refusal(request, caller, "rate-limited")
        raise
    return await jobs.submit(request, caller)


def _audit_refusal(request: AnyRequest, caller: Caller, cause: str) -> None:
    audit_refusal(
        tenant=caller.tenant,
        token=caller.name,
        client=caller.client,
        cause=cause,
        product=request.product_type,
        endpoint=str(request.target),
    )


async def known_result(jobs: Jobs, claim: Claim) -> str | None:
    """Return what the key has made, or None, and then the key is this request's.

    Raises:
        ProblemError: 409 or 422, the key is in use.
    """
    try:
        return await jobs.idempotency.result_of(claim)
    except KeyReusedError:
        field = InvalidField(field="Idempotency-Key", reason="came with another request before")
        detail = f"{field.field}: {field.reason}"
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, detail, kind="idempotency-key-reused", errors=[field]
        ) from None
    except KeyInFlightError:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "The request with this Idempotency-Key is being taken at this moment.",
            kind="idempotency-key-in-flight",
            headers={"Retry-After": "1"},
        ) from None
