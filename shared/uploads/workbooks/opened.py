"""Tell which workbook a file is, by its content."""

import io

from shared.uploads.row import UploadError
from shared.uploads.workbooks.archive import Archive
from shared.uploads.workbooks.damage import encrypted
from shared.uploads.workbooks.ods import OdsWorkbook
from shared.uploads.workbooks.workbook import Workbook
from shared.uploads.workbooks.xlsx import XlsxWorkbook

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# [MS-CFB], 2.2: Excel's old workbooks, and all workbooks that need a password.
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")  # [MS-OFFCRYPTO], 2.3.4.4

LONGEST_HEAD = len(_COMPOUND_FILE)


def is_workbook(head: bytes) -> bool:
    """Return whether a file that begins with `head`, LONGEST_HEAD bytes, is read as a workbook."""
    return head.startswith((*_ZIP, _COMPOUND_FILE))


def opened(body: io.BytesIO) -> Workbook:
    """Return the workbook that `body` is.

    Raises:
        UploadError: It is none that can be read.
    """
    with body.getbuffer() as view:
        is_compound = bytes(view[: len(_COMPOUND_FILE)]) == _COMPOUND_FILE
    if is_compound:
        raise _compound(body.getvalue())
    archive = Archive(body)
    names = {name.casefold() for name in archive.names}
    if any(name.endswith("vbaproject.bin") for name in names):
        raise _unsupported("The workbook contains macros; save it as .xlsx, without macros.")
    if "xl/workbook.bin" in names:
        raise _unsupported("Workbooks in the format .xlsb can't be read; save it as .xlsx.")
    if "content.xml" in names and "xl/workbook.xml" not in names:
        return OdsWorkbook(archive)
    if not any(name.startswith("xl/") for name in names):
        raise _unsupported("The file is a zip archive and no workbook; send the table in it.")
    return XlsxWorkbook(archive)


def _compound(body: bytes) -> UploadError:
    if _ENCRYPTED_PACKAGE in body:
        return encrypted()
    return _unsupported("Workbooks in the format .xls can't be read; save it as .xlsx.")


def _unsupported(detail: str) -> UploadError:
    return UploadError(detail, kind="unsupported-media-type")
