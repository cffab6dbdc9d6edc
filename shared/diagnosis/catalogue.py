"""Every cause by its code, also for code that must not import where it is detected."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from shared.diagnosis.causes import Cause

CAUSES_PATH = "/docs/causes"
"""Where the API explains the causes, each below it."""
CATALOGUE_FILE = "catalogue.json"
"""Beside this module; tools/generate.py writes it from the causes that are declared."""


@cache
def catalogue() -> Mapping[str, Cause]:
    """Return the causes by their codes, in alphabetical order."""
    content: Mapping[str, Mapping[str, Any]] = json.loads(
        files(__package__).joinpath(CATALOGUE_FILE).read_text("utf-8")
    )
    return {
        code: Cause(code=code, **{**fields, "remedies": tuple(fields["remedies"])})
        for code, fields in content.items()
    }


def doc_url(code: str | None) -> str | None:
    """Return where the API explains a cause, like all its URLs a path; None if it can't."""
    return f"{CAUSES_PATH}/{code}" if code in catalogue() else None


def catalogue_text(causes: Mapping[str, Cause]) -> str:
    """Return the file's content for `causes`."""
    content = {
        code: {
            "owner": cause.owner,
            "severity": cause.severity,
            "field": cause.field,
            "is_rejection": cause.is_rejection,
            "summary": cause.summary,
            "remedies": cause.remedies,
        }
        for code, cause in causes.items()
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
