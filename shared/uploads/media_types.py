"""Read the body of a call: a file, or a form with files, in any format that is known."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from multipart import MultipartSegment, parse_options_header

from shared.diagnosis.outcomes import Fact
from shared.uploads.form import FormParser
from shared.uploads.reading import Reading
from shared.uploads.recognition.kinds import Told
from shared.uploads.recognition.recognizer import Recognizer
from shared.uploads.row import Parser, UploadError
from shared.uploads.wishes import Wishes

_FORM = "multipart/form-data"
_TOLD: Mapping[str, Told] = {
    "application/json": "JSON",
    "application/x-ndjson": "NDJSON",
    "application/jsonl": "NDJSON",
    "application/x-jsonlines": "NDJSON",
    "text/csv": "CSV",
    "text/tab-separated-values": "CSV",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "workbook",
    "application/vnd.ms-excel.sheet.macroenabled.12": "workbook",
    "application/vnd.oasis.opendocument.spreadsheet": "workbook",
    "application/yaml": "YAML",
    "application/x-yaml": "YAML",
    "text/yaml": "YAML",
    "text/x-yaml": "YAML",
    # What clients send for unknown files; Windows with Excel sends the last one for .csv.
    "application/octet-stream": "",
    "text/plain": "",
    "application/vnd.ms-excel": "",
}
_TOLD_BY_ENDING: Mapping[str, Told] = {
    ".json": "JSON",
    ".ndjson": "NDJSON",
    ".jsonl": "NDJSON",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".xlsb": "workbook",
    ".ods": "workbook",
    ".yaml": "YAML",
    ".yml": "YAML",
}

MEDIA_TYPES = (*_TOLD, _FORM)


def parser_for(content_type: str, wishes: Wishes, reading: Reading) -> Parser:
    """Return a parser for a body with this Content-Type, which fills in `reading`.

    The content decides on the format, and the type where the content can be either of two.

    Raises:
        UploadError: The body can't have this type.
    """
    media_type, parameters = parse_options_header(content_type)
    if media_type == _FORM:
        boundary = parameters.get("boundary", "")
        return FormParser(boundary, wishes, lambda part, wished: _of_file(part, wished, reading))
    if media_type not in _TOLD:
        raise _unsupported("Send the upload as one of {types}.", types=MEDIA_TYPES)
    return Recognizer(_TOLD[media_type], _said(wishes, parameters.get("charset")), reading)


def _of_file(part: MultipartSegment, wishes: Wishes, reading: Reading) -> Recognizer:
    told = _TOLD.get(part.content_type or "", "")
    if not told:
        told = _TOLD_BY_ENDING.get(PurePath(part.filename or "").suffix.lower(), "")
    return Recognizer(told, _said(wishes, part.charset), reading)


def _said(wishes: Wishes, charset: str | None) -> Wishes:
    return replace(wishes, charset=charset) if charset else wishes


def _unsupported(detail: str, **facts: Fact) -> UploadError:
    return UploadError(detail, kind="unsupported-media-type", **facts)
