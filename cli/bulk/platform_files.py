"""Read files of platforms by the same rules as the batch API."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cli.bulk.wishes import STDIN, BulkWishes
from cli.terminal.exit_status import refuse
from conncheck_client.form import FilePart, form_of
from shared.uploads.media_types import parser_for
from shared.uploads.reading import Reading
from shared.uploads.row import Row
from shared.uploads.wishes import Wishes

_PIECE_BYTES = 65_536
MOST_BYTES = 1 << 30
"""Of all files together, when a service with a limit of its own reads them."""


@dataclass(frozen=True, slots=True)
class PlatformFiles:
    """Files that are read together, and how the user wants them to be read."""

    parts: Sequence[FilePart] = field(repr=False)
    wishes: Wishes

    @property
    def name(self) -> str:
        """What the files are called, for the screen."""
        return ", ".join(part.name for part in self.parts)

    def form(self) -> tuple[bytes, str]:
        """Return the form that is uploaded, and its media type."""
        return form_of(self.parts, self.wishes.columns)

    def rows(self, reading: Reading) -> Iterator[Row]:
        """Yield the rows, as the service would read them, and fill in `reading`.

        Raises:
            UploadError: The files can't be read to their end.
        """
        content, media_type = self.form()
        parser = parser_for(media_type, self.wishes, reading)
        for begin in range(0, len(content), _PIECE_BYTES):
            yield from parser.feed(content[begin : begin + _PIECE_BYTES])
        yield from parser.finish()

    @property
    def identity(self) -> bytes:
        """What two runs have in common that test the same platforms."""
        wishes = self.wishes
        columns = sorted(wishes.columns.items())
        sizes = [(len(part.content), part.charset) for part in self.parts]
        site = [wishes.site] if wishes.site else []  # the version before knew none
        head = json.dumps([wishes.product_type, wishes.sheet, columns, sizes, *site])
        return b"".join([head.encode(), *(part.content for part in self.parts)])


def read_files(wishes: BulkWishes, most_bytes: int = MOST_BYTES) -> PlatformFiles:
    """Return the files, - for standard input; end the command where one can't be read.

    It is also ended if they have more than `most_bytes` together.
    """
    parts: list[FilePart] = []
    for path in wishes.files:
        content = _content(path, most_bytes)
        most_bytes -= len(content)
        name = "stdin" if path == STDIN else path.name
        parts.append(FilePart(name, content, charset=wishes.charset))
    return PlatformFiles(parts, wishes.reading)


def _content(path: Path, most_bytes: int) -> bytes:
    try:
        if path == STDIN:
            return _bounded(sys.stdin.buffer, path, most_bytes)
        with path.open("rb") as file:
            return _bounded(file, path, most_bytes)
    except OSError as error:
        refuse(f"{path}: {error.strerror}")


def _bounded(file: BinaryIO, path: Path, most_bytes: int) -> bytes:
    content = bytearray()
    while piece := file.read(_PIECE_BYTES):
        content += piece
        if len(content) > most_bytes:
            refuse(f"{path}: is too large; the limit is {most_bytes} bytes")
    return bytes(content)
