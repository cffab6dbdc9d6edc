"""Read an upload of many platforms row by row, in whichever format it comes."""

from collections.abc import AsyncIterator

from shared.uploads.media_types import MEDIA_TYPES, parser_for
from shared.uploads.row import MAX_ROW_BYTES, Row, UploadError

__all__ = ["MAX_ROW_BYTES", "MEDIA_TYPES", "Row", "UploadError", "rows"]


async def rows(chunks: AsyncIterator[bytes], content_type: str) -> AsyncIterator[Row]:
    """Yield the rows of the body `chunks`, of which one and one record are held at a time.

    An upload can turn out to be broken after rows of it were yielded.

    Args:
        chunks: The body as it arrives, cut anywhere.
        content_type: The value of the header of that name, with its parameters.

    Raises:
        UploadError: The upload can't be read, or not to its end.
    """
    parser = parser_for(content_type)
    is_empty = True
    async for chunk in chunks:
        for row in parser.feed(chunk):
            is_empty = False
            yield row
    for row in parser.finish():
        is_empty = False
        yield row
    if is_empty:
        raise UploadError("The upload has no items.")
