"""Read XML whose bytes are hostile, piece by piece and without a tree."""

from collections import deque
from collections.abc import Iterator
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from shared.uploads.row import MAX_ROW_BYTES, UploadError
from shared.uploads.workbooks.damage import damaged, too_large

_DEEPEST = 256
_MOST_WORK = 1_000_000
"""Elements and attributes that may be read in vain; a second of work."""
_WORK_OF_ELEMENT = 2
_BYTES_OF_WORK = 32
_LONGEST_TOKEN_BYTES = 524_288
"""Expat holds a tag or a comment until its end."""


class Markup(ContentHandler):
    """What is done with the elements of a part; it counts the work that leads to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.work = 0
        """What was read since the last call of `earned`, and what was too much before."""
        self.is_done = False
        """Whether what follows doesn't matter."""
        self._depth = 0
        self._heard: list[str] | None = None
        self._length = 0
        self._events = 0

    def open(self, name: str, attributes: AttributesImpl) -> None:
        """Take the beginning of an element, by its name without a prefix."""

    def close(self, name: str) -> None:
        """Take the end of an element."""

    def earned(self, work: int) -> None:
        """Forgive `work`: something was found."""
        self.work = max(0, self.work - work)

    def listen(self) -> None:
        """Collect the text that follows."""
        self._heard, self._length = [], 0

    def hear(self, text: str) -> None:
        """Collect `text` if somebody listens."""
        if self._heard is not None:
            self._length += len(text)
            if self._length > MAX_ROW_BYTES:
                raise too_large()
            self._heard.append(text)

    def heard(self) -> str:
        """Return the text since `listen`, and collect no more."""
        text, self._heard = self._heard, None
        return "".join(text) if text else ""

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: D102, N802
        self._events += 1
        self._depth += 1
        self.work += _WORK_OF_ELEMENT + len(attrs)
        if self._depth > _DEEPEST or self.work > _MOST_WORK:
            raise too_large()
        if not self.is_done:
            self.open(name.rpartition(":")[2], attrs)

    def endElement(self, name: str) -> None:  # noqa: D102, N802
        self._events += 1
        self._depth -= 1
        if not self.is_done:
            self.close(name.rpartition(":")[2])

    def characters(self, content: str) -> None:  # noqa: D102
        self._events += 1
        self.hear(content)

    def processingInstruction(self, target: str, data: str) -> None:  # noqa: D102, N802
        self.work += _WORK_OF_ELEMENT

    def passed(self, count: int) -> int:
        """Count bytes as work, and return the number of events so far."""
        self.work += count // _BYTES_OF_WORK
        if self.work > _MOST_WORK:
            raise too_large()
        return self._events


def read_markup(pieces: Iterator[bytes], markup: Markup) -> Iterator[None]:
    """Give the XML in `pieces` to `markup`, and yield after each piece until it is done.

    Raises:
        UploadError: It is no XML, declares a document type or entities, or is too much.
    """
    parser = DefusedExpatParser(forbid_dtd=True)
    parser.setContentHandler(markup)
    silent_bytes = events = 0
    for piece in pieces:
        if error := _fed(parser, piece):
            yield  # what came before
            raise error
        if markup.is_done:
            yield
            deque(pieces, maxlen=0)  # their checksum is at their end
            return
        now = markup.passed(len(piece))
        silent_bytes = silent_bytes + len(piece) if now == events else 0
        events = now
        if silent_bytes > _LONGEST_TOKEN_BYTES:
            raise too_large()
        yield
    if not events:
        raise damaged()
    if error := _ended(parser):
        raise error


def read_whole(pieces: Iterator[bytes], markup: Markup) -> None:
    """Give all of the XML in `pieces` to `markup`; the errors are those of `read_markup`."""
    for _ in read_markup(pieces, markup):
        pass


def _fed(parser: DefusedExpatParser, piece: bytes) -> UploadError | None:
    # Returned and not raised: the library's exceptions quote what was sent.
    try:
        parser.feed(piece)
    except (SAXException, DefusedXmlException, ValueError, LookupError):
        return damaged()
    return None


def _ended(parser: DefusedExpatParser) -> UploadError | None:
    try:
        parser.close()
    except (SAXException, DefusedXmlException, ValueError, LookupError):
        return damaged()
    return None
