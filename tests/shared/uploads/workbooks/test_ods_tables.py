import io
from itertools import islice

import pytest

from shared.uploads.workbooks.opened import opened
from tests.shared.uploads.workbooks.crafted import XML, zipped
from tests.shared.uploads.workbooks.reading_sheets import (
    ENCRYPTED,
    TOO_MUCH,
    cells,
    refusal,
    sheet_rows,
)

_NAMES = "".join(
    f' xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"'
    for prefix in ("office", "table", "text", "style")
)


def document(*tables: str, styles: str = "") -> bytes:
    content = f"{XML}<office:document-content{_NAMES}>{styles}{''.join(tables)}"
    return zipped(
        {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": f"{content}</office:document-content>".encode(),
        }
    )


def table(rows: str, name: str = "A", style: str = "x") -> str:
    return f'<table:table table:name="{name}" table:style-name="{style}">{rows}</table:table>'


def row(content: str, repeated: int = 1) -> str:
    return f'<table:table-row table:number-rows-repeated="{repeated}">{content}</table:table-row>'


def cell(text: str, attributes: str = "") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


@pytest.mark.parametrize(
    ("attributes", "shown", "seen"),
    [
        ("", "Zürich", "Zürich"),
        ('office:value-type="string" office:string-value="a"', "b", "a"),
        ('office:value-type="float" office:value="443"', "443", "443"),
        ('office:value-type="float" office:value="1234.5"', "1.234,50", "1234.5"),
        ('office:value-type="float" office:value="123"', "00123", "00123"),
        ('office:value-type="percentage" office:value="0.5"', "50 %", "0.5"),
        ('office:value-type="boolean" office:boolean-value="true"', "WAHR", "TRUE"),
        ('office:value-type="date" office:date-value="2026-12-01"', "1.12.26", "2026-12-01"),
        ('office:value-type="time" office:time-value="PT36H00M00S"', "36:00:00", "36:00:00"),
        ("", "a<text:span>b</text:span><text:s/>c<text:s text:c='2'/>d", "ab c  d"),
        ("", "a<text:line-break/>b<text:tab/>c</text:p><text:p>d", "a\nb\tc\nd"),
        ("", "a</text:p><office:annotation><text:p>no</text:p></office:annotation><text:p>", "a\n"),
    ],
)
def test_a_cell_is_read_as_it_is_seen(attributes: str, shown: str, seen: str) -> None:
    """But in a form that doesn't depend on the language of the spreadsheet."""
    assert cells(document(table(row(cell(shown, attributes))))) == [[seen]]


def test_a_formula_is_its_text_and_a_problem() -> None:
    """It is never evaluated."""
    (found,) = sheet_rows(
        document(table(row(cell("0", 'table:formula="of:=1+1" office:value-type="float"'))))
    )

    assert found.cells == ["=1+1"]
    assert found.problems.keys() == {1}


def test_a_number_that_was_rounded_is_said() -> None:
    """As in every spreadsheet, only 15 digits are kept."""
    number = 'office:value-type="float" office:value="1.23456789012346E+019"'
    (found,) = sheet_rows(document(table(row(cell("1,23E+019", number) + cell("9" * 20)))))

    assert found.cells[0] == "12345678901234600000"
    assert found.problems.keys() == {1}


def test_repeated_cells_and_rows_are_repeated() -> None:
    """LibreOffice writes equal neighbours once."""
    twice = row(cell("a", 'table:number-columns-repeated="2"') + cell("b"), repeated=2)
    found = sheet_rows(document(table(row("<table:table-cell/>", repeated=5) + twice)))

    assert [(one.line, one.cells) for one in found] == [(6, ["a", "a", "b"]), (7, ["a", "a", "b"])]


@pytest.mark.parametrize("many", [1_048_576, 9_999_999])
def test_empty_cells_and_rows_cost_nothing(many: int) -> None:
    """Each sheet ends with a million of them."""
    gap = f'<table:table-cell table:number-columns-repeated="{many}"/>'
    content = document(
        table(row(gap, repeated=1_000_000) + row(gap + cell("far")) + row(gap, many))
    )
    (found,) = sheet_rows(content)

    assert (found.line, len(found.cells), found.cells[64]) == (1_000_001, 65, "far")


def test_a_cell_that_is_repeated_without_an_end_is_cut() -> None:
    """It is more than a table's columns, and is said so."""
    (found,) = sheet_rows(
        document(table(row(cell("a", 'table:number-columns-repeated="9999999"'))))
    )

    assert len(found.cells) == 65


def test_a_row_that_is_repeated_is_made_when_it_is_asked_for() -> None:
    """A reader that wants no more than 50,000 gets no more."""
    content = document(table(row(cell("a"), repeated=1_048_576)))

    rows = opened(io.BytesIO(content)).rows("")

    assert [one.line for one in islice(rows, 3)] == [1, 2, 3]


def test_the_first_visible_sheet_with_cells_is_read() -> None:
    """A hidden one has a style that says so."""
    styles = (
        '<style:style style:name="h" style:family="table">'
        '<style:table-properties table:display="false"/></style:style>'
        '<style:style style:name="v" style:family="table">'
        '<style:table-properties table:display="true"/></style:style>'
    )
    content = document(
        table(row(cell("hidden")), "H", "h"),
        table(row("<table:table-cell/>"), "E", "v"),
        table(row(cell("sites")), "S", "v"),
        table(row(cell("others")), "O", "v"),
        styles=styles,
    )

    assert cells(content) == [["sites"]]
    assert cells(content, "h") == [["hidden"]]
    assert cells(content, " o ") == [["others"]]
    assert refusal(content, "x") == "The workbook has no such sheet; its sheets are H, E, S, O."


def test_one_of_two_sheets_of_a_name_is_read() -> None:
    """Both would be one table."""
    assert cells(document(table(row(cell("1"))), table(row(cell("2")))), "a") == [["1"]]


def test_blanks_without_an_end_are_refused() -> None:
    """A gigabyte of them takes 40 characters."""
    assert refusal(document(table(row(cell("<text:s text:c='9999999'/>" * 2))))) == TOO_MUCH


def test_a_cell_without_an_end_is_refused() -> None:
    """It may be of many paragraphs."""
    assert refusal(
        document(table(row(cell("a" * 200_000 + "</text:p><text:p>" + "a" * 99_999))))
    ) == (TOO_MUCH)


def test_a_password_is_said() -> None:
    """The content is no XML then."""
    content = zipped(
        {
            "content.xml": b"\x00\x01",
            "META-INF/manifest.xml": b"<m><manifest:encryption-data/></m>",
        }
    )

    assert refusal(content) == ENCRYPTED
