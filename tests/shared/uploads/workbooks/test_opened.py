import io
import zipfile

import pytest

from shared.uploads.workbooks.opened import LONGEST_HEAD, is_workbook
from tests.shared.uploads.uploading import CANARY
from tests.shared.uploads.workbooks.crafted import parts, workbook, zipped
from tests.shared.uploads.workbooks.reading_sheets import DAMAGED, ENCRYPTED, refusal

COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 1000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            zipped(parts() | {"xl/vbaProject.bin": b"x"}),
            "The workbook contains macros; save it as .xlsx, without macros.",
        ),
        (
            zipped(parts() | {"xl/other/VBAPROJECT.BIN": b"x"}),
            "The workbook contains macros; save it as .xlsx, without macros.",
        ),
        (
            zipped({"xl/workbook.bin": b"x"}),
            "Workbooks in the format .xlsb can't be read; save it as .xlsx.",
        ),
        (COMPOUND, "Workbooks in the format .xls can't be read; save it as .xlsx."),
        (COMPOUND + "EncryptedPackage".encode("utf-16-le"), ENCRYPTED),
        (
            zipped({"word/document.xml": b"x", "sites.csv": CANARY.encode()}),
            "The file is a zip archive and no workbook; send the table in it.",
        ),
        (zipped({}), "The file is a zip archive and no workbook; send the table in it."),
        (zipped({"xl/workbook.xml": CANARY.encode()}), DAMAGED),
        (b"PK\x03\x04", DAMAGED),
        (b"name,ref", DAMAGED),
        (b"", DAMAGED),
    ],
)
def test_what_cannot_be_read_is_named(content: bytes, said: str) -> None:
    """Whoever sent it sees how to save it."""
    assert refusal(content) == said


def test_a_workbook_is_told_by_its_beginning() -> None:
    """Whatever its name says."""
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()

    assert all(is_workbook(one[:LONGEST_HEAD]) for one in (workbook(), COMPOUND, empty.getvalue()))
    assert not any(is_workbook(one) for one in (b"", b"PK", b"PKI,endpoint", b"\xff\xfen\0a\0"))
