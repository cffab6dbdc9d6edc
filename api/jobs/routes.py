"""The calls for a job: submit, get, watch, cancel."""

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response, Security
from fastapi.responses import JSONResponse
from sse_starlette import EventSourceResponse

from api.access.dependencies import JobReaderDep, RateDep, TesterDep, bearer
from api.access.open_calls import OpenCallsDep, as_a_stream
from api.jobs.answers import accepted, named_tags, told
from api.jobs.dependencies import JobsDep
from api.jobs.events import last_seen, replay, stream
from api.jobs.jobs import Jobs
from api.jobs.listing import JobListing, WantedJobs
from api.jobs.mock_answers import mock_headers
from api.jobs.submission import IdempotencyKey, site_of, submit
from api.jobs.views import is_job_id, no_such_job, view
from api.language import LanguageDep, headers_of
from api.openapi import NAMING, problems
from shared.diagnosis.translations import Language
from shared.mock.story import mock_story
from shared.request import JobRequest
from shared.store.jobs.job_watch import look_after
from shared.wire.jobs import JOBS_PATH, JobAccepted, JobPage, JobView

LONGEST_POLL_S = 30
LOOK_AGAIN_S = 1

jobs_api = APIRouter(
    prefix=JOBS_PATH,
    tags=["Jobs"],
    dependencies=[Security(bearer)],
    responses=problems(401, 403, 429, 503),
)

JobId = Annotated[str, Path(examples=["8d4d17e8789ff7e43171802f1d54612d"])]
Wait = Annotated[float, Query(ge=0, le=LONGEST_POLL_S, description="Seconds to wait for a change.")]


@jobs_api.post(
    "",
    status_code=202,
    summary="Submit a test",
    response_model=JobAccepted,
    responses={
        202: {"headers": {"Location": {"schema": {"type": "string"}}, **NAMING}},
        **problems(404, 408, 413, 415, 422),
    },
)
async def submit_job(
    request: JobRequest,
    jobs: JobsDep,
    caller: TesterDep,
    rate: RateDep,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Accept the test and respond at once. `statusUrl` is the URL of the job."""
    site = site_of(jobs, request, caller)
    return accepted(await submit(jobs, request, caller, rate, idempotency_key, site=site))


@jobs_api.get("", summary="List jobs", response_model=JobPage, responses=problems(422))
async def list_jobs(
    wanted: Annotated[WantedJobs, Query()],
    jobs: JobsDep,
    caller: JobReaderDep,
    language: LanguageDep,
) -> Response:
    """Return the tenant's own tests and inspections, newest first, until they expire.

    Tests of a batch's items are in the batch's results, not here. With a filter, a page may have
    fewer than `limit` jobs, or none, and still not be the last one: that has no `nextCursor`.
    """
    page = await JobListing(jobs.store, caller.tenant, language).page(wanted)
    headers = {"Cache-Control": "no-store", **headers_of(language)}
    return told(page, headers)


@jobs_api.get(
    "/{job_id}",
    summary="Get a job",
    response_model=JobView,
    responses={
        304: {"description": "The job has not changed since the ETag"},
        **problems(404, 422),
    },
)
async def look(
    job_id: JobId,
    jobs: JobsDep,
    caller: JobReaderDep,
    language: LanguageDep,
    calls: OpenCallsDep,
    wait: Wait = 0,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the job: its items so far, the remaining steps, and its result.

    With `wait`, the response comes as soon as the job has changed since the ETag in
    If-None-Match, or since the request if there is no ETag.
    """
    tag, shown = await _look(jobs, job_id, caller.tenant, language)
    known = named_tags(if_none_match, tag)
    if wait and tag in known and not shown.is_closed:
        with calls.streams.one(caller.share_of):
            tag, shown = await _look_when_changed(
                jobs, job_id, caller.tenant, language, known, wait
            )
    headers = {"ETag": tag, "Cache-Control": "no-store"}
    headers |= {**headers_of(language), **mock_headers(job_id)}
    if not shown.is_closed:
        headers["Retry-After"] = str(LOOK_AGAIN_S)
    if if_none_match and tag in known:
        return Response(status_code=304, headers=headers)
    return told(shown, headers)


@jobs_api.get(
    "/{job_id}/events",
    summary="Watch a job",
    response_class=EventSourceResponse,
    responses=problems(404),
    dependencies=[as_a_stream],
)
async def watch(
    job_id: JobId,
    jobs: JobsDep,
    caller: JobReaderDep,
    language: LanguageDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventSourceResponse:
    """Stream an event when the job is queued and started, when each step starts and ends, and
    when the job ends; then the stream ends. Last-Event-ID resumes the stream without a gap.
    The job of a batch's item may leave out the start of a step, and comes up to a second later.
    """  # noqa: D205 -- FastAPI shows it as one paragraph
    mock = mock_story(job_id, caller.tenant)
    if mock:
        return replay(mock, last_seen(last_event_id), language)
    await _look(jobs, job_id, caller.tenant, language)
    return stream(jobs, job_id, last_seen(last_event_id), language)


@jobs_api.delete(
    "/{job_id}", summary="Cancel a job", response_model=JobView, responses=problems(404)
)
async def cancel(
    job_id: JobId, jobs: JobsDep, caller: TesterDep, language: LanguageDep
) -> Response:
    """Cancel the job, whether queued or running, and return it. A closed job does not change."""
    _, shown = await _look(jobs, job_id, caller.tenant, language)
    if not shown.is_closed:
        await jobs.store.closer.cancel(job_id)
        _, shown = await _look(jobs, job_id, caller.tenant, language)
    return told(shown, {**headers_of(language), **mock_headers(job_id)})


async def _look(jobs: Jobs, job_id: str, tenant: str, language: Language) -> tuple[str, JobView]:
    """Return the tenant's own job with its ETag.

    Raises:
        ApiProblemError: 404, the job does not exist or is not the tenant's.
    """
    story = mock_story(job_id, tenant)
    if is_job_id(job_id):
        story = await jobs.store.reader.story(job_id)
    shown = view(job_id, story, jobs.store.result_ttl_s, language, jobs.store.reader.places)
    if shown is None or shown.tenant != tenant:
        raise no_such_job()
    return f'"{story[-1][0]}-{language}"', shown


async def _look_when_changed(
    jobs: Jobs, job_id: str, tenant: str, language: Language, known: Collection[str], wait_s: float
) -> tuple[str, JobView]:
    """Return the job when its ETag is no longer among `known`, or after `wait_s`."""
    look = partial(_look, jobs, job_id, tenant, language)
    try:
        channel = (await jobs.store.index.keys_of(job_id)).job(job_id)
        async with asyncio.timeout(wait_s), jobs.watch.changes(channel) as changed:
            while True:
                tag, shown = await look_after(changed, look)
                if tag not in known:
                    return tag, shown
    except TimeoutError:
        return await look()
