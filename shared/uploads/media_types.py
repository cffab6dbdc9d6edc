"""Choose the parser for the media type of an upload, or for the name of its file."""

from collections.abc import Callable, Mapping
from pathlib import PurePath

from multipart import MultipartSegment, parse_options_header

from shared.diagnosis.outcomes import Fact
from shared.uploads.form import FormParser
from shared.uploads.json.document import JsonDocumentParser
from shared.uploads.json.json_lines import JsonLinesParser
from shared.uploads.reading import Reading
from shared.uploads.row import Parser, UploadError
from shared.uploads.tables.csv_table import CsvParser
from shared.uploads.wishes import Wishes
from shared.uploads.workbooks.workbook_parser import WorkbookParser

_FORM = "multipart/form-data"
_PARSERS: Mapping[str, Callable[[Wishes, Reading], Parser]] = {
    "application/json": JsonDocumentParser,
    "application/x-ndjson": JsonLinesParser,
    "application/jsonl": JsonLinesParser,
    "application/x-jsonlines": JsonLinesParser,
    "text/csv": CsvParser,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": WorkbookParser,
    "application/vnd.ms-excel.sheet.macroenabled.12": WorkbookParser,
    "application/vnd.oasis.opendocument.spreadsheet": WorkbookParser,
}
_PARSERS_BY_ENDING: Mapping[str, Callable[[Wishes, Reading], Parser]] = {
    ".json": JsonDocumentParser,
    ".ndjson": JsonLinesParser,
    ".jsonl": JsonLinesParser,
    ".csv": CsvParser,
    ".xlsx": WorkbookParser,
    ".xlsm": WorkbookParser,
    ".xls": WorkbookParser,
    ".xlsb": WorkbookParser,
    ".ods": WorkbookParser,
}
# What clients send for unknown files; Windows with Excel sends the last one for .csv.
_SAYS_NOTHING = (None, "", "application/octet-stream", "text/plain", "application/vnd.ms-excel")

MEDIA_TYPES = (*_PARSERS, _FORM)


def parser_for(content_type: str, wishes: Wishes, reading: Reading) -> Parser:
    """Return a parser for a body with this Content-Type, which fills in `reading`.

    Raises:
        UploadError: No parser reads this type.
    """
    media_type, parameters = parse_options_header(content_type)
    _check_charset(parameters.get("charset"))
    if media_type == _FORM:
        return FormParser(
            parameters.get("boundary", ""), lambda part: _parser_of_file(part, wishes, reading)
        )
    if media_type not in _PARSERS:
        raise _unsupported("Send the upload as one of {types}.", types=MEDIA_TYPES)
    return _PARSERS[media_type](wishes, reading)


def _parser_of_file(part: MultipartSegment, wishes: Wishes, reading: Reading) -> Parser:
    _check_charset(part.charset)
    parser = _PARSERS.get(part.content_type or "")
    if parser is None and part.content_type in _SAYS_NOTHING:
        parser = _PARSERS_BY_ENDING.get(PurePath(part.filename or "").suffix.lower())
    if parser is None:
        raise _unsupported(
            "Send the file with one of the types {types}, or with a name that ends in one of "
            "{endings}.",
            types=tuple(_PARSERS),
            endings=tuple(_PARSERS_BY_ENDING),
        )
    return parser(wishes, reading)


def _check_charset(charset: str | None) -> None:
    if charset is not None and charset.lower() not in ("utf-8", "utf8"):
        raise _unsupported("Send the upload in UTF-8.")


def _unsupported(detail: str, **facts: Fact) -> UploadError:
    return UploadError(detail, kind="unsupported-media-type", **facts)
