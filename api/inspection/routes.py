"""The call that inspects a host's certificates."""

from fastapi import APIRouter, Response, Security

from api.access.dependencies import RateDep, TesterDep, bearer
from api.access.open_calls import as_a_stream
from api.jobs.answers import accepted, naming, told, verdict
from api.jobs.dependencies import JobsDep
from api.jobs.submission import IdempotencyKey, site_of, submit
from api.language import LanguageDep, headers_of
from api.openapi import NAMING, accepted_as_job, problems
from api.preferences import Prefer, Preferences
from shared.request.inspection import InspectionRequest
from shared.store.site_keys import SiteKeys
from shared.wire.inspections import Inspection, inspection

inspections_api = APIRouter(prefix="/api/v1/platforms", dependencies=[Security(bearer)])


@inspections_api.post(
    "/inspect-certificate",
    operation_id="InspectCertificate",
    tags=["Platform"],
    summary="Inspect a host's certificates",
    response_description="The host's certificates, and whether a test would trust them.",
    response_model=Inspection,
    responses={
        200: {"headers": NAMING},
        **accepted_as_job("the inspection"),
        **problems(401, 403, 404, 408, 413, 415, 422, 429, 500, 503, 504),
    },
    dependencies=[as_a_stream],
)
async def inspect_certificate(
    request: InspectionRequest,
    jobs: JobsDep,
    caller: TesterDep,
    rate: RateDep,
    language: LanguageDep,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Return a host's certificates and whether they are trusted. No secret is sent.

    To pin the first certificate, compare its SHA-256 with the one on the host, then send it as
    options.tls.fingerprintSha256 of a test.
    """
    preferences = Preferences.parse(*(prefer or ()))
    site = site_of(jobs, request, caller)
    async with jobs.watch.expecting_job(SiteKeys.of(site)) as expected:
        job_id = await submit(
            jobs, request, caller, rate, idempotency_key, site=site, new_id=expected.job_id
        )
        job = await verdict(jobs, job_id, jobs.deadline_s(request), preferences, expected)
    if job:
        shown = inspection(job_id, job.in_language(language), language)
        return told(shown, {**headers_of(language), **naming(job_id)})
    return accepted(job_id, {"Preference-Applied": preferences.applied})
