import datetime as dt
import io
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.sheets.xlsx_sheet import XlsxSheet
from tests.shared.uploads.workbooks.crafted import workbook
from tests.shared.uploads.workbooks.reading_sheets import (
    DAMAGED,
    TOO_MUCH,
    cells,
    refusal,
    sheet_rows,
)


def by_xlsxwriter(*rows: list[Any]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False}) as book:
        date = book.add_format({"num_format": "dd.mm.yyyy hh:mm"})
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                sheet.write(number, column, value, date if isinstance(value, dt.date) else None)
    return file.getvalue()


def by_openpyxl(*rows: list[Any]) -> bytes:
    file, book = io.BytesIO(), openpyxl.Workbook()
    sheet = book.active
    assert sheet
    for row in rows:
        sheet.append(row)
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize("written", [by_xlsxwriter, by_openpyxl])
def test_what_other_programs_write_is_read_as_it_is_seen(written: Any) -> None:
    """443 and not 443.0, TRUE as in a CSV, a date as ISO 8601 has it, 00123 as it was typed."""
    content = written(
        ["Zürich", 443, 443.0, 12.5, True, False, "00123", dt.datetime(2026, 12, 1, 18, 30)],  # noqa: DTZ001
        [None, "a\nb", 123456789012345, " x ", "=1+1"]
        if written is by_xlsxwriter
        else [None, "a\nb"],
    )

    first, second = cells(content)
    assert first == [
        "Zürich",
        "443",
        "443",
        "12.5",
        "TRUE",
        "FALSE",
        "00123",
        "2026-12-01T18:30:00",
    ]
    assert second[:2] == ["", "a\nb"]
    assert second[2:] in ([], ["123456789012345", " x ", "=1+1"])


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"))


@given(st.lists(st.lists(_TEXT, min_size=1, max_size=5), min_size=1, max_size=5))
def test_what_this_service_writes_is_what_it_reads(rows: list[list[str]]) -> None:
    """Whoever mends a table sends it back, with the secrets in it."""
    sheet = XlsxSheet(["header"])
    for row in rows:
        sheet.add(row)

    found = cells(sheet.content())
    assert found[1:] == [without_end for row in rows if (without_end := _without_empty_end(row))]


def _without_empty_end(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row = row[:-1]
    return row


def test_a_formula_is_its_text_and_a_problem() -> None:
    """It is never evaluated, and what it last came to may be anything: XlsxWriter writes 0."""
    (row,) = sheet_rows(
        workbook(
            '<row><c><f>A1&amp;":443"</f><v>0</v></c><c t="str"><f t="shared" si="0"/><v>x</v></c>'
            '<c t="e"><v>#N/A</v></c><c t="str"><v>=1</v></c></row>'
        )
    )

    assert row.cells == ['=A1&":443"', "=", "#N/A", "=1"]
    assert {column: str(problem) for column, problem in row.problems.items()} == {
        1: "contains a formula; replace it by its value",
        2: "contains a formula; replace it by its value",
        3: "contains the error value of a formula",
    }


def test_rows_and_cells_stand_where_they_say() -> None:
    """Programs leave out the empty ones, or say nothing."""
    found = sheet_rows(
        workbook(
            '<row r="3"><c r="C3"><v>1</v></c><c><v>2</v></c></row><row/><row><c><v>3</v></c></row>'
            '<row r="x"><c r="?"><v>4</v></c></row>'
            '<row r="99" hidden="1"><c r="b99"><v>5</v></c></row>'
        )
    )

    assert [(row.line, row.cells) for row in found] == [
        (3, ["", "", "1", "2"]),
        (5, ["3"]),
        (6, ["4"]),
        (99, ["5"]),
    ]


@pytest.mark.parametrize("reference", ["BN9", "XFD9", "ZZZZZZZZZZZZZZ9"])
def test_a_cell_far_out_costs_nothing(reference: str) -> None:
    """Somebody has typed a blank at XFD1048576; a table of cells would need 128 GB."""
    content = workbook(
        f'<row r="1"><c><v>1</v></c></row><row r="1048576"><c r="{reference}"><v>2</v></c></row>'
    )
    (_, far) = sheet_rows(content)

    assert (far.line, len(far.cells), far.cells[64]) == (1_048_576, 65, "2")


def test_a_row_that_is_too_long_is_refused() -> None:
    """As one of a CSV is."""
    cell = f'<c t="str"><v>{"a" * 10_000}</v></c>'

    assert refusal(workbook(f"<row>{cell * 30}</row>")) == "row 1: is longer than 262144 bytes."


def test_more_rows_than_a_sheet_has_are_refused() -> None:
    """Excel has no row 1048577."""
    assert refusal(workbook('<row r="1048577"><c><v>1</v></c></row>')) == TOO_MUCH


@pytest.mark.parametrize("cell", ['<c t="s"><v>0</v></c>', '<c t="s"><v>x</v></c>'])
def test_a_shared_text_that_is_not_there_is_damage(cell: str) -> None:
    """What was meant can't be told."""
    assert refusal(workbook(f"<row>{cell}</row>")) == DAMAGED


def test_texts_beside_the_cells_are_not_read() -> None:
    """Headers and footers stand behind them, and what is damaged there doesn't matter."""
    row = (
        '<row><c t="str"><is><t>no</t></is><v>a</v></c><c t="inlineStr"><is><t>b</t></is></c></row>'
    )

    assert cells(workbook(row)) == [["a", "b"]]
