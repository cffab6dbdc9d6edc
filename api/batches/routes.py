"""The faces of a batch: submit, look, page, watch, cancel, repeat."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Security
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sse_starlette import EventSourceResponse

from api.access.dependencies import BatchReaderDep, BulkTesterDep, CallRateDep, bearer
from api.access.open_calls import as_a_stream, as_an_upload
from api.batches.choice import ItemFilters
from api.batches.dependencies import BatchesDep, DryRunQuery, WishesDep
from api.batches.events import stream
from api.batches.listing import BatchListing, WantedBatches
from api.batches.receiving.dry_run import XLSX, dry_run, dry_run_answer, wanted_form
from api.batches.receiving.upload import Upload
from api.batches.results import IN_JSON, ResultQuery, Results
from api.jobs.submission import IdempotencyKey, refused_if_reused
from api.language import LanguageDep, headers_of
from api.openapi import problem, problems
from shared.diagnosis.translations import Language
from shared.uploads import MEDIA_TYPES
from shared.wire.batches import (
    BATCHES_PATH,
    BatchAccepted,
    BatchPage,
    BatchView,
    ResultPage,
    RetryAccepted,
)
from shared.wire.uploads import DryRun

batches_api = APIRouter(
    prefix=BATCHES_PATH,
    tags=["Batches"],
    dependencies=[Security(bearer)],
    responses=problems(401, 403, 429, 503),
)

BatchId = Annotated[str, Path(examples=["8d4d17e8789ff7e43171802f"])]
Strict = Annotated[bool, Query(description="Refuse the whole upload if any row is invalid.")]
_Responses = dict[int | str, dict[str, Any]]
_NO_SUCH_BATCH: _Responses = {
    404: problem("The batch does not exist, or belongs to another tenant")
}
_UNREADABLE: _Responses = {
    415: problem(f"The upload, or the file in it, is not one of {', '.join(MEDIA_TYPES)}")
}
_NOTHING_TO_REPEAT: _Responses = {
    409: problem(
        "No item that matches failed, or the sealed requests of the failed items are deleted"
    )
}
_DRY_RUN: _Responses = {
    200: {
        "description": "With `dryRun=true`: what was read, or the invalid rows as a table",
        "model": DryRun,
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in ("text/csv", XLSX)
        },
    }
}
_UPLOAD = {
    media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES
} | {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["items"],
            "properties": {
                "options": {
                    "type": "object",
                    "description": "Default options of all items; must come before `items`.",
                },
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/JobRequest"}},
            },
        }
    }
}


@batches_api.post(
    "",
    status_code=202,
    summary="Submit a batch",
    response_model=BatchAccepted,
    responses={**_DRY_RUN, **problems(408, 413, 422), **_UNREADABLE},
    dependencies=[as_an_upload],
    openapi_extra={"requestBody": {"required": True, "content": _UPLOAD}},
)
async def submit_batch(
    request: Request,
    batches: BatchesDep,
    caller: BulkTesterDep,
    language: LanguageDep,
    wishes: WishesDep,
    rate: CallRateDep,
    strict: Strict = False,  # noqa: FBT002 -- a query parameter
    is_dry_run: DryRunQuery = False,  # noqa: FBT002 -- a query parameter
    content_type: Annotated[str, Header()] = "",
    accept: Annotated[str, Header()] = "",
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Accept a bulk test as JSON, NDJSON or CSV, in the body or as a file in a form.

    The response comes at once. It lists invalid rows, which are skipped; the others are tested.
    With `dryRun=true`, nothing is stored or tested: the response says what was read. With
    `Accept: text/csv` or a workbook's media type, it is the first invalid rows as they were sent,
    their secrets included, with a last column that says what is wrong.
    """
    upload = Upload(request, content_type, wishes)
    if is_dry_run:
        await rate.take_call(caller)
        form = wanted_form(accept)
        found = await dry_run(batches.submission, upload, caller, keeps_bad_rows=form != "json")
        return await dry_run_answer(found, form, language)
    intake = await batches.submission.receive(
        upload.rows(),
        caller,
        strict=strict,
        may_exist=idempotency_key is not None,
        wishes=upload.wishes,
        reading=upload.reading,
    )
    digest = upload.digest(strict=strict)
    claim = caller.claim(idempotency_key, digest) if idempotency_key else None
    with refused_if_reused():
        batch_id = await batches.submission.start(intake, claim)
    accepted = await batches.reader.accepted(batch_id, intake.rejected, language, upload.reading)
    return _accepted(accepted, language)


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
        200: {"content": {"application/x-ndjson": {}, "text/csv": {}}},
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
    """Return a page of results as JSON, or results as lines of NDJSON or CSV."""
    state = await batches.reader.own(batch_id, caller.tenant)
    found = Results(batches.reader, batch_id, state, query.choice, language, query.sort)
    form, first = query.format or _accepted_format(accept), int(query.cursor)
    said_in = headers_of(language)
    if form == "csv":
        lines = found.as_csv(first, query.limit)
        return _lines(lines, "text/csv; charset=utf-8", f"{batch_id}.csv", said_in)
    if form == "ndjson":
        lines = found.as_ndjson(first, query.limit)
        return _lines(lines, "application/x-ndjson", f"{batch_id}.ndjson", said_in)
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
    return _accepted(RetryAccepted(**dict(accepted), not_repeated=tuple(gone)), language)


def _accepted(shown: BatchAccepted, language: Language) -> JSONResponse:
    content: dict[str, Any] = shown.model_dump(mode="json", by_alias=True)
    headers = {"Location": shown.status_url, **headers_of(language)}
    return JSONResponse(content, HTTPStatus.ACCEPTED, headers)


def _accepted_format(accept: str) -> Literal["json", "ndjson", "csv"]:
    if "text/csv" in accept:
        return "csv"
    return "ndjson" if "ndjson" in accept else "json"


def _lines(
    lines: AsyncIterator[str], media_type: str, name: str, said_in: dict[str, str]
) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **_NOT_KEPT, **said_in}
    return StreamingResponse(lines, media_type=media_type, headers=headers)
