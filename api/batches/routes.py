"""The faces of a batch: look, page, watch, cancel, repeat."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Security
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sse_starlette import EventSourceResponse

from api.access.dependencies import BatchReaderDep, BulkTesterDep, bearer
from api.access.open_calls import as_a_stream, as_an_upload
from api.batches.answers import accepted_answer, wanted_form
from api.batches.dependencies import BatchesDep
from api.batches.events import stream
from api.batches.finding.choice import ItemFilters
from api.batches.listing import BatchListing, WantedBatches
from api.batches.results import IN_JSON, ResultQuery, Results
from api.language import LanguageDep, headers_of
from api.openapi import problem, problems
from shared.wire.batches import (
    BATCHES_PATH,
    BatchPage,
    BatchView,
    ResultPage,
    RetryAccepted,
)
from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX

batches_api = APIRouter(
    prefix=BATCHES_PATH,
    tags=["Batches"],
    dependencies=[Security(bearer)],
    responses=problems(401, 403, 429, 503),
)

BatchId = Annotated[str, Path(examples=["8d4d17e8789ff7e43171802f"])]
_Responses = dict[int | str, dict[str, Any]]
_NO_SUCH_BATCH: _Responses = {
    404: problem("The batch does not exist, or belongs to another tenant")
}
_NOTHING_TO_REPEAT: _Responses = {
    409: problem(
        "No item that matches failed, or the sealed requests of the failed items are deleted"
    )
}


@batches_api.get("", summary="List batches", response_model=BatchPage, responses=problems(422))
async def list_batches(
    wanted: Annotated[WantedBatches, Query()], batches: BatchesDep, caller: BatchReaderDep
) -> JSONResponse:
    """Return the tenant's own batches, newest first, until they expire.

    With a filter, a page may have fewer than `limit` batches, or none, and still not be the last
    one: that has no `nextCursor`.
    """
    page = await BatchListing(batches.reader.store, caller.tenant).page(wanted)
    return JSONResponse(page.model_dump(mode="json", by_alias=True), headers=_NOT_KEPT)


@batches_api.get(
    "/{batch_id}",
    summary="Get a batch",
    response_model=BatchView,
    responses=_NO_SUCH_BATCH,
)
async def look(
    batch_id: BatchId, batches: BatchesDep, caller: BatchReaderDep, language: LanguageDep
) -> JSONResponse:
    """Return the batch's progress: its counts, causes, and what failed items have in common."""
    progress = await batches.reader.own_progress(batch_id, caller.tenant)
    shown = await batches.reader.view(batch_id, progress, language)
    headers = {**_NOT_KEPT, **headers_of(language)}
    if not progress.finished_at:
        headers["Retry-After"] = "1"
    return JSONResponse(shown.model_dump(mode="json", by_alias=True), headers=headers)


_NOT_KEPT = {"Cache-Control": "no-store"}


@batches_api.get(
    "/{batch_id}/results",
    summary="Get the results",
    response_model=ResultPage,
    responses={
        200: {"content": {"application/x-ndjson": {}, "text/csv": {}, XLSX: {}}},
        **_NO_SUCH_BATCH,
        **problems(422),
    },
    dependencies=[as_a_stream],
)
async def results(
    batch_id: BatchId,
    batches: BatchesDep,
    caller: BatchReaderDep,
    language: LanguageDep,
    query: Annotated[ResultQuery, Query()],
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Return a page of results as JSON, or results as lines of NDJSON or as a table."""
    state = await batches.reader.own(batch_id, caller.tenant)
    found = Results(batches.reader, batch_id, state, query.choice, language, query.sort)
    form, first = query.format or _accepted_format(accept), int(query.cursor)
    said_in = headers_of(language)
    if form == "csv":
        lines = found.as_csv(first, query.limit)
        return _stream(lines, "text/csv; charset=utf-8", f"{batch_id}.csv", said_in)
    if form == "xlsx":
        return _stream(found.as_xlsx(first, query.limit), XLSX, f"{batch_id}.xlsx", said_in)
    if form == "ndjson":
        lines = found.as_ndjson(first, query.limit)
        return _stream(lines, "application/x-ndjson", f"{batch_id}.ndjson", said_in)
    items, following = await found.page(first, query.limit or IN_JSON)
    page = ResultPage(items=tuple(items), next_cursor=None if following is None else str(following))
    content = page.model_dump(mode="json", by_alias=True)
    return JSONResponse(content, headers={**_NOT_KEPT, **said_in})


@batches_api.get(
    "/{batch_id}/events",
    summary="Watch a batch",
    response_class=EventSourceResponse,
    responses=_NO_SUCH_BATCH,
    dependencies=[as_a_stream],
)
async def watch(
    batch_id: BatchId,
    batches: BatchesDep,
    caller: BatchReaderDep,
    language: LanguageDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventSourceResponse:
    """Stream the counts as they change, and an event when the batch is done; then the stream ends.

    An event's id is the number of items done; the last event's id is `end`. Last-Event-ID resumes
    the stream; after `end` it is empty.
    """
    await batches.reader.own_progress(batch_id, caller.tenant)
    return stream(batches, batch_id, last_event_id, language)


@batches_api.delete(
    "/{batch_id}", summary="Cancel a batch", response_model=BatchView, responses=_NO_SUCH_BATCH
)
async def cancel(
    batch_id: BatchId, batches: BatchesDep, caller: BulkTesterDep, language: LanguageDep
) -> JSONResponse:
    """Start no more tests; running tests continue to their end. Return the batch."""
    await batches.cancellation.cancel(batch_id, await batches.reader.own(batch_id, caller.tenant))
    return await look(batch_id, batches, caller, language)


@batches_api.post(
    "/{batch_id}/retry",
    status_code=202,
    summary="Retry failed items",
    response_model=RetryAccepted,
    responses={**_NO_SUCH_BATCH, **_NOTHING_TO_REPEAT, **problems(422)},
    dependencies=[as_an_upload],
)
async def retry(
    batch_id: BatchId,
    batches: BatchesDep,
    caller: BulkTesterDep,
    language: LanguageDep,
    wanted: Annotated[ItemFilters, Query()],
) -> JSONResponse:
    """Test the items that failed, expired or were lost again, in a new batch.

    With a filter, only those that match are tested. `notRepeated` lists those of them that can't
    be: their sealed requests are deleted, or the token is not allowed to test them.
    """
    state = await batches.reader.own(batch_id, caller.tenant)
    new_id, gone = await batches.repetition.repeat(batch_id, state, caller, wanted.choice)
    accepted = await batches.reader.accepted(new_id, (), language)
    return accepted_answer(RetryAccepted(**dict(accepted), not_repeated=tuple(gone)), language)


def _accepted_format(accept: str) -> Literal["json", "ndjson", "csv", "xlsx"]:
    form = wanted_form(accept)
    return "ndjson" if form == "json" and "ndjson" in accept else form


def _stream(
    parts: AsyncIterator[str] | AsyncIterator[bytes],
    media_type: str,
    name: str,
    said_in: dict[str, str],
) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **_NOT_KEPT, **said_in}
    return StreamingResponse(parts, media_type=media_type, headers=headers)
