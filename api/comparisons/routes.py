"""The calls for comparisons of sites: submit, get, watch, cancel."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response, Security
from sse_starlette import EventSourceResponse

from api.access.dependencies import CallRateDep, JobReaderDep, TesterDep, bearer
from api.access.open_calls import OpenCallsDep, as_a_stream
from api.comparisons.comparisons import ComparisonsDep
from api.comparisons.events import events_seen, stream
from api.comparisons.submission import submit
from api.comparisons.views import Shown, look, look_until
from api.jobs.answers import named_tags, told
from api.jobs.submission import IdempotencyKey
from api.language import LanguageDep, headers_of
from api.openapi import problems
from api.preferences import Prefer, Preferences
from shared.diagnosis.translations import Language
from shared.wire.comparisons import (
    COMPARISONS_PATH,
    ComparisonAccepted,
    ComparisonRequest,
    ComparisonView,
    comparison_url,
)

LONGEST_POLL_S = 30
LOOK_AGAIN_S = 1

comparisons_api = APIRouter(
    prefix=COMPARISONS_PATH,
    tags=["Comparisons"],
    dependencies=[Security(bearer)],
    responses=problems(401, 403, 429, 503),
)

ComparisonId = Annotated[str, Path(examples=["8d4d17e8789ff7e43171802f1d54612d"])]
Wait = Annotated[float, Query(ge=0, le=LONGEST_POLL_S, description="Seconds to wait for a change.")]
_LOCATION: dict[str, Any] = {"Location": {"schema": {"type": "string"}}}


@comparisons_api.post(
    "",
    status_code=202,
    summary="Compare sites",
    response_model=ComparisonAccepted,
    responses={
        200: {
            "description": "With Prefer: wait=N, all tests are over",
            "model": ComparisonView,
            "headers": _LOCATION,
        },
        202: {"headers": _LOCATION},
        **problems(404, 408, 413, 415, 422),
    },
    dependencies=[as_a_stream],
)
async def submit_comparison(
    request: ComparisonRequest,
    comparisons: ComparisonsDep,
    caller: TesterDep,
    rate: CallRateDep,
    language: LanguageDep,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Test a platform from several sites, and respond at once.

    It counts as as many tests as there are sites. With `Prefer: wait=N` the response is the
    comparison, if it is over within N seconds.
    """
    wait_s = Preferences.parse(*(prefer or ())).wait_s
    comparison_id = await submit(comparisons, request, caller, rate, idempotency_key)
    at = {"Location": comparison_url(comparison_id)}
    if wait_s:
        shown = await look_until(
            comparisons, comparison_id, caller.tenant, language, _is_over, wait_s
        )
        if _is_over(shown):
            return told(shown.view, {**at, **headers_of(language)})
    else:
        shown = await look(comparisons, comparison_id, caller.tenant, language)
    response = told(_accepted(shown), at)
    response.status_code = 202
    return response


@comparisons_api.get(
    "/{comparison_id}",
    summary="Get a comparison",
    response_model=ComparisonView,
    responses={
        304: {"description": "The comparison has not changed since the ETag"},
        **problems(404, 422),
    },
)
async def look_at_comparison(
    comparison_id: ComparisonId,
    comparisons: ComparisonsDep,
    caller: JobReaderDep,
    language: LanguageDep,
    calls: OpenCallsDep,
    wait: Wait = 0,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the comparison: a column for each site, a row for each step, and what differs.

    With `wait`, the response comes as soon as it has changed since the ETag in If-None-Match, or
    since the request if there is no ETag.
    """
    shown = await look(comparisons, comparison_id, caller.tenant, language)
    known = named_tags(if_none_match, shown.tag)
    if wait and shown.tag in known and not _is_over(shown):
        with calls.streams.one(caller.share_of):
            shown = await look_until(
                *(comparisons, comparison_id, caller.tenant, language),
                lambda now: now.tag not in known,
                wait,
            )
    headers = _headers(shown, language)
    if if_none_match and shown.tag in known:
        return Response(status_code=304, headers=headers)
    return told(shown.view, headers)


@comparisons_api.get(
    "/{comparison_id}/events",
    summary="Watch a comparison",
    response_class=EventSourceResponse,
    responses=problems(404),
    dependencies=[as_a_stream],
)
async def watch_comparison(
    comparison_id: ComparisonId,
    comparisons: ComparisonsDep,
    caller: JobReaderDep,
    language: LanguageDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventSourceResponse:
    """Stream the events of all its jobs, each with `site` and `jobId`; the last one, `over`, is the
    whole comparison. Last-Event-ID resumes the stream without a gap.
    """  # noqa: D205 -- FastAPI shows it as one paragraph
    await look(comparisons, comparison_id, caller.tenant, language)
    seen = events_seen(last_event_id)
    return stream(comparisons, comparison_id, caller.tenant, seen, language)


@comparisons_api.delete(
    "/{comparison_id}",
    summary="Cancel a comparison",
    response_model=ComparisonView,
    responses=problems(404),
)
async def cancel_comparison(
    comparison_id: ComparisonId,
    comparisons: ComparisonsDep,
    caller: TesterDep,
    language: LanguageDep,
) -> Response:
    """Cancel all its jobs, and return it. A comparison that is over does not change."""
    shown = await look(comparisons, comparison_id, caller.tenant, language)
    if not _is_over(shown):
        await comparisons.store.cancel(comparison_id)
        await comparisons.comparer.advance(comparison_id)
        shown = await look(comparisons, comparison_id, caller.tenant, language)
    return told(shown.view, _headers(shown, language))


def _is_over(shown: Shown) -> bool:
    return shown.standing.is_over


def _accepted(shown: Shown) -> ComparisonAccepted:
    comparison_id = shown.view.comparison_id
    return ComparisonAccepted(
        comparison_id=comparison_id,
        status_url=comparison_url(comparison_id),
        jobs={part.site: part.job_id for part in shown.standing.comparison.parts},
    )


def _headers(shown: Shown, language: Language) -> dict[str, str]:
    headers = {"ETag": shown.tag, "Cache-Control": "no-store", **headers_of(language)}
    return headers if _is_over(shown) else {**headers, "Retry-After": str(LOOK_AGAIN_S)}
