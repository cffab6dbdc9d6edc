"""Make lines of a text whose lines end with a CR alone, as Excel for Mac saves them."""

import re

from shared.uploads.row import MAX_ROW_BYTES

_QUOTED = re.compile(rb'"[^"]*"')
_ENDS = re.compile(rb"\r\n?")


class LineEnds:
    """The bytes of a text in which each line has a line feed."""

    def __init__(self) -> None:
        self._begun = b""
        self._are_known = False
        self._are_cr = False

    def feed(self, chunk: bytes, *, is_last: bool = False) -> bytes:
        """Return `chunk` with line feeds; its end can come with the next one."""
        if not self._are_known:
            self._begun += chunk
            if not self._look(is_last=is_last):
                return b""
            chunk, self._begun = self._begun, b""
        if not self._are_cr:
            return chunk
        chunk, self._begun = self._begun + chunk, b""
        if chunk.endswith(b"\r") and not is_last:
            chunk, self._begun = chunk[:-1], b"\r"
        return _ENDS.sub(b"\n", chunk)

    def _look(self, *, is_last: bool) -> bool:
        """Return whether the first line's end is there, and tells."""
        if b"\r" in self._begun:
            bare = _QUOTED.sub(b"", self._begun)
            feed, cr = bare.find(b"\n"), bare.find(b"\r")
            if 0 <= cr < len(bare) - 1 or (cr >= 0 and is_last):
                self._are_cr = bare[cr + 1 : cr + 2] != b"\n" and not 0 <= feed < cr
                self._are_known = True
        if b"\n" in self._begun or len(self._begun) > MAX_ROW_BYTES or is_last:
            self._are_known = True
        return self._are_known
