"""Read the texts that the cells of a workbook share."""

import re
from array import array
from xml.sax.xmlreader import AttributesImpl

from shared.uploads.row import MAX_ROW_BYTES
from shared.uploads.workbooks.damage import damaged, too_large
from shared.uploads.workbooks.markup import Markup

_MOST_BYTES = 25_165_824
_MOST_STRINGS = 500_000
_WORK_OF_STRING = 24  # an `si` with several runs
# ECMA-376, 22.9.2.19.
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


class RichText(Markup):
    """Hears the text of elements `t`, without the readings that East Asian texts have beside it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._characters = 0
        self._is_beside = False

    def open(self, name: str, attributes: AttributesImpl) -> None:
        """Listen to an element `t`."""
        if name == "rPh":
            self._is_beside = True
        elif name == "t" and not self._is_beside:
            self.listen()

    def close(self, name: str) -> None:
        """Take what was heard."""
        if name == "t" and not self._is_beside:
            self._take(self.heard())
        elif name == "rPh":
            self._is_beside = False

    def said(self) -> str:
        """Return the whole text, and forget it."""
        text = unescaped("".join(self._parts))
        self._parts.clear()
        self._characters = 0
        return text

    def _take(self, text: str) -> None:
        self._characters += len(text)
        if self._characters > MAX_ROW_BYTES:
            raise too_large()
        self._parts.append(text)


class SharedStrings(RichText):
    """The texts by their index; they are kept as bytes, in a third of the memory."""

    def __init__(self) -> None:
        super().__init__()
        self._bytes = bytearray()
        self._ends = array("Q", [0])

    def close(self, name: str) -> None:
        """Keep a text at its end."""
        super().close(name)
        if name != "si":
            return
        if text := self.said():
            self._bytes += text.encode()
            self.earned(_WORK_OF_STRING)
        self._ends.append(len(self._bytes))
        if len(self._bytes) > _MOST_BYTES or len(self._ends) > _MOST_STRINGS:
            raise too_large()

    def at(self, index: str) -> str:
        """Return the text with this index.

        Raises:
            UploadError: There is none.
        """
        if not (index.isascii() and index.isdigit() and len(index) < len("10000000")):
            raise damaged()
        number = int(index)
        if number >= len(self._ends) - 1:
            raise damaged()
        text = self._bytes[self._ends[number] : self._ends[number + 1]]
        return text.decode()


def unescaped(text: str) -> str:
    """Return `text` with the characters that XML can't hold; halves of a pair stay escaped."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return escape[0] if character.encode("utf-8", "ignore") == b"" else character
