import contextlib
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.uploads import UploadError
from tests.shared.uploads.workbooks.crafted import Parts, zipped
from tests.shared.uploads.workbooks.reading_sheets import sheet_rows

FILES = Path(__file__).parents[3] / "files_of_people" / "files"
WORKBOOKS = ["excel-lived-in.xlsx", "libreoffice.ods", "libreoffice.xlsx"]
_VALUES = [
    b"",
    b"-1",
    b"99999999999999999999",
    b"1e308",
    b"NaN",
    b"\xff\xfe",
    b'"',
    b"<a>",
    b"x" * 99,
]


def parts_of(name: str) -> Parts:
    with ZipFile(FILES / name) as archive:
        return {part: archive.read(part) for part in archive.namelist()}


PARTS = {name: parts_of(name) for name in WORKBOOKS}


@pytest.mark.parametrize("name", WORKBOOKS)
@given(st.data())
def test_no_change_of_an_archive_makes_it_break(name: str, data: st.DataObject) -> None:
    """Whatever comes, it is rows or an UploadError."""
    content = bytearray((FILES / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        # The directory is at the end.
        place = data.draw(st.integers(0, len(content) - 1) | st.integers(-2000, -1))
        content[place] = data.draw(st.integers(0, 255))

    with contextlib.suppress(UploadError):
        sheet_rows(bytes(content))


@pytest.mark.parametrize("name", WORKBOOKS)
@given(st.data())
def test_no_change_of_a_part_makes_it_break(name: str, data: st.DataObject) -> None:
    """Numbers, references and styles are whatever somebody writes there."""
    parts = dict(PARTS[name])
    part = data.draw(st.sampled_from([one for one in parts if one.endswith((".xml", ".rels"))]))
    content = parts[part]
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(content)))
        end = begin + data.draw(st.integers(0, 12))
        content = content[:begin] + data.draw(st.sampled_from(_VALUES)) + content[end:]

    with contextlib.suppress(UploadError):
        sheet_rows(zipped(parts | {part: content}))
