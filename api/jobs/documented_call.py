"""The documented call."""

from fastapi import APIRouter, Response, Security

from api.access.dependencies import RateDep, TesterDep, bearer
from api.access.open_calls import as_a_stream
from api.jobs.answers import accepted, naming, told, verdict
from api.jobs.dependencies import JobsDep
from api.jobs.mock_answers import mock_answer
from api.jobs.submission import IdempotencyKey, site_of, submit
from api.language import LanguageDep, headers_of
from api.openapi import NAMING, accepted_as_job, problems
from api.preferences import Prefer, Preferences
from shared.diagnosis.report import Answer
from shared.request import JobRequest
from shared.store.site_keys import SiteKeys

api = APIRouter(prefix="/api/v1/platforms", dependencies=[Security(bearer)])


@api.post(
    "/test-connection",
    operation_id="TestConnectionDetailed",
    tags=["Platform"],
    summary="TestConnectionDetailed",
    description="Run a step-by-step connection test and return per-step diagnostics.",
    response_description="The test is over; `success` says whether it passed.",
    response_model=Answer,
    responses={
        200: {"headers": NAMING},
        **accepted_as_job("the test"),
        **problems(401, 403, 404, 408, 413, 415, 422, 429, 500, 503, 504),
    },
    dependencies=[as_a_stream],
)
async def answer_when_tested(
    request: JobRequest,
    jobs: JobsDep,
    caller: TesterDep,
    rate: RateDep,
    language: LanguageDep,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Test a platform and respond when the test is over, or earlier if the caller prefers."""
    preferences = Preferences.parse(*(prefer or ()))
    site = site_of(jobs, request, caller)
    async with jobs.watch.expecting_job(SiteKeys.of(site)) as expected:
        job_id = await submit(
            jobs, request, caller, rate, idempotency_key, site=site, new_id=expected.job_id
        )
        if request.options.mock and not preferences.at_once:  # a mock is over at once
            return mock_answer(request.options.mock, language, naming(job_id))
        job = await verdict(jobs, job_id, jobs.deadline_s(request), preferences, expected)
    if job:
        answer = job.in_language(language).answer()
        return told(answer, {**headers_of(language), **naming(job_id)})
    return accepted(job_id, {"Preference-Applied": preferences.applied})
