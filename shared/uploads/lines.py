"""Split bytes that arrive in pieces into lines."""

from collections.abc import Iterator

from shared.uploads.row import MAX_ROW_BYTES, UTF8_BOM, too_empty, too_long

MOST_EMPTY = 1_048_576
"""As many rows as a sheet has, all of which a spreadsheet can save."""


class Lines:
    """The lines of an upload, without their line feeds and without a byte order mark."""

    def __init__(self) -> None:
        self.number = 0
        """The number of the last line that was yielded, counted from 1."""
        self._empty = 0
        self._begun = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that `chunk` completes."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            yield self._next(line)
        self._begun += rest
        if len(self._begun) > MAX_ROW_BYTES:
            raise too_long(f"line {self.number + 1}")

    def finish(self) -> Iterator[bytes]:
        """Yield the last line if it has no line feed."""
        if self._begun:
            yield self._next(b"")

    def _next(self, line: bytes) -> bytes:
        if self._begun:
            line = bytes(self._begun) + line
            self._begun.clear()
        self.number += 1
        if not line:
            self._empty += 1
            if self._empty > MOST_EMPTY:
                raise too_empty(f"line {self.number}")
        if len(line) > MAX_ROW_BYTES:
            raise too_long(f"line {self.number}")
        return line.removeprefix(UTF8_BOM) if self.number == 1 else line
