"""The calls that return a table to be filled in and sent as a batch."""

import asyncio
from functools import cache
from typing import Any

from fastapi import APIRouter, Depends, Security
from fastapi.responses import Response

from api.access.dependencies import bearer, bulk_tester
from api.language import LanguageDep, headers_of
from api.openapi import problems
from shared.diagnosis.translations import Language
from shared.wire.batches import BATCHES_PATH
from shared.wire.sheets.template import template_csv
from shared.wire.sheets.template_xlsx import template_xlsx
from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX

templates_api = APIRouter(
    prefix=BATCHES_PATH,
    tags=["Batches"],
    dependencies=[Security(bearer), Depends(bulk_tester)],
    responses=problems(401, 403, 429),
)


def _file(media_type: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string", "format": "binary"}
    return {200: {"description": "The table", "content": {media_type: {"schema": schema}}}}


@templates_api.get(
    "/template.csv",
    summary="Get a template as CSV",
    response_class=Response,
    responses=_file("text/csv"),
)
async def csv_template(language: LanguageDep) -> Response:
    """Return a table with a column for each field, and a comment for each product."""
    return _attachment(_csv(language), "text/csv; charset=utf-8", "csv", language)


@templates_api.get(
    "/template.xlsx",
    summary="Get a template as a workbook",
    response_class=Response,
    responses=_file(XLSX),
)
async def xlsx_template(language: LanguageDep) -> Response:
    """Return a sheet with a column for each field, which explains itself, and the products."""
    content = await asyncio.to_thread(_xlsx, language)
    return _attachment(content, XLSX, "xlsx", language)


_csv, _xlsx = cache(template_csv), cache(template_xlsx)


def _attachment(content: bytes, media_type: str, ending: str, language: Language) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="conncheck-template.{ending}"',
        "Cache-Control": "no-store",
        **headers_of(language),
    }
    return Response(content, headers=headers, media_type=media_type)
