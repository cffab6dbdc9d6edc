from collections.abc import Sequence

import pytest

from shared.uploads import Reading, Row, UploadError, Wishes
from shared.uploads.tables.table import MOST_LINES_ABOVE, Table
from tests.shared.uploads.tables.reading import read_table, refused
from tests.shared.uploads.uploading import CANARY

HEADER = ["type", "host", "name"]


def rows_of(*table: Sequence[str]) -> list[Row]:
    reading = Reading()
    read = Table(Wishes(), reading)
    found = [
        row for line, cells in enumerate(table, 1) for row in read.add(cells, f"row {line}", line)
    ]
    return [*found, *read.finish()]


def test_rows_of_a_workbook_are_read_like_those_of_a_text() -> None:
    """What follows the splitting into cells is the same."""
    found = rows_of(["Report"], HEADER, ["", "", ""], ["tcp", "h", "x"], ["tcp", "i"])

    assert [(row.place, row.line, row.content) for row in found] == [
        ("row 4", 4, {"productType": "tcp", "endpoint": "h", "name": "x"}),
        ("row 5", 5, {"productType": "tcp", "endpoint": "i"}),
    ]


@pytest.mark.parametrize(
    "above",
    [
        "VM report 2024\n",
        "VM report 2024\n\nServer;vc.example.com\nFrom;2024-01-01\n\n",
        "# type, host, name\n// a comment, with ; in it\n",
        ";;\n \n",
        '"Report of\n two lines"\n',
        "# 1\n" * 100,
        "Report\n" * (MOST_LINES_ABOVE - 1),
    ],
)
@pytest.mark.parametrize("separator", [";", "\t"])
def test_what_stands_above_the_header_is_skipped(above: str, separator: str) -> None:
    """Programs write the title and the date of a report there, and people what a column means."""
    table = f"{above}type;host;name\ntcp;h;x,y\n"
    found = read_table(table.replace(";", separator))

    assert found.contents == [{"productType": "tcp", "endpoint": "h", "name": "x,y"}]
    assert found.reading.header_line == above.count("\n") + 1
    assert found.reading.separator == separator


def test_a_header_is_looked_for_in_the_first_lines() -> None:
    """A table may have a million lines."""
    said = refused("Report\n" * MOST_LINES_ABOVE + f"type;host\n{CANARY}\n").detail

    assert said.startswith("line 1: no line names the columns")


def test_a_row_above_the_header_is_not_dropped_in_silence() -> None:
    """It would be a platform that nobody tests."""
    said = refused(f"x,10.0.0.1,{CANARY}\ntype,host,name\ntcp,h,x\n").detail

    assert said == "line 1: looks like a row, and stands above the line that names the columns."


@pytest.mark.parametrize("sign", ["#", "# ", "//", "// "])
def test_a_header_may_be_a_comment(sign: str) -> None:
    """Files for scripts have it so."""
    found = read_table(f"{sign}type,host,name\ntcp,h,x\n")

    assert found.contents == [{"productType": "tcp", "endpoint": "h", "name": "x"}]
    assert [header for header, _, _ in found.columns] == ["type", "host", "name"]


def test_a_column_of_numbers_is_no_comment() -> None:
    """Its header is a number sign."""
    found = read_table("#,type,host\n1,tcp,h\n")

    assert found.contents == [{"productType": "tcp", "endpoint": "h"}]
    assert found.columns[0][:2] == ("#", "")


def test_a_comment_among_the_rows_is_no_row() -> None:
    """A first cell alone, with its sign, is no platform; a name may begin with the sign."""
    found = read_table("name,type,host\n# Berlin\ntcp\n# Paris,,\n#1,tcp,h\n// end\n")

    assert [row.line for row in found.rows] == [3, 5]
    assert found.problems == ["has 1 column; the header has 3", None]


@pytest.mark.parametrize(
    ("row", "content"),
    [
        ("zstack,h,a,s,", {}),
        ("zstack,h,a,s", {}),
        ("zstack,h", {"accessKey": None, "secretKey": None}),
        ("zstack,h,,", {"accessKey": None, "secretKey": None}),
        ("zstack,h,a,s,,,, ", {}),
    ],
)
def test_empty_cells_at_the_end_may_be_missing(row: str, content: dict[str, None]) -> None:
    """Spreadsheets drop them, and other programs write a separator after each value."""
    found = read_table(f"productType,endpoint,accessKey,secretKey,name\n{row}\n")
    whole = {"productType": "zstack", "endpoint": "h", "accessKey": "a", "secretKey": "s"}

    assert found.contents == [{n: v for n, v in (whole | content).items() if v}]


@pytest.mark.parametrize(
    ("row", "count"),
    [("zstack", "1 column"), ("zstack,h,a", "3 columns"), ("zstack,h,a,s,x,y", "6 columns")],
)
def test_a_row_that_is_cut_is_invalid(row: str, count: str) -> None:
    """Half a key pair is what is left of a row with a line break in it."""
    found = read_table(f"productType,endpoint,accessKey,secretKey,name\n{row}\n")

    assert found.problems == [f"has {count}; the header has 5"]
    assert found.rows[0].content == {}
    assert list(found.rows[0].cells) == row.split(",")


def test_a_table_that_can_not_be_read_keeps_no_cells() -> None:
    """Errors are logged."""
    reading = Reading()
    table = Table(Wishes(), reading)
    assert [*table.add([CANARY, "x"], "row 1", 1)] == []

    with pytest.raises(UploadError) as caught:
        [*table.finish()]

    assert CANARY not in f"{caught.value.detail} {reading!r} {table._held!r}"  # noqa: SLF001
