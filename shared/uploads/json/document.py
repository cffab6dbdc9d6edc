"""Read an upload that is one JSON document, without holding all of it in memory."""

import re
from collections.abc import Iterator

import ijson

from shared.uploads.json.items import Items
from shared.uploads.json.members import JsonMembers
from shared.uploads.json.value import BeyondBoundsError
from shared.uploads.reading import Reading
from shared.uploads.row import MAX_ROW_BYTES, UTF8_BOM, Row, UploadError, too_long
from shared.uploads.wishes import Wishes

# ijson's parser restarts a string with every piece that doesn't end it: tiny pieces would make it
# quadratic. MAX_ROW_BYTES is as exact here as the size of the pieces.
_PIECE_BYTES = 4096

# ijson's parser turns a high surrogate without a low one into "?", in a secret key as well.
_ESCAPE = re.compile(rb"\\(?:(u[dD][89abAB](?!..\\u[dD][c-fC-F]))|.?)", re.DOTALL)
_LONGEST_ESCAPE = len(rb"\ud83d\ude00")


class JsonDocumentParser:
    """Parser of {"options": {...}, "items": [{...}, ...]}."""

    def __init__(self, wishes: Wishes, reading: Reading) -> None:
        reading.format, reading.encoding = "JSON", "UTF-8"
        self._waiting = bytearray()
        self._is_first = True
        self._events = ijson.sendable_list()
        self._parser = ijson.basic_parse_coro(self._events, use_float=True)
        self._members = JsonMembers(Items(wishes, reading))
        self._bytes_since_row = 0

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield most of the rows that `chunk` completes."""
        self._waiting += chunk
        while len(self._waiting) >= _PIECE_BYTES:
            yield from self._parse(bytes(self._waiting[:_PIECE_BYTES]), is_last=False)

    def finish(self) -> Iterator[Row]:
        """Yield the last rows."""
        yield from self._parse(bytes(self._waiting), is_last=True)

    def _parse(self, piece: bytes, *, is_last: bool) -> Iterator[Row]:
        end, is_valid = _judged(piece, is_last=is_last)
        del self._waiting[:end]
        text = piece[:end]
        if self._is_first:
            self._is_first = False
            text = text.removeprefix(UTF8_BOM)
        is_valid = self._send(text, is_last=is_last) and is_valid
        yield from self._rows()
        # Not raised in the except clause: ijson's exceptions quote what was sent.
        if not is_valid:
            raise UploadError(
                "{place}: is not valid JSON in UTF-8, or contains a number that is too large.",
                place=self._members.place,
            )
        self._bytes_since_row += len(text)
        if self._bytes_since_row > MAX_ROW_BYTES:
            raise too_long(self._members.place)

    def _send(self, text: bytes, *, is_last: bool) -> bool:
        try:
            if text:  # ijson takes empty bytes for the end
                self._parser.send(text)
            if is_last:
                self._parser.close()
        except (ijson.JSONError, UnicodeDecodeError):
            return False
        return True

    def _rows(self) -> Iterator[Row]:
        take = self._members.take
        try:
            for event, value in self._events:
                if row := take(event, value):
                    self._bytes_since_row = 0
                    yield row
        except BeyondBoundsError as error:
            place = self._members.place
            raise UploadError(error.detail, place=place, most=error.most) from None
        self._events.clear()


def _judged(piece: bytes, *, is_last: bool) -> tuple[int, bool]:
    """Return up to where `piece` can be parsed, and whether what follows is allowed.

    An escape at the very end is left for the next piece, unless this is the last.
    """
    judged = len(piece) if is_last else len(piece) - _LONGEST_ESCAPE
    for escape in _ESCAPE.finditer(piece):
        if escape.start() > judged:
            return escape.start(), True
        if escape[1]:
            return escape.start(), False
    return len(piece), True
