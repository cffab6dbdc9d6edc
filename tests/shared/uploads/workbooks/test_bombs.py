"""What a small file must not cost: a second of computing and 50 MB."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.shared.uploads.workbooks.bombs import BOMBS
from tests.shared.uploads.workbooks.crafted import HEADER, parts, workbook, zipped

MOST_BYTES = 50_000_000
MOST_S = 1.0
_SLOWER = 2.5
"""A busy machine: its processes share the cache."""
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
