"""Open an OpenDocument spreadsheet (OpenDocument 1.2, part 1)."""

from collections.abc import Iterator

from shared.uploads.workbooks.archive import Archive
from shared.uploads.workbooks.damage import encrypted
from shared.uploads.workbooks.markup import read_markup
from shared.uploads.workbooks.ods_tables import OdsTables
from shared.uploads.workbooks.sheet_row import SheetRow
from shared.uploads.workbooks.workbook import no_such_sheet

_CONTENT = "content.xml"
_MANIFEST = "META-INF/manifest.xml"
_LONGEST_MANIFEST = 16_384


class OdsWorkbook:
    """An OpenDocument spreadsheet, all of whose sheets stand in one part.

    Raises:
        UploadError: It needs a password.
    """

    format = "OpenDocument spreadsheet"

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.sheets: list[str] = []
        self.sheet = ""
        if b"encryption-data" in archive.start_of(_MANIFEST, _LONGEST_MANIFEST):
            raise encrypted()

    def rows(self, wished: str) -> Iterator[SheetRow]:
        """Yield the rows of a sheet; see `Workbook.rows`."""
        tables = OdsTables(wished)
        self.sheets = tables.names
        for _ in read_markup(self._archive.pieces(_CONTENT), tables):
            for row in tables.taken():
                self.sheet = tables.chosen
                yield row
        self.sheet = tables.chosen
        if wished and not tables.is_found:
            raise no_such_sheet(self.sheets)
