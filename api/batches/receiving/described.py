"""Describe uploads and dry runs for OpenAPI."""

from typing import Any

from api.openapi import problem
from shared.uploads import MEDIA_TYPES
from shared.wire.sheets.xlsx_sheet import MEDIA_TYPE as XLSX
from shared.wire.uploads import DryRun

Responses = dict[int | str, dict[str, Any]]
_FILE = {"type": "string", "format": "binary"}

UNREADABLE: Responses = {
    415: problem(f"The upload, or the file in it, is not one of {', '.join(MEDIA_TYPES)}")
}
DRY_RUN: Responses = {
    200: {
        "description": "With `dryRun=true`: what was read, or the invalid rows as a table",
        "model": DryRun,
        "content": {media_type: {"schema": _FILE} for media_type in ("text/csv", XLSX)},
        "headers": {
            "Conncheck-Rejected": {
                "description": "With a table: the number of invalid rows",
                "schema": {"type": "integer"},
            },
            "Conncheck-Rows": {
                "description": "With a table: how many of them it has",
                "schema": {"type": "integer"},
            },
        },
    }
}
UPLOAD: dict[str, Any] = {media_type: {"schema": _FILE} for media_type in MEDIA_TYPES} | {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["items"],
            "properties": {
                "options": {
                    "type": "object",
                    "description": "Default options of all items; must come before `items`.",
                },
                "items": {"type": "array", "items": {"$ref": "#/components/schemas/BatchRow"}},
            },
        }
    },
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "mapping": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "description": (
                        "Fields by the headers of columns, or by their numbers from 1: a field of "
                        "a row, host, port, label.NAME, or nothing to leave the column out. Must "
                        "come before the file."
                    ),
                    "example": {"Server": "endpoint", "5": "label.owner"},
                },
                "file": {
                    **_FILE,
                    "description": (
                        "The file, by its type or the ending of its name. A charset of its type "
                        "says its encoding. Up to four files may be sent that belong together, "
                        "such as clouds.yaml and secure.yaml."
                    ),
                },
            },
        },
        "encoding": {"mapping": {"contentType": "application/json"}},
    },
}
