"""Turn a table that says by a byte order mark that it is UTF-16 into UTF-8."""

import codecs

from shared.uploads.row import UploadError

_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARK_BYTES = 2


class Utf8:
    """The bytes of an upload in UTF-8; Excel saves "Unicode text" in UTF-16."""

    def __init__(self) -> None:
        self._begun = b""
        self._is_known = False
        self._utf16: codecs.IncrementalDecoder | None = None

    def feed(self, chunk: bytes, *, is_last: bool = False) -> bytes:
        """Return `chunk` in UTF-8; its end can come with the next one.

        Raises:
            UploadError: it begins with the mark of UTF-16, and is none.
        """
        if not self._is_known:
            self._begun += chunk
            if len(self._begun) < _MARK_BYTES and not is_last:
                return b""
            chunk, self._begun, self._is_known = self._begun, b"", True
            if chunk.startswith(_MARKS):
                self._utf16 = codecs.getincrementaldecoder("utf-16")()
        if self._utf16 is None:
            return chunk
        return _decoded(self._utf16, chunk, is_last=is_last).encode()


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, *, is_last: bool) -> str:
    try:
        return decoder.decode(chunk, is_last)
    except UnicodeDecodeError:
        pass  # not raised here: the exception, which contains the chunk, would be its context
    raise UploadError("The table is not valid UTF-16; save it as CSV in UTF-8.")
