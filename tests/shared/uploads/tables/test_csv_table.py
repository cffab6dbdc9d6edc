import time

import pytest

from shared.uploads import MAX_ROW_BYTES, Reading, Wishes
from shared.uploads.tables.csv_table import CsvParser
from tests.shared.uploads.uploading import CANARY, CSV, CUTS, broken, contents, error, problems

HEADER = b"productType,endpoint,accessKey,secretKey,name\r\n"
ROW = {"productType": "zstack", "endpoint": "h", "accessKey": "a", "secretKey": "s"}


@pytest.mark.parametrize("size", CUTS)
def test_a_quoted_cell_may_have_anything_in_it(size: int) -> None:
    """RFC 4180; certificates have line breaks."""
    body = HEADER + b'zstack,h,a,"s,\r\n""\n\r\n;",x\r\n\r\nzstack,h,a,s,"y"'

    assert contents(body, CSV, size) == [
        ROW | {"secretKey": 's,\r\n"\n\r\n;', "name": "x"},
        ROW | {"name": "y"},
    ]
    assert [place for place, _ in problems(body, CSV, size)] == ["line 2", "line 7"]


@pytest.mark.parametrize(
    "header",
    [
        b"productType;endpoint;accessKey;secretKey;name\n",
        b' productType ;"endpoint";accessKey;\tsecretKey;name \n',
        b"\r\nproductType;endpoint;accessKey;secretKey;name\r\n",
        b"\r\nsep=;\r\nproductType;endpoint;accessKey;secretKey;name\r\n",
        b'"sep=;"\nproductType;endpoint;accessKey;secretKey;name\n',
        b'#TYPE System.Object\n"productType";"endpoint";"accessKey";"secretKey";"name"\n',
        b"Product Type;Endpoint;Access Key;Secret Key;Name\n",
        b"productType;endpoint;accessKey;secretKey;name;\n",
    ],
)
@pytest.mark.parametrize("separator", [b";", b"\t", b"|"])
def test_the_header_tells_the_separator(header: bytes, separator: bytes) -> None:
    """Excel writes `;` where the comma is the decimal sign, and tabs into the clipboard."""
    body = header.replace(b"\t", b" ") + b"zstack;h;a;s;x,y\n"

    assert contents(body.replace(b";", separator), CSV) == [ROW | {"name": "x,y"}]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"sep=;", "The upload has no rows."),
    ],
)
def test_a_table_of_another_kind_is_told(body: bytes, detail: str) -> None:
    """Its columns would be called unknown, which sends people to look at their names."""
    assert detail in error(body, CSV).detail


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b"zstack,h,a", "has 3 columns; the header has 5"),
        (b"zstack,h,a,s,x,CANARY", "has 6 columns; the header has 5"),
        (b'zstack,h,a,s,"CANARY"x', "is not valid CSV; check the quotation marks"),
        (b"zstack,h,a,s,CANARY\0", "contains a NUL byte"),
        (b"zstack,h,a,s,x\rzstack,h,a,s,x", "is not valid CSV; check the quotation marks"),
        (b"zstack,h,a,s," + b"x" * 140_000, "is not valid CSV; check the quotation marks"),
    ],
)
@pytest.mark.parametrize("size", CUTS)
def test_a_bad_row_spoils_only_itself(row: bytes, problem: str, size: int) -> None:
    """The other platforms can still be tested."""
    body = HEADER + b"zstack,h,a,s,x\r\n%s\r\nzstack,h,a,s,y" % row
    body = body.replace(b"CANARY", CANARY.encode())

    assert problems(body, CSV, size) == [("line 2", None), ("line 3", problem), ("line 4", None)]


def test_a_stray_quotation_mark_says_how_far_it_reaches() -> None:
    """The rows up to the next one are lost; nobody must have to guess which."""
    body = HEADER + b'zstack,h,a,s"s,x\nzstack,h,a,s,x\nzstack,h,a,s"s,x\nzstack,h,a,s,x\n'

    assert problems(body, CSV) == [
        ("line 2", "is not valid CSV; check the quotation marks up to line 4"),
        ("line 5", None),
    ]


@pytest.mark.parametrize("size", CUTS)
def test_a_quotation_mark_that_is_never_closed_breaks_the_upload(size: int) -> None:
    """All that follows is inside of it."""
    body = HEADER + b"zstack,h,a,s,x\n" + b'zstack,h,a,"CANARY,x\nzstack,h,a,s,x\n' * 3
    found, said = broken(body.replace(b"CANARY", CANARY.encode()), CSV, size)

    assert said.detail == "line 7: a quotation mark is never closed."
    assert [row.place for row in found] == ["line 2", "line 3", "line 6"]


@pytest.mark.parametrize("size", [50, 10_000_000])
def test_an_open_quotation_mark_costs_linear_time(size: int) -> None:
    """Many short lines in one cell, and the record read again with each, would take hours."""
    body = HEADER + b'zstack,h,a,"' + b"\n" * 10_000_000
    started = time.thread_time()

    said = error(body, CSV, size)

    assert said.detail == "line 2: is longer than 262144 bytes."
    assert said.kind == "too-large"
    assert time.thread_time() - started < 3


def test_a_record_of_many_lines_may_be_as_long_as_the_limit() -> None:
    """The limit is the same for one line and for many."""
    begin = b'zstack,h,"%s\n%s","' % (b"a" * 60_000, b"a" * 60_000)
    allowed = begin + b"s\n" + b"s" * 120_000 + b'","\n'
    allowed += b"n" * (MAX_ROW_BYTES - len(allowed) - 1) + b'"'

    assert len(allowed) == MAX_ROW_BYTES
    assert len(contents(HEADER + allowed + b"\n", CSV)) == 1
    assert error(HEADER + allowed[:-1] + b'x"\n', CSV).kind == "too-large"


@pytest.mark.parametrize("name", ["x", "ü", "北京"])
def test_rows_are_yielded_as_they_arrive(name: str) -> None:
    """The first platforms are tested while the rest is still being sent."""
    parser = CsvParser(Wishes(), Reading())
    assert [*parser.feed(HEADER)] == []

    for line in range(2, 50):
        (row,) = parser.feed(f"zstack,h,a,s,{name}\r\n".encode())
        assert (row.line, row.content) == (line, ROW | {"name": name})


def test_rows_in_another_encoding_wait_for_a_sample() -> None:
    """Rows in ASCII are the same in each; those behind the first letter wait for its judgement."""
    parser = CsvParser(Wishes(), Reading())
    first = [
        *parser.feed(HEADER + b"zstack,h,a,s,x\r\n" + "zstack,h,a,s,Büro\r\n".encode("cp1252"))
    ]
    assert [row.line for row in first] == [2]

    assert [row.content["name"] for row in parser.finish()] == ["Büro"]
