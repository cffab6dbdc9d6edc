"""Read an upload that is a file in a form, as browsers and `curl -F` send it."""

from collections.abc import Callable, Iterator

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from shared.uploads.row import Parser, Row, UploadError

_BROKEN = "The body is not valid multipart/form-data"


class FormParser:
    """Parser of multipart/form-data with exactly one part, a file.

    It writes nothing to disk; Starlette's `request.form()` would write the key pairs there.
    """

    def __init__(self, boundary: str, parser_of: Callable[[MultipartSegment], Parser]) -> None:
        try:
            self._form = PushMultipartParser(boundary)
        except MultipartError:
            raise UploadError("{broken}: the boundary is not valid.", broken=_BROKEN) from None
        self._parser_of = parser_of
        self._file: Parser | None = None

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes."""
        if not chunk:  # the library takes it for the end
            return
        # Not raised in the except clause: the library's exceptions quote what was sent.
        is_valid = True
        try:
            for event in self._form.parse(chunk):
                if isinstance(event, MultipartSegment):
                    self._file = self._open(event)
                elif event and self._file:
                    yield from self._file.feed(bytes(event))
        except MultipartError:
            is_valid = False
        if not is_valid:
            raise UploadError("{broken}.", broken=_BROKEN)

    def finish(self) -> Iterator[Row]:
        """Yield the last rows."""
        try:
            self._form.close()
        except MultipartError:
            raise UploadError("{broken}: the end is missing.", broken=_BROKEN) from None
        if self._file is None:
            raise UploadError("The form contains no file.")
        yield from self._file.finish()

    def _open(self, part: MultipartSegment) -> Parser:
        if self._file:
            raise UploadError("The form has more than one part; send only one file.")
        # Clients leave out `filename` if they can't write it in ASCII.
        if part.filename is None and part.content_type is None:
            raise UploadError("The first part of the form is not a file; send only one file.")
        return self._parser_of(part)
