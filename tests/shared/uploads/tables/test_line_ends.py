import pytest

from shared.uploads.tables.line_ends import LineEnds
from tests.shared.uploads.tables.reading import read_table
from tests.shared.uploads.uploading import CUTS


@pytest.mark.parametrize("size", CUTS)
@pytest.mark.parametrize("above", ["", "Report\r\r"])
def test_lines_that_end_with_a_cr_alone_are_read(above: str, size: int) -> None:
    """Excel for Mac saves CSV so, with a line feed within a cell."""
    found = read_table(f'{above}type,host,"na\nme"\rtcp,h,"x\ny"\rtcp,i,z', size=size)

    assert [row.content["endpoint"] for row in found.rows] == ["h", "i"]
    assert found.contents[0]["name"] == "x\ny"


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"a\rb\r\nc\r", b"a\nb\nc\n"),
        (b"\ra\r", b"\na\n"),
        (b'"x\r\n"\ra\r', b'"x\n"\na\n'),
        (b"a\r\nb\rc\n", b"a\r\nb\rc\n"),
        (b"a\nb\rc\n", b"a\nb\rc\n"),
        (b'"a\rb"\r\nc\rd', b'"a\rb"\r\nc\rd'),
        (b"a", b"a"),
        (b"", b""),
        (b"a\r", b"a\n"),
    ],
)
def test_the_first_line_tells_how_lines_end(text: bytes, lines: bytes, size: int) -> None:
    """A CR within a line of another file is part of a cell."""
    ends = LineEnds()
    pieces = [ends.feed(text[start : start + size]) for start in range(0, len(text), size)]

    assert b"".join([*pieces, ends.feed(b"", is_last=True)]) == lines


def test_a_file_without_lines_is_passed_on() -> None:
    """What reads the lines refuses it; nothing is held for ever."""
    ends = LineEnds()
    pieces = [ends.feed(b"x" * 100_000) for _ in range(5)]

    assert len(b"".join(pieces)) == 500_000
