"""The call that sends many platforms, to test them or to look at what would be tested."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Security
from fastapi.responses import Response

from api.access.dependencies import BulkTesterDep, CallRateDep, bearer
from api.access.open_calls import as_an_upload
from api.batches.answers import accepted_answer, wanted_form
from api.batches.dependencies import BatchesDep, DryRunQuery, WishesDep
from api.batches.receiving.described import DRY_RUN, UNREADABLE, UPLOAD
from api.batches.receiving.dry_run import dry_run, dry_run_answer
from api.batches.receiving.upload import Upload
from api.jobs.submission import IdempotencyKey, refused_if_reused
from api.language import LanguageDep
from api.openapi import problems
from shared.wire.batches import BATCHES_PATH, BatchAccepted

uploads_api = APIRouter(
    prefix=BATCHES_PATH,
    tags=["Batches"],
    dependencies=[Security(bearer)],
    responses=problems(401, 403, 429, 503),
)

Strict = Annotated[bool, Query(description="Refuse the whole upload if any row is invalid.")]


@uploads_api.post(
    "",
    status_code=202,
    summary="Submit a batch",
    response_model=BatchAccepted,
    responses={**DRY_RUN, **problems(408, 413, 422), **UNREADABLE},
    dependencies=[as_an_upload],
    openapi_extra={"requestBody": {"required": True, "content": UPLOAD}},
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
    """Accept a bulk test: a table, a workbook, JSON or NDJSON, in the body or as a file in a form.

    The response comes at once. It says what was read, and lists invalid rows, which are skipped;
    the others are tested. With `dryRun=true`, nothing is stored or tested, and the response says
    what would be. With `Accept: text/csv` or a workbook's media type, it is the first invalid rows
    as they were sent, their secrets included, with a last column that says what is wrong.
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
    return accepted_answer(accepted, language)
