import json

import pytest

from shared.bounds import MAX_DEPTH
from shared.uploads import MAX_ROW_BYTES
from tests.shared.uploads.uploading import CANARY, CUTS, NDJSON, broken, contents, problems


@pytest.mark.parametrize("size", CUTS)
def test_blank_lines_count_but_say_nothing(size: int) -> None:
    """The line in a message is the one that an editor shows."""
    body = b'\n  \t\r\n{"name": 1}\r\n\r\n {"name": 2} '

    assert problems(body, NDJSON, size) == [("line 3", None), ("line 5", None)]
    assert contents(body, NDJSON, size) == [{"name": 1}, {"name": 2}]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"CANARY": tru}', "is not valid JSON in UTF-8, from column 20 on"),
        (b'{"a": "CANARY', "is not valid JSON in UTF-8, from column 18 on"),
        (b'{"a": "CANARY"} {}', "is not valid JSON in UTF-8, from column 22 on"),
        (b"CANARY", "is not valid JSON in UTF-8, from column 1 on"),
        (b'{"a": "\xff"}', "is not valid JSON in UTF-8, from column 8 on"),
        (b'{"a": "\\ud800"}', "is not valid JSON in UTF-8, from column 14 on"),
        (b'{"a": "\x00"}', "is not valid JSON in UTF-8, from column 8 on"),
        (b'{"a": NaN}', "is not valid JSON in UTF-8, from column 7 on"),
        (b'{"a": %s}' % (b"9" * 5000), "is not valid JSON in UTF-8, from column 4308 on"),
        (b'{"a": {"b": [1e999]}}', "contains a number that is too large"),
        (b'["CANARY"]', "is not a JSON object"),
        (b"null", "is not a JSON object"),
        (json.dumps({f"n{n}": 0 for n in range(300)}).encode(), "has more than 256 members"),
        (b'{"a":[' + b"0," * 100_000 + b"0]}", "has more than 256 members"),
        (b'{"a":' * MAX_DEPTH + b"{}" + b"}" * MAX_DEPTH, "is nested deeper than 16 levels"),
        (b'{"a": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}', "is nested deeper than 16 levels"),
        (b"[" * 100_000, "is not valid JSON in UTF-8, from column 202 on"),
    ],
)
def test_a_bad_line_spoils_only_itself(line: bytes, problem: str) -> None:
    """The other platforms can still be tested."""
    body = b'{"name": 1}\n%s\n{"name": 2}\n' % line.replace(b"CANARY", CANARY.encode())

    assert problems(body, NDJSON) == [("line 1", None), ("line 2", problem), ("line 3", None)]


@pytest.mark.parametrize("size", [1000, 10_000_000])
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_may_be_as_long_as_the_limit_and_no_longer(size: int, end: bytes) -> None:
    """A longer line can't be skipped: its end is unknown."""
    start = b'{"name": 1}\n'
    allowed = b'{"a": "%s"}' % (b"x" * (MAX_ROW_BYTES - 9))

    assert len(allowed) == MAX_ROW_BYTES
    assert len(contents(start + allowed + end, NDJSON, size)) == 2
    found, said = broken(start + b" " + allowed + end, NDJSON, size)
    assert len(found) == 1
    assert said.detail == "line 2: is longer than 262144 bytes."
    assert said.kind == "too-large"
