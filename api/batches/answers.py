"""The answer for a batch that was accepted: an upload, or a retry."""

from http import HTTPStatus

from fastapi.responses import JSONResponse

from api.language import headers_of
from shared.diagnosis.translations import Language
from shared.wire.batches import BatchAccepted


def accepted_answer(shown: BatchAccepted, language: Language) -> JSONResponse:
    """Return the answer, which says where the batch is."""
    content = shown.model_dump(mode="json", by_alias=True)
    headers = {"Location": shown.status_url, **headers_of(language)}
    return JSONResponse(content, HTTPStatus.ACCEPTED, headers)
