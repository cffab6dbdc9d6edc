"""The faces of a batch: submit, look, page, watch, cancel, repeat."""

from collections.abc import AsyncIterator
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request, Security
from fastapi.responses import JSONResponse, Response, StreamingResponse
from sse_starlette import EventSourceResponse

from api.batches.events import stream
from api.batches.results import Results, Wanted
from shared.wire.batches import BATCHES_PATH, BatchAccepted, BatchResult, BatchView
from api.access.dependencies import BatchesDep, BatchReaderDep, BulkTesterDep, JobsDep, bearer
from api.language import LanguageDep, headers_of
from api.openapi import problem, problems
from api.submission import IdempotencyKey, known_result
from shared.uploads import MEDIA_TYPES, Row, rows
from shared.diagnosis.report import WireModel

batches_api = APIRouter(
    prefix=BATCHES_PATH,
    tags=["Batches"],
    dependencies=[Security(bearer)],
    responses=problems(401, 403, 503),
)

BatchId = Annotated[str, Path(examples=["8d4d17e8789ff7e43171802f"])]
Standing = Literal[
    "queued", "running", "passed", "warning", "failed", "cancelled", "expired", "lost"
]
Strict = Annotated[bool, Query(description="Refuse all if a row is bad.")]
Format = Literal["json", "ndjson", "csv"]
_Responses = dict[int | str, dict[str, Any]]
_NO_SUCH_BATCH: _Responses = {404: problem("There is no such batch, or it is somebody else's")}
_UNREADABLE: _Responses = {
    415: problem(f"The upload, or the file in it, is none of {', '.join(MEDIA_TYPES)}")
}
_NOTHING_TO_REPEAT: _Responses = {
    409: problem("No item failed, or the sealed requests of those that did are gone")
}
_UPLOAD = {
    media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES
} | {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["items"],
            "properties": {
                "options": {"type": "object", "description": "Defaults; must stand before items."},
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/JobRequest"}},
            },
        }
    }
}


class ResultPage(WireModel):
    """Some results of a batch."""

    items: tuple[BatchResult, ...]
    next_cursor: str | None


class RetryAccepted(BatchAccepted):
    """A batch that repeats what failed of another one."""

    not_repeated: tuple[int, ...]


class _Upload:
    """The rows of a request's body, and what they add up to.

    Not the body itself: with the same file a client sends another form boundary each time.
    """

    def __init__(self, request: Request, content_type: str) -> None:
        self._rows = rows(request.stream(), content_type)
        self._digest = sha256()

    async def rows(self) -> AsyncIterator[Row]:
        async for row in self._rows:
            self._digest.update(repr((row.place, row.content, row.problem)).encode())
            yield row

    def digest(self, *, strict: bool) -> bytes:
        return b"batch %d " % strict + self._digest.digest()


@batches_api.post(
    "",
    status_code=202,
    summary="Submit a batch",
    response_model=BatchAccepted,
    responses={**problems(408, 409, 413, 422), **_UNREADABLE},
    openapi_extra={"requestBody": {"required": True, "content": _UPLOAD}},
)
async def submit_batch(
    request: Request,
    batches: BatchesDep,
    jobs: JobsDep,
    caller: BulkTesterDep,
    strict: Strict = False,  # noqa: FBT002 -- a query parameter
    content_type: Annotated[str, Header()] = "",
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Take many tests and answer at once: JSON, NDJSON or CSV, as the body or as a file of it.

    A bad row does not sink the batch; the answer says where it is and what is wrong.
    """
    upload = _Upload(request, content_type)
    intake = await batches.take(upload.rows(), caller, strict=strict)
    if idempotency_key is None:
        await batches.open(intake)
        return await _accepted(batches, intake.batch_id)
    claim = caller.claim(idempotency_key, upload.digest(strict=strict))
    try:
        known = await known_result(jobs, claim)
    except BaseException:
        await batches.store.discard(intake.batch_id)
        raise
    if known:
        await batches.store.discard(intake.batch_id)
        return await _accepted(batches, known)
    await batches.open(intake)
    await jobs.idempotency.keep(claim, intake.batch_id)
    return await _accepted(batches, intake.batch_id)


@batches_api.get(
    "/{batch_id}",
    summary="Look at a batch",
    response_model=BatchView,
    responses=_NO_SUCH_BATCH,
)
async def look(
    batch_id: BatchId, batches: BatchesDep, caller: BatchReaderDep, language: LanguageDep
) -> JSONResponse:
    """Show how far the batch is: its counts, its causes, and what failed items have in common."""
    state = await batches.own(batch_id, caller.tenant)
    shown = await batches.view(batch_id, state, language)
    headers = {**_NOT_KEPT, **headers_of(language)}
    if not state.finished_at:
        headers["Retry-After"] = "1"
    return JSONResponse(shown.model_dump(mode="json", by_alias=True), headers=headers)


_NOT_KEPT = {"Cache-Control": "no-store"}


@batches_api.get(
    "/{batch_id}/results",
    summary="Page through the results",
    response_model=ResultPage,
    responses={
        200: {"content": {"application/x-ndjson": {}, "text/csv": {}}},
        **_NO_SUCH_BATCH,
        **problems(422),
    },
)
async def results(
    batch_id: BatchId,
    batches: BatchesDep,
    caller: BatchReaderDep,
    language: LanguageDep,
    outcome: Annotated[Standing | None, Query(description="Only those that stand so.")] = None,
    cause: Annotated[str | None, Query(max_length=64, examples=["tls.expired"])] = None,
    product_type: Annotated[str | None, Query(alias="productType", max_length=64)] = None,
    cursor: Annotated[str, Query(pattern="^[0-9]{1,9}$", description="A nextCursor.")] = "0",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    format_: Annotated[Format | None, Query(alias="format")] = None,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Give a page of results as JSON, or all from the cursor on as NDJSON or CSV.

    The format is the query's, else that of the Accept header.
    """
    state = await batches.own(batch_id, caller.tenant)
    wanted = Results(batches, batch_id, state, Wanted(outcome, cause, product_type, language))
    form, said_in = format_ or _accepted_format(accept), headers_of(language)
    if form == "csv":
        lines = wanted.as_csv(int(cursor))
        return _lines(lines, "text/csv; charset=utf-8", f"{batch_id}.csv", said_in)
    if form == "ndjson":
        lines = wanted.as_ndjson(int(cursor))
        return _lines(lines, "application/x-ndjson", f"{batch_id}.ndjson", said_in)
    found, following = await wanted.page(int(cursor), limit)
    page = ResultPage(items=tuple(found), next_cursor=None if following is None else str(following))
    content = page.model_dump(mode="json", by_alias=True)
    return JSONResponse(content, headers={**_NOT_KEPT, **said_in})


@batches_api.get(
    "/{batch_id}/events",
    summary="Watch a batch",
    response_class=EventSourceResponse,
    responses=_NO_SUCH_BATCH,
)
async def watch(
    batch_id: BatchId,
    batches: BatchesDep,
    caller: BatchReaderDep,
    language: LanguageDep,
    last_event_id: Annotated[str | None, Header()] = None,
) -> EventSourceResponse:
    """Stream the counts as they change, and an event when all is done; then the stream ends.

    The id of an event is the number of items done, of the last one `end`, so Last-Event-ID spares
    what is known; after `end` there is nothing more.
    """
    await batches.own(batch_id, caller.tenant)
    return stream(batches, batch_id, caller.tenant, last_event_id, language)


@batches_api.delete(
    "/{batch_id}", summary="Cancel a batch", response_model=BatchView, responses=_NO_SUCH_BATCH
)
async def cancel(
    batch_id: BatchId, batches: BatchesDep, caller: BulkTesterDep, language: LanguageDep
) -> JSONResponse:
    """Have nothing more begin; tests at work go on to their end. Show the batch."""
    await batches.cancel(batch_id, await batches.own(batch_id, caller.tenant))
    return await look(batch_id, batches, caller, language)


@batches_api.post(
    "/{batch_id}/retry",
    status_code=202,
    summary="Repeat what failed",
    response_model=RetryAccepted,
    responses={**_NO_SUCH_BATCH, **_NOTHING_TO_REPEAT},
)
async def retry(batch_id: BatchId, batches: BatchesDep, caller: BulkTesterDep) -> JSONResponse:
    """Test again, in a new batch, the items that failed, expired or were lost.

    notRepeated lists those that can't be: their sealed requests are gone, or the token may not
    have them tested.
    """
    state = await batches.own(batch_id, caller.tenant)
    new_id, gone = await batches.retry(batch_id, state, caller)
    taken = await batches.accepted(new_id)
    shown = RetryAccepted(**dict(taken), not_repeated=tuple(gone))
    return _shown_as_accepted(shown)


async def _accepted(batches: BatchesDep, batch_id: str) -> JSONResponse:
    return _shown_as_accepted(await batches.accepted(batch_id))


def _shown_as_accepted(taken: BatchAccepted) -> JSONResponse:
    content: dict[str, Any] = taken.model_dump(mode="json", by_alias=True)
    return JSONResponse(content, HTTPStatus.ACCEPTED, {"Location": taken.status_url})


def _accepted_format(accept: str) -> Format:
    if "text/csv" in accept:
        return "csv"
    return "ndjson" if "ndjson" in accept else "json"


def _lines(
    lines: AsyncIterator[str], media_type: str, name: str, said_in: dict[str, str]
) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', **_NOT_KEPT, **said_in}
    return StreamingResponse(lines, media_type=media_type, headers=headers)
