"""The beginning of an upload, by which its format is recognized."""

import codecs
import re
from dataclasses import dataclass
from functools import cached_property

HEAD_BYTES = 65_536

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\x1a\x1b"})
_LEAST_ODD = 8
_MOST_ODD = 20  # one of as many
_COMMENTS = ("#", "//", ";")
_NULS_LOOKED_FOR = 4096  # bytes
_MOST_LIKELY = 0.75  # of the NULs; 一 (U+4E00) and 😀 have one where ASCII has none
_LEAST_NULS = 4  # one byte of as many, in UTF-16 without a line end


@dataclass(frozen=True)
class Head:
    """The first HEAD_BYTES of an upload, or all of it if it is shorter."""

    content: bytes
    codec: str = ""
    """Python's name of the encoding that the caller has told; empty if none was."""

    @cached_property
    def encoding(self) -> str:
        """The encoding that its first bytes show, or that was told; else UTF-8."""
        if self.content.startswith(_UTF16):
            return "utf-16"
        if self.codec:
            return self.codec
        begin = self.content[:_NULS_LOOKED_FOR]
        nuls = [at % 2 for at, byte in enumerate(begin) if not byte]
        for encoding, parity in (("utf-16-le", 1), ("utf-16-be", 0)):
            end = "\n".encode(encoding)
            ends = begin.find(end) % 2 == 0 or len(nuls) * _LEAST_NULS > len(begin)
            if nuls and ends and nuls.count(parity) > _MOST_LIKELY * len(nuls):
                return encoding
        return "utf-8"

    @cached_property
    def is_binary(self) -> bool:
        """Whether it is no text: it has many bytes that none has."""
        if self.encoding.startswith("utf-16"):
            return False
        odd = len(self.content) - len(self.content.translate(None, _CONTROLS))
        return odd >= _LEAST_ODD and odd * _MOST_ODD > len(self.content)

    @cached_property
    def text(self) -> str:
        """The text as far as its structure goes: what isn't ASCII can be wrong."""
        return self.content.decode(self.encoding, "replace").removeprefix("\ufeff")

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines that say something: neither empty nor comments; the last can be cut off."""
        lines = map(str.strip, self.text.splitlines())
        return tuple(line for line in lines if line and not line.startswith(_COMMENTS))

    @cached_property
    def first(self) -> str:
        """The first of `lines`; nothing if there is none."""
        return self.lines[0] if self.lines else ""

    def has_line(self, pattern: str) -> bool:
        """Return whether a line begins with `pattern`."""
        return bool(re.search(rf"^(?:{pattern})", self.text, re.MULTILINE))
