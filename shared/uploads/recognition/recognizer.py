"""Read an upload in the format that its first bytes show."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from shared.uploads.json.document import JsonDocumentParser
from shared.uploads.json.json_lines import JsonLinesParser
from shared.uploads.reading import Reading
from shared.uploads.recognition.head import HEAD_BYTES, Head
from shared.uploads.recognition.kinds import Kind, Told, kind_of
from shared.uploads.row import Parser, Row
from shared.uploads.tables.csv_table import CsvParser
from shared.uploads.tables.encodings.charsets import known_charset
from shared.uploads.tables.encodings.decoder import Decoder
from shared.uploads.wishes import Wishes

if TYPE_CHECKING:
    from shared.uploads.inventories.document import DocumentParser


def _workbook(wishes: Wishes, reading: Reading) -> Parser:
    # Here, because a command that reads another format does without the parsers of XML.
    from shared.uploads.workbooks.workbook_parser import WorkbookParser

    return WorkbookParser(wishes, reading)


_PARSERS: Mapping[str, Callable[[Wishes, Reading], Parser]] = {
    "table": CsvParser,
    "JSON": JsonDocumentParser,
    "NDJSON": JsonLinesParser,
    "workbook": _workbook,
}
_DECODED_THERE = ("table", "workbook")


class Recognizer:
    """Parser of any format; it waits for HEAD_BYTES, or for the end."""

    def __init__(self, told: Told, wishes: Wishes, reading: Reading) -> None:
        self._told = told
        self._wishes = wishes
        self._reading = reading
        self._begun = bytearray()
        self._parser: Parser | None = None
        self._document: DocumentParser | None = None
        self._decoder: Decoder | None = None

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """Yield the rows that `chunk` completes.

        Raises:
            UploadError: The format can't be used, or the upload can't be read any further.
        """
        if self._parser is None:
            self._begun += chunk
            if len(self._begun) < HEAD_BYTES:
                return
            chunk = self._begin()
        yield from self._pass_on(chunk, is_last=False)

    def finish(self) -> Iterator[Row]:
        """Yield the last rows.

        Raises:
            UploadError: The format can't be used, or the end is missing.
        """
        yield from self.end()
        if self._parser:
            yield from self._parser.finish()

    def end(self) -> Iterator[Row]:
        """Take note that all of the upload was fed, which decides its format at the latest.

        Raises:
            UploadError: The format can't be used.
        """
        rest = self._begin() if self._parser is None else b""
        yield from self._pass_on(rest, is_last=True)

    def join(self, earlier: "Recognizer") -> bool:
        """Read this upload together with an earlier one; return whether both are inventories.

        Both must have ended.
        """
        if not self._document or not earlier._document:  # noqa: SLF001 -- of the same class
            return False
        self._document.join(earlier._document)  # noqa: SLF001
        return True

    @property
    def is_document(self) -> bool:
        """Whether it is an inventory, of which several can be read together."""
        return self._document is not None

    def _begin(self) -> bytes:
        """Choose the parser, and return the bytes that were held back."""
        begun = bytes(self._begun)
        self._begun.clear()
        charset = known_charset(self._wishes.charset)
        head = Head(begun[:HEAD_BYTES], charset.codec if charset else "")
        kind = kind_of(head, self._told) if begun.strip() else self._kind_of_nothing()
        self._parser = self._parser_for(kind)
        is_told = bool(self._wishes.charset) or head.encoding != "utf-8"
        if is_told and kind not in _DECODED_THERE:
            self._decoder = Decoder(self._wishes.charset, self._reading)
        return begun

    def _kind_of_nothing(self) -> Kind:
        told = self._told
        return told if told == "JSON" or told == "NDJSON" else "table"

    def _parser_for(self, kind: Kind) -> Parser:
        if parser := _PARSERS.get(kind):
            return parser(self._wishes, self._reading)
        # Here, because PyYAML takes 15 ms to load, and other formats do not need it.
        from shared.uploads.inventories.document import SYNTAXES, DocumentParser

        self._document = DocumentParser(SYNTAXES[kind], self._wishes, self._reading)
        return self._document

    def _pass_on(self, chunk: bytes, *, is_last: bool) -> Iterator[Row]:
        if self._decoder:
            chunk = self._decoder.feed(chunk, is_last=is_last)
        if self._parser and chunk:
            yield from self._parser.feed(chunk)
