"""Send uploads to the parser, cut into pieces of any size."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.uploads import Reading, Row, UploadError, Wishes, rows
from shared.uploads.wishes import AS_IT_COMES

JSON = "application/json"
NDJSON = "application/x-ndjson"
UNTOLD = "application/octet-stream"
CSV = "text/csv"
FORM = "multipart/form-data; boundary=cut-here"

CANARY = "canary7f3a9"
"""Stands wherever something goes wrong, and must never be in what is said about it."""

CUTS = [1, 7, 4096, 1_000_000]


async def _pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def _read(
    body: bytes,
    content_type: str,
    size: int,
    into: list[Row],
    wishes: Wishes = AS_IT_COMES,
    reading: Reading | None = None,
) -> None:
    async for row in rows(_pieces(body, size), content_type, wishes, reading):
        into.append(row)  # noqa: PERF401 -- what was read before an error counts


def read_with(
    body: bytes, content_type: str, wishes: Wishes = AS_IT_COMES, size: int = 1_000_000
) -> tuple[list[Row], Reading]:
    """Return the rows of `body`, and what is told of how they were read."""
    found: list[Row] = []
    reading = Reading()
    asyncio.run(_read(body, content_type, size, found, wishes, reading))
    return found, reading


def read(body: bytes, content_type: str, size: int = 1_000_000) -> list[Row]:
    """Return the rows of `body`."""
    found: list[Row] = []
    asyncio.run(_read(body, content_type, size, found))
    return found


def contents(body: bytes, content_type: str, size: int = 1_000_000) -> list[dict[str, Any]]:
    """Return what stands in the rows of `body`, none of which has a problem."""
    found = read(body, content_type, size)
    assert [row.problem for row in found if row.problem] == []
    return [row.content for row in found]


def problems(body: bytes, content_type: str, size: int = 1_000_000) -> list[tuple[str, str | None]]:
    """Return the place and the problem of every row of `body`."""
    found = read(body, content_type, size)
    for row in found:
        assert CANARY not in f"{row.place} {row.problem}"
        assert not (row.problem and row.content)
    return [(row.place, str(row.problem) if row.problem else None) for row in found]


def error(body: bytes, content_type: str, size: int = 1_000_000) -> UploadError:
    """Return why `body` can't be read."""
    return broken(body, content_type, size)[1]


def broken(body: bytes, content_type: str, size: int = 1_000_000) -> tuple[list[Row], UploadError]:
    """Return the rows that were read before `body` turned out to be broken, and why it is."""
    found: list[Row] = []
    with pytest.raises(UploadError) as caught:
        asyncio.run(_read(body, content_type, size, found))
    said = caught.value
    assert CANARY not in f"{said!r} {said.detail} {said.__cause__!r} {said.__context__!r}"
    gc.collect()  # what a parser left behind complains here, if it does
    return found, said


def part(head: str, body: bytes) -> bytes:
    """Return a part of a form, with the lines `head`."""
    return b"--cut-here\r\n%s\r\n\r\n%s\r\n" % (head.encode(), body)


def together(*files: tuple[str, str], before: bytes = b"") -> bytes:
    """Return a form with `files`, each by its name and its text, and the parts `before` them."""
    parts = (
        part(f'Content-Disposition: form-data; name="file"; filename="{name}"', text.encode())
        for name, text in files
    )
    return before + b"".join(parts) + b"--cut-here--\r\n"
