import io
import random
import subprocess
import sys
import zipfile
from typing import Any

import openpyxl
import pytest

from shared.wire.sheets.xlsx_sheet import XlsxSheet, sheet_xlsx

SECRET = "s3cret-of-nobody"


def written(*rows: list[object], header: tuple[str, ...] = ("name", "tookMs")) -> bytes:
    sheet = XlsxSheet(header)
    for row in rows:
        sheet.add(row)
    return sheet.content()


def opened(content: bytes) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]


def test_another_program_reads_what_was_written() -> None:
    """Numbers stay numbers, so that a column can be sorted."""
    sheet = opened(written(["Zürich <1> & 名称", 12.5], [None, True], ["", float("inf")]))

    assert [*sheet.values] == [
        ("name", "tookMs"),
        ("Zürich <1> & 名称", 12.5),
        (None, True),
        (None, "inf"),
    ]


def test_the_header_is_bold_and_stays_in_sight() -> None:
    """Of a long table, one sees the end."""
    sheet = opened(written(["Site 1", 5]))

    assert sheet["A1"].font.b
    assert not sheet["A2"].font.b
    assert sheet.freeze_panes == "A2"


@pytest.mark.parametrize("text", ["=1+1", "＝1+1", " =1", "@SUM(A1)", "-1"])  # noqa: RUF001
def test_what_looks_like_a_formula_is_a_text(text: str) -> None:
    """It stays one when somebody edits the cell, and it is not changed."""
    cell = opened(written([text, "12"]))["A2"]

    assert (cell.value, cell.data_type, cell.quotePrefix) == (text, "s", True)


def test_digits_stay_a_text() -> None:
    """A reference 007 is not 7."""
    assert opened(written(["007", "12"]))["A2"].value == "007"


def test_what_xml_cannot_hold_is_escaped() -> None:
    """Excel refuses a file with one wrong character in it."""
    content = written(["a\x00b\x1b\rc\n", "_x0041_ \ud800\uffff"])
    sheet = zipfile.ZipFile(io.BytesIO(content)).read("xl/worksheets/sheet1.xml").decode()

    assert "a_x0000_b_x001B__x000D_c\n" in sheet
    assert "_x005F_x0041_ \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}" in sheet


def test_a_text_that_excel_cannot_take_is_cut() -> None:
    """Excel calls the whole file damaged."""
    text = opened(written(["x" * 40_000, None]))["A2"].value

    assert text == "x" * 32_766 + "…"


def test_nothing_tells_who_wrote_it_and_when() -> None:
    """Nobody asked."""
    archive = zipfile.ZipFile(io.BytesIO(written(["Site 1", 5])))

    assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert not [name for name in archive.namelist() if name.startswith("docProps")]


def test_the_content_can_be_asked_for_twice() -> None:
    """It is the same."""
    sheet = XlsxSheet(["name"])

    assert sheet.content() == sheet.content()


def test_a_workbook_can_be_sent_while_it_is_written() -> None:
    """Nobody holds the results of 50,000 platforms."""
    sheet, parts = XlsxSheet(["name"]), list[bytes]()
    rows = [[f"{n} {random.Random(n).random()}"] for n in range(20_000)]
    for row in rows:
        sheet.add(row)
        if part := sheet.taken():
            parts.append(part)
    parts.append(sheet.content())

    whole = b"".join(parts)
    assert len(parts) > 3
    assert [[cell] for (cell,) in opened(whole).values] == [["name"], *rows]
    assert whole[4] < 45  # zip64 begins with version 4.5, which Excel may refuse


_ALLOWANCE_BYTES = 64_000_000
_LARGE = f"""
import resource
from shared.wire.sheets.xlsx_sheet import XlsxSheet, sheet_xlsx
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {_ALLOWANCE_BYTES},) * 2)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
sheet = XlsxSheet(["name"] * 20)
for number in range(20_000):
    sheet.add([f"{SECRET}-{{number}}-{{column}}" for column in range(20)])
print(len(sheet.content()))
"""


def test_a_large_table_needs_little_memory_and_no_file() -> None:
    """Key pairs of bad rows must never be on a disk, and results can be 50,000 rows."""
    ended = subprocess.run(
        [sys.executable, "-c", _LARGE], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert 0 < int(ended.stdout) < _ALLOWANCE_BYTES


def test_a_table_is_written_at_once() -> None:
    """Its first row is the header."""
    sheet = opened(sheet_xlsx(iter([("name", "tookMs"), ("Site 1", 5)])))

    assert [*sheet.values] == [("name", "tookMs"), ("Site 1", 5)]
    assert sheet["A1"].font.b
