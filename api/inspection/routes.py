"""Look at the certificates of a host before anything is sent there."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Security
from fastapi.responses import JSONResponse

from api.access.dependencies import JobsDep, RateDep, TesterDep, bearer
from shared.wire.inspections import Inspection, inspection
from api.job_views import JobAccepted
from api.language import LanguageDep
from api.openapi import problems
from api.preferences import Preferences
from api.routes import accepted, verdict
from api.submission import IdempotencyKey, submit
from shared.request import InspectionRequest

inspections_api = APIRouter(prefix="/api/v1/platforms", dependencies=[Security(bearer)])

_ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "With Prefer: respond-async, the look goes on as a job",
        "model": JobAccepted,
        "headers": {"Location": {"schema": {"type": "string"}}},
    }
}


@inspections_api.post(
    "/inspect-certificate",
    operation_id="InspectCertificate",
    tags=["Platform"],
    summary="Look at a host's certificates",
    response_description="What the host shows, and whether a test would trust it.",
    response_model=Inspection,
    responses={**_ACCEPTED, **problems(401, 403, 404, 409, 413, 415, 422, 429, 500, 503, 504)},
)
async def inspect_certificate(
    request: InspectionRequest,
    jobs: JobsDep,
    caller: TesterDep,
    rate: RateDep,
    language: LanguageDep,
    prefer: Annotated[
        list[str] | None, Header(description="respond-async, wait=N (RFC 7240)")
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Inspection | JSONResponse:
    """Show the certificates of a host and whether they are trusted; nothing secret is sent.

    Once the first certificate's SHA-256 was compared with the host's own, a test pins it by
    options.tls.fingerprintSha256.
    """
    preferences = Preferences.parse(*(prefer or ()))
    job_id = await submit(jobs, request, caller, rate, idempotency_key)
    job = await verdict(jobs, job_id, jobs.deadline_s(request), preferences)
    if job:
        return inspection(job_id, job.in_language(language))
    return accepted(job_id, {"Preference-Applied": preferences.applied})
