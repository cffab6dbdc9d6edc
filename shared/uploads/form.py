"""Read an upload that is a form with files, as browsers and `curl -F` send it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from shared.uploads.inventories.together import not_together
from shared.uploads.recognition.recognizer import Recognizer
from shared.uploads.row import Row, UploadError
from shared.uploads.wishes import Wishes

MOST_FILES = 4
MAPPING = "mapping"
"""The name of the part that says what the columns mean."""
MOST_MAPPED, LONGEST_MAPPED = 64, 200
_MAPPING_BYTES = 65_536

_BROKEN = "The body is not valid multipart/form-data"


class FormParser:
    """Parser of multipart/form-data with a file, or files of one inventory, and a mapping.

    It writes nothing to disk; Starlette's `request.form()` would write the key pairs there.
    """

    def __init__(
        self,
        boundary: str,
        wishes: Wishes,
        parser_of: Callable[[MultipartSegment, Wishes], Recognizer],
    ) -> None:
        try:
            self._form = PushMultipartParser(boundary)
        except MultipartError:
            raise UploadError("{broken}: the boundary is not valid.", broken=_BROKEN) from None
        self._wishes = wishes
        self._parser_of = parser_of
        self._mapping: bytearray | None = None
        self._files: list[Recognizer] = []

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes.

        Raises:
            UploadError: The form is not valid, or a file in it can't be read.
        """
        if not chunk:  # the library takes it for the end
            return
        # Not raised in the except clause: the library's exceptions quote what was sent.
        is_valid = True
        try:
            for event in self._form.parse(chunk):
                if isinstance(event, MultipartSegment):
                    yield from self._open(event)
                elif event:
                    yield from self._take(bytes(event))
        except MultipartError:
            is_valid = False
        if not is_valid:
            raise UploadError("{broken}.", broken=_BROKEN)

    def finish(self) -> Iterator[Row]:
        """Yield the last rows.

        Raises:
            UploadError: The end or a file is missing, or the files don't belong together.
        """
        try:
            self._form.close()
        except MultipartError:
            raise UploadError("{broken}: the end is missing.", broken=_BROKEN) from None
        if not self._files:
            raise UploadError("The form contains no file.")
        *earlier, last = self._files
        if earlier:
            yield from last.end()
            for file in earlier:
                if not last.join(file):
                    raise not_together()
        yield from last.finish()

    def _open(self, part: MultipartSegment) -> Iterator[Row]:
        if part.name == MAPPING:
            if self._mapping is not None or self._files:
                raise UploadError("The part mapping must come once, and before the file.")
            self._mapping = bytearray()
            return
        # Clients leave out `filename` if they can't write it in ASCII.
        if part.filename is None and part.content_type is None:
            raise UploadError("The form has a part that is neither a file nor mapping.")
        if self._files:
            yield from self._close(self._files[-1])
        elif self._mapping:
            self._wishes = replace(self._wishes, columns=_mapped(bytes(self._mapping)))
        self._files.append(self._parser_of(part, self._wishes))

    def _close(self, file: Recognizer) -> Iterator[Row]:
        """Take note that another file follows this one."""
        yield from file.end()
        if not file.is_document:
            raise not_together()
        if len(self._files) >= MOST_FILES:
            raise UploadError("The form has more than {most} files.", most=MOST_FILES)

    def _take(self, content: bytes) -> Iterator[Row]:
        if self._files:
            yield from self._files[-1].feed(content)
        elif self._mapping is not None:
            self._mapping += content
            if len(self._mapping) > _MAPPING_BYTES:
                raise UploadError(
                    "The part mapping is longer than {most} bytes.",
                    kind="too-large",
                    most=_MAPPING_BYTES,
                )


def _mapped(content: bytes) -> dict[str, str]:
    """Return what the part `mapping` says."""
    try:
        columns = json.loads(content)
    except (ValueError, RecursionError):
        columns = None  # not raised here: the exception has what was sent
    fits = isinstance(columns, dict) and len(columns) <= MOST_MAPPED
    if not fits or not all(_is_mapped(*pair) for pair in columns.items()):
        raise UploadError(
            "The part mapping must be a JSON object with {most} texts at most, such as {example}.",
            most=MOST_MAPPED,
            example='{"Server": "host"}',
        )
    return dict(columns)


def _is_mapped(column: str, field: object) -> bool:
    return isinstance(field, str) and max(len(column), len(field)) <= LONGEST_MAPPED
