"""Read an upload that is one file in a form, as browsers and `curl -F` send it."""

from collections.abc import Callable, Iterator

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from shared.uploads.row import Parser, Row, UploadError

_BROKEN = "The body is not valid multipart/form-data"


class FormParser:
    """Parser of multipart/form-data with exactly one part, a file.

    It writes nothing to a disk, where Starlette's `request.form()` would leave the key pairs.
    """

    def __init__(self, boundary: str, parser_of: Callable[[MultipartSegment], Parser]) -> None:
        try:
            self._form = PushMultipartParser(boundary)
        except MultipartError:
            raise UploadError(f"{_BROKEN}: its boundary is not usable.") from None
        self._parser_of = parser_of
        self._file: Parser | None = None

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes."""
        if not chunk:  # the end, for the library
            return
        # Not raised where the library raised: its exceptions quote what was sent.
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
            raise UploadError(f"{_BROKEN}.")

    def finish(self) -> Iterator[Row]:
        """Yield the last rows."""
        try:
            self._form.close()
        except MultipartError:
            raise UploadError(f"{_BROKEN}: its end is missing.") from None
        if self._file is None:
            raise UploadError("The form has no file.")
        yield from self._file.finish()

    def _open(self, part: MultipartSegment) -> Parser:
        if self._file:
            raise UploadError("The form has a second part; send one file and nothing else.")
        # Clients that can't write a file's name in ASCII leave out `filename`.
        if part.filename is None and part.content_type is None:
            raise UploadError("Part 1 of the form is not a file; send one file and nothing else.")
        return self._parser_of(part)
