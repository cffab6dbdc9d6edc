"""Turn the bytes of a text, as they arrive, into UTF-8."""

import codecs
import re

from shared.uploads.reading import Reading
from shared.uploads.row import UploadError
from shared.uploads.tables.encodings.charsets import (
    UTF_8,
    UTF_16,
    UTF_16_BE,
    UTF_16_LE,
    Charset,
    charset_named,
)
from shared.uploads.tables.encodings.guess import guessed

_MARKS = {
    codecs.BOM_UTF8: UTF_8,
    codecs.BOM_UTF16_LE: UTF_16,
    codecs.BOM_UTF16_BE: UTF_16,
}
_LONGEST_MARK = len(codecs.BOM_UTF8)
_FIRST_BYTES = 4096
"""How much of the first line is held back to see whether it is UTF-16 without a mark."""
SAMPLE_BYTES = 65_536
"""How much is held back from the first bytes on that are not UTF-8."""
_LETTER = re.compile(b"[^\\x00-\\x7f]")
_LEAST_ZEROS = 0.25
"""The share of NUL bytes in one line of UTF-16."""
_MOST_LIKELY = 0.75
"""The share of them in the bytes that ASCII leaves empty: U+4E00, one in Chinese, has another."""


class Decoder:
    """The bytes of an upload in UTF-8.

    Text in ASCII or UTF-8 passes as it arrives. From the first other bytes on a sample is held
    back, and its encoding is guessed, unless the caller or a byte order mark has told it.
    """

    def __init__(self, charset: str, reading: Reading) -> None:
        self._told = charset_named(charset) if charset else None
        self._reading = reading
        self._held = b""
        self._is_begun = False
        self._is_utf8 = False
        self._sampled = False
        self._has_letters = False
        self._lines = 0
        self._charset: Charset | None = None
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, chunk: bytes, *, is_last: bool = False) -> bytes:
        """Return `chunk` in UTF-8; its end can come with the next one.

        Raises:
            UploadError: It is not in the encoding that was told, or its encoding is in doubt.
        """
        data = self._held + chunk if self._held else chunk
        self._held = b""
        if not self._is_begun and not self._begin(data, is_last=is_last):
            self._held = data
            return b""
        if self._decoder is None and not self._sampled:
            return self._passed(data, is_last=is_last)
        if self._decoder is None:
            return self._guessed(data, is_last=is_last)
        return self._decoded(data, self._decoder, is_last=is_last)

    def _begin(self, data: bytes, *, is_last: bool) -> bool:
        """Return whether it is known how the text begins."""
        mark = next((one for mark, one in _MARKS.items() if data.startswith(mark)), None)
        if mark is None and len(data) < _LONGEST_MARK and not is_last:
            return False
        told = mark or self._told
        if told is None:
            end = data.find(b"\n")
            if not 0 <= end < len(data) - 1 and len(data) < _FIRST_BYTES and not is_last:
                return False
            told = _utf16_of(data[: end + 2] if end >= 0 else data[:_FIRST_BYTES])
        self._is_begun = True
        self._reading.encoding = UTF_8.name
        if told and told is not UTF_8:
            self._decode_as(told)
        self._is_utf8 = told is UTF_8
        return True

    def _decode_as(self, charset: Charset) -> codecs.IncrementalDecoder:
        self._reading.encoding = charset.name
        self._charset = charset
        self._decoder = codecs.getincrementaldecoder(charset.codec)()
        return self._decoder

    def _passed(self, data: bytes, *, is_last: bool) -> bytes:
        """Return what is UTF-8 of `data`, and hold back what is not, or is not complete."""
        if not self._has_letters and not self._is_utf8 and not data.isascii():
            begin, end = _first_line_with_letters(data)
            if end < 0 and len(data) - begin < SAMPLE_BYTES and not is_last:
                # A line is not read before its end anyway, and can be UTF-8 up to its last letter.
                self._held = data[begin:]
                self._count(data[:begin])
                return data[:begin]
            line = data[begin : end + 1] if end >= 0 else data[begin:]
            if not _end_of_utf8(line, is_last=is_last or end >= 0)[1]:
                self._count(data[:begin])
                self._sampled = True
                return data[:begin] + self._guessed(data[begin:], is_last=is_last)
        end, is_valid = _end_of_utf8(data, is_last=is_last)
        self._has_letters = self._has_letters or not data[:end].isascii()
        self._count(data[:end])
        if not is_valid:
            raise self._not_valid(UTF_8)
        self._held = data[end:]
        return data[:end]

    def _guessed(self, data: bytes, *, is_last: bool) -> bytes:
        if len(data) < SAMPLE_BYTES and not is_last:
            self._held = data
            return b""
        charset = guessed(data[:SAMPLE_BYTES], is_whole=is_last and len(data) <= SAMPLE_BYTES)
        if charset is None:
            raise UploadError(
                "{place}: is not UTF-8, and its encoding can't be told for certain. Save the table "
                "as CSV in UTF-8, or name its charset, for example {charset} or {other}.",
                place=f"line {self._lines + 1}",
                charset="GB18030",
                other="windows-1252",
            )
        self._reading.encoding_is_guessed = True
        return self._decoded(data, self._decode_as(charset), is_last=is_last)

    def _decoded(self, data: bytes, decoder: codecs.IncrementalDecoder, *, is_last: bool) -> bytes:
        text, start = _text_of(data, decoder, is_last=is_last)
        if text is None:
            self._count(data[:start])
            raise self._not_valid(self._charset or UTF_8)
        encoded = text.encode()
        self._count(encoded)
        return encoded

    def _count(self, text: bytes) -> None:
        self._lines += text.count(b"\n")

    def _not_valid(self, charset: Charset) -> UploadError:
        return UploadError(
            "{place}: is not valid {charset}; save the table as CSV in UTF-8, or name its charset.",
            place=f"line {self._lines + 1}",
            charset=charset.name,
        )


def _first_line_with_letters(data: bytes) -> tuple[int, int]:
    """Return where the first line begins that is not in ASCII, and where it ends; -1 if it doesn't.

    The lines before it are passed on: they are the same in all encodings.
    """
    found = _LETTER.search(data)
    letter = found.start() if found else len(data)
    return data.rfind(b"\n", 0, letter) + 1, data.find(b"\n", letter)


def _end_of_utf8(data: bytes, *, is_last: bool) -> tuple[int, bool]:
    """Return up to where `data` is UTF-8, and whether what follows may be the begin of more."""
    if data.isascii():
        return len(data), True
    try:
        _, end = codecs.utf_8_decode(data, "strict", is_last)
    except UnicodeDecodeError as error:
        return error.start, False
    return end, True


def _text_of(
    data: bytes, decoder: codecs.IncrementalDecoder, *, is_last: bool
) -> tuple[str | None, int]:
    """Return the text of `data`; None, and up to where it is valid, if it isn't.

    The codec's error, which contains the data, is no context of what is raised then.
    """
    try:
        return decoder.decode(data, is_last), len(data)
    except UnicodeDecodeError as error:
        return None, error.start


def _utf16_of(line: bytes) -> Charset | None:
    """Return the UTF-16 that a first line without a byte order mark is in; None if it is in none.

    Raises:
        UploadError: It has NUL bytes, and is not UTF-16.
    """
    zeros = [n for n, byte in enumerate(line) if not byte]
    if not zeros:
        return None
    end = line.find(b"\n")
    for charset, parity in ((UTF_16_LE, 1), (UTF_16_BE, 0)):
        is_so = sum(n % 2 == parity for n in zeros) > _MOST_LIKELY * len(zeros)
        if end >= 0:
            is_so = is_so and end % 2 == 1 - parity and line[end - 1 + 2 * parity :][:1] == b"\0"
        elif len(zeros) < _LEAST_ZEROS * len(line):
            is_so = False
        if is_so:
            return charset
    raise UploadError(
        "{place}: contains NUL bytes, and is not UTF-16; save the table as CSV in UTF-8.",
        place="line 1",
    )
