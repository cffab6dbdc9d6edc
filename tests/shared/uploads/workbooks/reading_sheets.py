"""Read workbooks as far as their cells."""

import gc
import io

import pytest

from shared.uploads import UploadError
from shared.uploads.workbooks.opened import opened
from shared.uploads.workbooks.sheet_row import SheetRow
from tests.shared.uploads.uploading import CANARY


def sheet_rows(content: bytes, wished: str = "") -> list[SheetRow]:
    """Return the rows of a workbook that aren't empty."""
    return [*opened(io.BytesIO(content)).rows(wished)]


def cells(content: bytes, wished: str = "") -> list[list[str]]:
    """Return the cells of these rows."""
    return [[*row.cells] for row in sheet_rows(content, wished)]


def refusal(content: bytes, wished: str = "") -> str:
    """Return why a workbook can't be read; nothing of what stands in it is ever said."""
    with pytest.raises(UploadError) as caught:
        sheet_rows(content, wished)
    said = caught.value
    assert CANARY not in f"{said!r} {said.detail} {said.__cause__!r} {said.__context__!r}"
    gc.collect()  # what a parser left behind complains here, if it does
    return said.detail


DAMAGED = "The workbook is damaged; open it in your spreadsheet and save it again."
ENCRYPTED = "The workbook is protected by a password; save it without one."
TOO_MUCH = "The workbook unpacks to too much; copy the table alone into a new workbook."
