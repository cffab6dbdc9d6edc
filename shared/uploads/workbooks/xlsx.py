"""Open an Excel workbook (ECMA-376, Office Open XML)."""

import posixpath
from collections.abc import Iterator
from xml.sax.xmlreader import AttributesImpl

from shared.uploads.workbooks.archive import Archive
from shared.uploads.workbooks.damage import damaged, too_large
from shared.uploads.workbooks.markup import Markup, read_markup, read_whole
from shared.uploads.workbooks.number_formats import NumberFormats
from shared.uploads.workbooks.shared_strings import SharedStrings
from shared.uploads.workbooks.sheet_row import SheetRow
from shared.uploads.workbooks.workbook import MOST_SHEETS, is_wished, no_such_sheet
from shared.uploads.workbooks.xlsx_sheet import XlsxSheetMarkup


class XlsxWorkbook:
    """An Excel workbook.

    Raises:
        UploadError: It is damaged, or too much.
    """

    format = "Excel workbook"

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        part = _related(archive, "")["/officeDocument"]
        relations = _related(archive, part)
        contents = _Contents()
        read_whole(archive.pieces(part), contents)
        self._sheets = [
            (name, relations[key], is_visible)
            for name, key, is_visible in contents.sheets
            if key in relations
        ]
        self.sheets = tuple(name for name, _, _ in self._sheets)
        self.sheet = ""
        self._formats = NumberFormats(is_from_1904=contents.is_from_1904)
        self._formats_part = relations.get("/styles")
        self._strings_part = relations.get("/sharedStrings")
        self._strings: SharedStrings | None = None

    def rows(self, wished: str) -> Iterator[SheetRow]:
        """Yield the rows of a sheet; see `Workbook.rows`."""
        chosen = [
            (name, part)
            for name, part, is_visible in self._sheets
            if (is_wished(name, wished) if wished else is_visible)
        ]
        if wished and not chosen:
            raise no_such_sheet(self.sheets)
        for name, part in chosen:
            self.sheet = name
            is_empty = True
            for row in self._rows_of(part):
                is_empty = False
                yield row
            if not is_empty:
                return

    def _rows_of(self, part: str) -> Iterator[SheetRow]:
        markup = XlsxSheetMarkup(self._shared_strings(), self._formats)
        for _ in read_markup(self._archive.pieces(part), markup):
            yield from markup.taken()

    def _shared_strings(self) -> SharedStrings:
        if self._strings is None:
            self._strings = SharedStrings()
            if self._formats_part in self._archive.names:
                read_whole(self._archive.pieces(self._formats_part), self._formats)
            if self._strings_part in self._archive.names:
                read_whole(self._archive.pieces(self._strings_part), self._strings)
        return self._strings


class _Contents(Markup):
    """The sheets of a workbook: their names, their relations' keys, whether they are visible."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[tuple[str, str, bool]] = []
        self.is_from_1904 = False

    def open(self, name: str, attributes: AttributesImpl) -> None:
        if name == "workbookPr":
            self.is_from_1904 = attributes.get("date1904") in ("1", "true", "on")
        elif name == "sheet":
            key = next((value for at, value in attributes.items() if at.endswith(":id")), "")
            is_visible = attributes.get("state", "visible") == "visible"
            self.sheets.append((attributes.get("name") or "", key, is_visible))
            if len(self.sheets) > MOST_SHEETS:
                raise too_large()


class _Relations(Markup):
    """The parts that a part refers to: sheets by their key, others by the end of their type."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self._base = base
        self.parts: dict[str, str] = {}

    def open(self, name: str, attributes: AttributesImpl) -> None:
        if name != "Relationship" or attributes.get("TargetMode") == "External":
            return
        kind = "/" + (attributes.get("Type") or "").rpartition("/")[2]
        key = (attributes.get("Id") or "") if kind == "/worksheet" else kind
        target = posixpath.join("/", self._base, attributes.get("Target") or "")
        self.parts.setdefault(key, posixpath.normpath(target).lstrip("/"))


def _related(archive: Archive, part: str) -> dict[str, str]:
    folder, name = posixpath.split(part)
    relations = _Relations(folder)
    at = posixpath.join(folder, "_rels", f"{name}.rels")
    read_whole(archive.pieces(at), relations)
    if not part and "/officeDocument" not in relations.parts:
        raise damaged()
    return relations.parts
