"""Send uploads to the parser, cut into pieces of any size."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.uploads import Row, UploadError, rows

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
FORM = "multipart/form-data; boundary=cut-here"

CANARY = "canary7f3a9"
"""Stands wherever something goes wrong, and must never be in what is said about it."""

CUTS = [1, 7, 4096, 1_000_000]


async def _pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def _read(body: bytes, content_type: str, size: int, into: list[Row]) -> None:
    async for row in rows(_pieces(body, size), content_type):
        into.append(row)  # noqa: PERF401 -- what was read before an error counts


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
