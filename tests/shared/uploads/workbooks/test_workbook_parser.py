import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.uploads import Reading, Row, Wishes, rows
from shared.uploads.workbooks.workbook_parser import MAX_WORKBOOK_BYTES
from tests.shared.uploads.uploading import CANARY, CUTS, broken, contents, error, problems
from tests.shared.uploads.workbooks.crafted import parts, workbook, zipped

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TYPES = [
    XLSX,
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.ms-excel.sheet.macroEnabled.12",
]


def row(*texts: str, line: int | None = None) -> str:
    number = f' r="{line}"' if line else ""
    cells = (
        f"<c><f>{text[1:]}</f><v>0</v></c>"
        if text.startswith("=")
        else f'<c t="inlineStr"><is><t>{text}</t></is></c>'
        for text in texts
    )
    return f"<row{number}>{''.join(cells)}</row>"


HEADER = row("Name", "Product Type", "Endpoint", "Access Key", "Secret Key", "Rack")
SITE = row("Zürich", "zstack", "10.0.0.5:8443", "AKID", " s ", "7", line=5)
READ = {
    "name": "Zürich",
    "productType": "zstack",
    "endpoint": "10.0.0.5:8443",
    "accessKey": "AKID",
    "secretKey": " s ",
}


def reading_of(content: bytes, wishes: Wishes) -> tuple[list[Row], Reading]:
    async def read() -> list[Row]:
        return [one async for one in rows(whole(content), XLSX, wishes, reading)]

    reading = Reading()
    return asyncio.run(read()), reading


async def whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("size", CUTS[1:])
def test_a_workbook_is_read_as_a_table_is(content_type: str, size: int) -> None:
    """Whatever it says it is, its content tells."""
    body = workbook(HEADER + SITE)

    assert contents(body, content_type, size) == [READ]
    assert problems(body, content_type, size) == [("row 5", None)]


def test_it_is_said_what_was_read() -> None:
    """The caller sees that it was the wrong sheet."""
    content = zipped(parts({"Sites": HEADER + SITE, "Old": HEADER + SITE + SITE}))
    found, reading = reading_of(content, Wishes(sheet="old"))

    assert len(found) == 2
    assert (reading.format, reading.encoding, reading.separator) == ("Excel workbook", "", "")
    assert (reading.sheet, reading.sheets) == ("Old", ("Sites", "Old"))
    assert reading.header_line == 1
    assert [column.field for column in reading.columns][-1] == ""


def test_the_sheets_of_an_empty_workbook_are_said() -> None:
    """There is one that was hidden, perhaps."""
    reading = Reading()
    with pytest.raises(Exception, match="no rows"):
        asyncio.run(_all(rows(whole(zipped(parts({"A": ""}))), XLSX, Wishes(), reading)))

    assert (reading.sheet, reading.sheets) == ("A", ("A",))


async def _all(found: AsyncIterator[Row]) -> list[Row]:
    return [one async for one in found]


def test_empty_cells_at_the_end_of_a_row_are_empty() -> None:
    """A workbook doesn't store them; a platform without a key pair isn't a broken row."""
    body = workbook(HEADER + row("Zürich", "tcp", "10.0.0.5:22"))

    assert contents(body, XLSX) == [
        {"name": "Zürich", "productType": "tcp", "endpoint": "10.0.0.5:22"}
    ]


def test_a_formula_that_matters_makes_a_row_invalid() -> None:
    """Its text is no endpoint, and what it came to may be old. Other columns don't matter."""
    body = workbook(
        HEADER
        + row("a", "tcp", f"=A{CANARY}")
        + row("b", "tcp", "h:22", "", "", "=1+1")
        + row("=&quot;007&quot;", "tcp", "h:22")
        + row("a", "tcp", "=&quot;h&quot;&amp;A1")
    )
    found, _ = reading_of(body, Wishes())

    assert [str(one.problem or "") for one in found] == [
        "contains a formula; replace it by its value",
        "",
        "",
        "contains a formula; replace it by its value",
    ]
    assert found[0].cells[2] == f"=A{CANARY}"
    assert found[2].content["name"] == "007"


def test_a_formula_in_a_table_without_a_header_is_seen_as_well() -> None:
    """The columns can be told from the rows above."""
    body = workbook(row("tcp", "10.0.0.5:22") * 25 + row("tcp", "=A1"))

    assert [problem for _, problem in problems(body, XLSX)] == [
        *[None] * 25,
        "contains a formula; replace it by its value",
    ]


def test_a_key_that_the_spreadsheet_has_rounded_is_in_doubt() -> None:
    """The sign-in would fail, and nobody would see why."""
    numbers = "<c><v>1.2345678901234568E+19</v></c><c><v>123456789012345</v></c>"
    site = f'<row r="2"><c t="str"><v>zstack</v></c><c t="str"><v>h:1</v></c>{numbers}</row>'
    header = row("Type", "Endpoint", "Access Key", "Secret Key")
    found, reading = reading_of(workbook(header + site), Wishes())

    assert found[0].content["accessKey"] == "12345678901234568000"
    assert [(one.place, one.field, str(one.said)) for one in reading.doubts] == [
        (
            "row 2",
            "accessKey",
            "is a number of more than 15 digits, which spreadsheets round; enter it as text",
        )
    ]


def test_mended_rows_keep_their_apostrophes() -> None:
    """A CSV of bad rows guards its cells with them; a workbook needs no guard."""
    header = row("Type", "Endpoint", "User", "Secret Key", "conncheck: problem")
    body = workbook(header + row("zstack", "10.0.0.5:22", "a", "'-s"))

    assert [one["secretKey"] for one in contents(body, XLSX)] == ["'-s"]


def test_a_workbook_that_is_too_large_is_refused_while_it_arrives() -> None:
    """It is held in memory."""
    said = error(b"PK\x03\x04" + b"\0" * MAX_WORKBOOK_BYTES, XLSX, 100_000)

    assert said.kind == "too-large"
    assert said.detail == "The workbook has more than 16777216 bytes; send the table as CSV."


def test_what_was_read_before_the_damage_is_yielded() -> None:
    """As of every other format."""
    found, said = broken(workbook(HEADER + SITE * 250 + "</x>"), XLSX)

    assert len(found) == 250
    assert "damaged" in said.detail


def test_a_workbook_is_read_in_another_thread() -> None:
    """The calls of others are answered meanwhile."""
    ticks = 0

    async def ticking() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    async def read() -> int:
        ticker = asyncio.create_task(ticking())
        found = await _all(rows(whole(workbook(HEADER + SITE * 3000)), XLSX))
        ticker.cancel()
        return len(found)

    assert asyncio.run(read()) == 3000
    assert ticks > 10 * (3000 / 100)  # a portion alone gives the loop one or two


def test_texts_that_many_cells_share_are_counted_in_each() -> None:
    """A kilobyte of rows that are repeated is 250 GB of cells; nothing comes of blank ones."""
    cell = '<table:table-cell table:number-columns-repeated="60"><text:p>'
    text = "\u00a0" * 4000 + "</text:p></table:table-cell>"
    rows_of = f'<table:table-row table:number-rows-repeated="20000">{cell}{text}</table:table-row>'
    content = f'<d><table:table table:name="a">{rows_of}</table:table></d>'.encode()

    assert error(zipped({"content.xml": content}), TYPES[1]).detail.startswith(
        "The workbook unpacks to too much"
    )
