"""Read the upload of a bulk test row by row, in each of its formats."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice

from shared.uploads.media_types import MEDIA_TYPES, parser_for
from shared.uploads.reading import Reading
from shared.uploads.row import MAX_ROW_BYTES, Row, UploadError
from shared.uploads.wishes import AS_IT_COMES, Wishes

__all__ = ["MAX_ROW_BYTES", "MEDIA_TYPES", "Reading", "Row", "UploadError", "Wishes", "rows"]


_PIECE_BYTES = 8192
_ROWS_AT_ONCE = 100


async def rows(
    chunks: AsyncIterator[bytes],
    content_type: str,
    wishes: Wishes = AS_IT_COMES,
    reading: Reading | None = None,
) -> AsyncIterator[Row]:
    """Yield the rows of the body `chunks`; only one chunk and one record are held at a time.

    An upload can turn out to be unreadable after some of its rows were yielded.

    Args:
        chunks: The body as it arrives, split anywhere.
        content_type: The value of the Content-Type header, with its parameters.
        wishes: What the caller says about the upload.
        reading: Gets what was read, while it is read.

    Raises:
        UploadError: The upload can't be read to its end.
    """
    parser = parser_for(content_type, wishes, reading or Reading())
    is_empty = True
    async for chunk in chunks:
        for piece in _pieces(chunk):
            for row in parser.feed(piece):
                is_empty = False
                yield row
            await asyncio.sleep(0)  # a megabyte of empty lines takes a second, and yields no row
    async for row in _in_another_thread(parser.finish()):
        is_empty = False
        yield row
    if is_empty:
        raise UploadError("The upload has no rows.")


async def _in_another_thread(rows: Iterator[Row]) -> AsyncIterator[Row]:
    """Yield rows for which a workbook is read: that takes seconds, and the loop has no time."""
    some: list[Row] = [Row("", {})]
    while some:
        some, error = await asyncio.to_thread(_next_rows, rows)
        for row in some:
            yield row
        if error:
            raise error


def _next_rows(rows: Iterator[Row]) -> tuple[list[Row], UploadError | None]:
    """Return the next rows, and why there are no more."""
    some: list[Row] = []
    try:
        some.extend(islice(rows, _ROWS_AT_ONCE))
    except UploadError as error:
        return some, error
    return some, None


def _pieces(chunk: bytes) -> Iterator[bytes]:
    for begin in range(0, len(chunk), _PIECE_BYTES):
        yield chunk[begin : begin + _PIECE_BYTES]
