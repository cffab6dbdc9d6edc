import io

import pytest

from shared.uploads.workbooks.opened import opened
from tests.shared.uploads.uploading import CANARY
from tests.shared.uploads.workbooks.crafted import HEADER, Parts, parts, with_part, zipped
from tests.shared.uploads.workbooks.reading_sheets import DAMAGED, cells, refusal, sheet_rows

ONE, TWO = ('<row r="1"><c t="str"><v>one</v></c></row>', '<row><c t="str"><v>two</v></c></row>')


def test_the_first_visible_sheet_with_cells_is_read() -> None:
    """Excel leaves empty sheets behind, and programs keep their lists on hidden ones."""
    sheets = {"Hidden": ONE, "Very": ONE, "Empty": "<row/>", "Sites": TWO, "Others": ONE}
    states = {"Hidden": "hidden", "Very": "veryHidden"}
    workbook = opened(io.BytesIO(zipped(parts(sheets, states=states))))

    assert [row.cells for row in workbook.rows("")] == [["two"]]
    assert workbook.sheet == "Sites"
    assert [*workbook.sheets] == [*sheets]


@pytest.mark.parametrize("wished", ["Sites 2", "sites 2", " SITES 2 "])
def test_another_sheet_is_read_by_its_name(wished: str) -> None:
    """A hidden one too, for it was asked for."""
    content = zipped(parts({"Sites": ONE, "Sites 2": TWO}, states={"Sites 2": "hidden"}))

    assert cells(content, wished) == [["two"]]


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are() -> None:
    """The caller sees the slip."""
    content = zipped(parts({"Sites": ONE, "Old": TWO}))

    said = "The workbook has no such sheet; its sheets are Sites, Old."
    assert refusal(content, CANARY) == said


def test_the_names_of_many_sheets_are_not_all_told() -> None:
    """The answer is a sentence."""
    content = zipped(parts({f"S{number}": ONE for number in range(100)}))

    assert refusal(content, "x").endswith("S18, S19.")


def test_sheets_of_charts_are_none() -> None:
    """They have no cells."""
    made = parts({"Chart": ONE, "Sites": TWO})
    relations = made["xl/_rels/workbook.xml.rels"]
    made["xl/_rels/workbook.xml.rels"] = relations.replace(b"/worksheet", b"/chartsheet", 1)

    assert cells(zipped(made)) == [["two"]]


def test_dates_can_be_counted_from_1904() -> None:
    """Excel for the Mac did."""
    row = '<row><c s="1"><v>44895</v></c></row>'
    content = zipped(
        parts(
            {"A": row},
            properties='<workbookPr date1904="1"/>',
            formats='<cellXfs><xf/><xf numFmtId="14"/></cellXfs>',
        )
    )

    assert cells(content) == [["2026-12-01"]]


def renamed(made: Parts, old: str, new: str) -> Parts:
    return {
        name.replace(old, new): part.replace(old.encode(), new.encode())
        for name, part in made.items()
    }


def test_parts_can_have_other_names() -> None:
    """Only the relations tell where they are."""
    made = renamed(renamed(parts({"Sites": TWO}), "workbook", "book"), "worksheets/", "/xl/tables/")

    assert cells(zipped(made | {"xl/tables/sheet1.xml": made["xl//xl/tables/sheet1.xml"]})) == [
        ["two"]
    ]


def test_a_workbook_without_styles_and_shared_texts_is_read() -> None:
    """Programs that write one need neither."""
    made = {name: part for name, part in parts().items() if "styles" not in name}
    del made["xl/sharedStrings.xml"]

    assert len(sheet_rows(zipped(made))) == 2


@pytest.mark.parametrize("name", ["_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize("content", ["", "<a/>", CANARY])
def test_a_damaged_part_is_said(name: str, content: str) -> None:
    """Or it has no sheets, and so no rows."""
    if content == "<a/>" and name != "_rels/.rels":
        assert cells(with_part(name, content)) == []
    else:
        assert refusal(with_part(name, content)) == DAMAGED


def test_other_prefixes_are_read() -> None:
    """The Open XML SDK writes them."""
    sheet = (
        '<x:worksheet xmlns:x="urn:x"><x:sheetData>'
        + HEADER.replace("<", "<x:").replace("<x:/", "</x:")
        + "</x:sheetData></x:worksheet>"
    )

    assert len(cells(with_part("xl/worksheets/sheet1.xml", sheet))) == 2
