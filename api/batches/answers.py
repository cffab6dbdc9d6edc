"""What the calls of batches have in common in their answers."""

from http import HTTPStatus
from typing import Literal

from fastapi.responses import JSONResponse

from api.language import headers_of
from shared.diagnosis.translations import Language
from shared.wire.batches import BatchAccepted
from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX

Form = Literal["json", "csv", "xlsx"]


def accepted_answer(shown: BatchAccepted, language: Language) -> JSONResponse:
    """Return the answer for a batch that was accepted, which says where the batch is."""
    content = shown.model_dump(mode="json", by_alias=True)
    headers = {"Location": shown.status_url, **headers_of(language)}
    return JSONResponse(content, HTTPStatus.ACCEPTED, headers)


def wanted_form(accept: str) -> Form:
    """Return what an Accept header asks for: JSON, unless it names a table."""
    if XLSX in accept:
        return "xlsx"
    return "csv" if "text/csv" in accept else "json"
