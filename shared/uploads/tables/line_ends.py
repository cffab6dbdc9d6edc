"""Make lines of a text whose lines end with a CR alone, as Excel for Mac saves them."""

import re

_LONGEST_FIRST_LINE = 16_384
"""Bytes that are held back until the first line ends."""
_QUOTED = re.compile(rb'"[^"]*(?:"|\Z)')
_END = re.compile(rb"\r\n|\r|\n")
_CR = re.compile(rb"\r\n?")


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
        return _CR.sub(b"\n", chunk)

    def _look(self, *, is_last: bool) -> bool:
        """Return whether it is known how lines end; a quoted cell says nothing of it."""
        bare = _QUOTED.sub(b"", self._begun)
        found = _END.search(bare)
        is_cut = found is not None and found[0] == b"\r" and found.end() == len(bare)
        self._are_cr = found is not None and found[0] == b"\r"
        is_found = found is not None and not is_cut
        self._are_known = is_found or is_last or len(self._begun) > _LONGEST_FIRST_LINE
        return self._are_known
