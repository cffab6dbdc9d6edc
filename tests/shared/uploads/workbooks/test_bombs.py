"""What a small file must not cost: a second of computing and 50 MB."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.shared.uploads.workbooks.crafted import (
    HEADER,
    SHEET,
    STRINGS,
    STYLES,
    XML,
    lying,
    many_entries,
    parts,
    repeated,
    shared_strings,
    styles,
    with_part,
    workbook,
    worksheet,
    zipped,
)

MOST_BYTES = 50_000_000
MOST_S = 1.0
_SLOWER = 2.5
"""A busy machine: its processes share the cache."""
_UNPACKED = 60_000_000
_ROWS = worksheet("@").partition("@")[0]
_LAUGHS = "".join(f"<!ENTITY a{n + 1} '" + f"&a{n};" * 10 + "'>" for n in range(10))

in_sheet = partial(repeated, SHEET)


def _attribute(number: int) -> str:
    return f"a{number}=''"


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "4 GB that are not there": lambda: lying(workbook(), SHEET, 4_000_000_000),
    "empty cells in one row": lambda: in_sheet(f"{_ROWS}<row>", b"<c/>", _UNPACKED),
    "empty rows": lambda: in_sheet(_ROWS, b'<row spans="1:8" ht="15"/>', _UNPACKED),
    "blanks": lambda: in_sheet(_ROWS, b" " * 64, _UNPACKED),
    "comments": lambda: in_sheet(_ROWS, b"<!-- -->", _UNPACKED),
    "an endless comment": lambda: in_sheet(f"{_ROWS}<!-- ", b"a" * 64, _UNPACKED),
    "an endless tag": lambda: in_sheet(f"{_ROWS}<row ", b"a" * 64, _UNPACKED),
    "instructions": lambda: in_sheet(_ROWS, b"<?a?>", _UNPACKED),
    "depth": lambda: in_sheet(_ROWS, b"<a>", _UNPACKED),
    "characters by their numbers": lambda: in_sheet(_ROWS, b"&#65;", _UNPACKED),
    "attributes": lambda: with_part(
        SHEET, _ROWS + f"<row {' '.join(map(_attribute, range(40_000)))}/>" * 40
    ),
    "a cell of 64 MB": lambda: in_sheet(f"{_ROWS}<row><c t='str'><v>", b"a" * 64, 64_000_000),
    "a cell of many runs": lambda: in_sheet(
        f"{_ROWS}<row><c t='inlineStr'><is>", b"<t>aaaaaaaaaaaaaaaaaaaaaa</t>", _UNPACKED
    ),
    "a million columns": lambda: in_sheet(
        f"{_ROWS}<row>", b"<c t='str'><v>a</v></c>", 1_000_000 * 23
    ),
    "shared texts": lambda: repeated(
        STRINGS,
        shared_strings("@").partition("@")[0],
        b"<si><t>" + b"a" * 1000 + b"</t></si>",
        _UNPACKED,
    ),
    "empty shared texts": lambda: repeated(
        STRINGS, shared_strings("@").partition("@")[0], b"<si/>", _UNPACKED
    ),
    "formats": lambda: repeated(
        STYLES, f"{styles('@').partition('@')[0]}<cellXfs>", b"<xf/>", _UNPACKED
    ),
    "sheets": lambda: with_part(
        "xl/workbook.xml", "<workbook><sheets>" + "<sheet name='a' r:id='rId1'/>" * 500_000
    ),
    "relations": lambda: with_part(
        "_rels/.rels",
        "<R>" + "".join(f"<Relationship Id='{n}' Type='/worksheet'/>" for n in range(500_000)),
    ),
    "60,000 parts": lambda: many_entries(60_000),
    "billion laughs": lambda: with_part(
        SHEET, f'{XML}<!DOCTYPE b [<!ENTITY a0 "a">{_LAUGHS}]><b>&a10;</b>'
    ),
    "sheets of an ods": lambda: zipped(
        {"content.xml": ("<d>" + '<table:table table:name="a"/>' * 500_000).encode()}
    ),
    "blanks of an ods": lambda: zipped(
        {
            "content.xml": (
                '<d><table:table table:name="a"><table:table-row><table:table-cell><text:p>'
                + '<text:s text:c="9999999"/>' * 100_000
            ).encode()
        }
    ),
}
"""Archives of at most 16 MB."""

_READING = f"""
import io, json, resource, sys, time
from shared.uploads.row import UploadError
from shared.uploads.workbooks.opened import opened

opened(io.BytesIO(open(sys.argv[1], "rb").read()))  # so that everything is loaded
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {MOST_BYTES},) * 2)
body = io.BytesIO(open(sys.argv[2], "rb").read())
started, count, error = time.process_time(), 0, ""
try:
    for row in opened(body).rows(""):
        count += 1
except UploadError as refused:
    error = str(refused)
took_s = time.process_time() - started
print(json.dumps({{"count": count, "error": error, "took_s": took_s}}))
"""


def read_in_little_memory(folder: Path, content: bytes) -> dict[str, Any]:
    """Return what became of a workbook in a process that can't have more than MOST_BYTES."""
    (folder / "good.xlsx").write_bytes(workbook())
    (folder / "bomb.xlsx").write_bytes(content)
    arguments = (str(folder / "good.xlsx"), str(folder / "bomb.xlsx"))
    ended = subprocess.run(
        [sys.executable, "-c", _READING, *arguments], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_within_a_second_and_50_mb(name: str, tmp_path: Path) -> None:
    """One call must not take the memory and the time of all others."""
    told = read_in_little_memory(tmp_path, BOMBS[name]())

    assert told["error"]
    assert told["count"] == 0
    assert told["took_s"] < MOST_S * _SLOWER


@pytest.mark.parametrize(
    "rows",
    [
        HEADER + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        HEADER + f'<row r="3">{"<c/>" * 16_384}</row>',
    ],
)
def test_a_sheet_that_only_looks_large_is_read(rows: str, tmp_path: Path) -> None:
    """A blank in the last cell, or a row that is formatted to its end."""
    told = read_in_little_memory(tmp_path, workbook(rows))

    assert told["error"] == ""
    assert told["count"] in (2, 3)
    assert told["took_s"] < MOST_S


def test_20_000_rows_are_read_in_four_seconds_and_50_mb(tmp_path: Path) -> None:
    """As many as a large inventory has."""
    texts = [f"<si><t>https://host-{n}.example.com:8443</t></si>" for n in range(40_000)]
    rows = "".join(
        f'<row r="{n + 1}">'
        + "".join(
            f'<c r="{column}{n + 1}" s="1" t="s"><v>{2 * n + at % 2}</v></c>'
            for at, column in enumerate("ABCDEFG")
        )
        + f'<c r="H{n + 1}"><v>12.5</v></c></row>'
        for n in range(20_000)
    )
    told = read_in_little_memory(tmp_path, zipped(parts({"A": rows}, strings="".join(texts))))

    assert (told["error"], told["count"]) == ("", 20_000)
    assert told["took_s"] < 4
