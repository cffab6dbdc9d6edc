"""Show what a bulk test of an upload would test, and store and test nothing."""

import asyncio

from fastapi.responses import JSONResponse, Response

from api.access.caller import Caller
from api.batches.answers import Form
from api.batches.receiving.judging import Judging, within_bounds
from api.batches.receiving.submission import BatchSubmission, in_time
from api.batches.receiving.upload import Upload
from api.language import headers_of
from shared.diagnosis.translations import Language
from shared.wire.bad_rows import BadRows
from shared.wire.dry_run import DryRunRows
from shared.wire.sheets.csv_sheet import sheet_csv_file
from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX
from shared.wire.sheets.xlsx_sheet import sheet_xlsx


async def dry_run(
    submission: BatchSubmission, upload: Upload, caller: Caller, *, keeps_bad_rows: bool
) -> DryRunRows:
    """Read an upload within the limits of a real one, and judge its rows.

    Raises:
        UploadError: it can't be read.
        BatchError: it has too many rows, or takes too long.
    """
    judging = Judging(caller, submission.jobs, upload.wishes, upload.reading)
    found = DryRunRows(upload.reading, BadRows() if keeps_bad_rows else None)
    async with in_time(submission.longest_upload_s):
        async for row in within_bounds(upload.rows(), submission.max_items):
            found.take(row, judging.judged(row))
    judging.audit_refusals(action="dry_run")
    return found


async def dry_run_answer(found: DryRunRows, form: Form, language: Language) -> Response:
    """Return what was found, or the invalid rows as a file."""
    headers = {"Cache-Control": "no-store", **headers_of(language)}
    if form == "json" or found.bad_rows is None:
        shown = found.view(language).model_dump(mode="json", by_alias=True)
        return JSONResponse(shown, headers=headers)
    headers |= {
        "Content-Disposition": f'attachment; filename="invalid-rows.{form}"',
        "X-Content-Type-Options": "nosniff",
        "Conncheck-Rejected": str(found.rejected),
        "Conncheck-Rows": str(len(found.bad_rows)),
    }
    table = found.bad_rows.table(found.reading, language)
    if form == "csv":
        content, media_type = sheet_csv_file(table), "text/csv; charset=utf-8"
    else:
        content, media_type = await asyncio.to_thread(sheet_xlsx, table), XLSX
    return Response(content, headers=headers, media_type=media_type)
