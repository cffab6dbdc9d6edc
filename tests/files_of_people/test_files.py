import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.uploads import Reading, Row, UploadError, Wishes, rows

FOLDER = Path(__file__).parent / "files"
FILES = sorted(file for file in FOLDER.iterdir() if file.suffix != ".json")
FORM = "multipart/form-data; boundary=cut-here"


async def form(name: str, content: bytes) -> AsyncIterator[bytes]:
    """Send a file as a browser does that knows nothing but its name."""
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"'
    yield f"--cut-here\r\n{head}\r\n\r\n".encode()
    for begin in range(0, len(content), 1000):
        yield content[begin : begin + 1000]
    yield b"\r\n--cut-here--\r\n"


def read(file: Path, sheet: str) -> tuple[list[Row], Reading, str]:
    async def reading() -> None:
        async for row in rows(form(file.name, content), FORM, Wishes(sheet=sheet), told):
            found.append(row)  # noqa: PERF401 -- what was read before an error counts

    found: list[Row] = []
    content = file.read_bytes()
    told = Reading()
    try:
        asyncio.run(reading())
    except UploadError as error:
        return found, told, str(error)
    return found, told, ""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_as_people_have_it_is_read(file: Path) -> None:
    """Beside each stands what must be read of it."""
    wanted: dict[str, Any] = json.loads(Path(f"{file}.json").read_text("utf-8"))
    found, told, error = read(file, wanted.get("wishedSheet", ""))

    assert error == wanted.get("error", "")
    if error:
        return
    good = [row.content for row in found if row.problem is None]
    assert good == wanted["rows"]
    problems = {row.place: str(row.problem) for row in found if row.problem}
    assert problems == wanted.get("problems", {})
    seen = {name: getattr(told, name) for name in ("format", "separator", "sheet")}
    assert seen == {name: wanted.get(name, "") for name in seen}
    assert told.encoding.casefold() == wanted["encoding"]
    assert [*told.sheets] == wanted.get("sheets", [])
    assert told.header_line == wanted["header"]
    assert all(row.place.startswith(wanted["place"]) for row in found)


def test_each_format_has_a_file() -> None:
    """A folder that nobody fills proves nothing."""
    assert {".csv", ".ods", ".xlsx"} <= {file.suffix for file in FILES}
    assert {Path(f"{file}.json") for file in FILES} == {*FOLDER.glob("*.json")}
