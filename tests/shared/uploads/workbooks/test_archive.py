import io
import zipfile

import pytest

from shared.uploads import UploadError
from shared.uploads.workbooks.archive import MOST_UNPACKED_BYTES, Archive
from tests.shared.uploads.workbooks.crafted import (
    SHEET,
    damaged_inside,
    lying,
    many_entries,
    overlapping,
    parts,
    repeated,
    worksheet,
    zipped,
)
from tests.shared.uploads.workbooks.reading_sheets import DAMAGED, ENCRYPTED, TOO_MUCH, refusal

WHOLE = zipped(parts())


def test_a_part_is_unpacked_piece_by_piece() -> None:
    """Nobody knows how much there will be."""
    content = worksheet("<row/>" * 10_000).encode()
    pieces = [*Archive(io.BytesIO(zipped({SHEET: content}))).pieces(SHEET)]

    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 16_384


@pytest.mark.parametrize("end", [0, 1, 100, len(WHOLE) // 2, len(WHOLE) - 22, len(WHOLE) - 1])
def test_a_truncated_archive_is_damaged(end: int) -> None:
    """A transfer broke off."""
    with pytest.raises(UploadError) as caught:
        Archive(io.BytesIO(WHOLE[:end]))

    assert caught.value.detail == DAMAGED


def test_bytes_that_are_not_deflated_are_damaged() -> None:
    """They turn out while a part is unpacked."""
    assert refusal(damaged_inside(SHEET)) == DAMAGED


def test_a_wrong_checksum_is_damage() -> None:
    """A key pair may be what was changed."""
    content = zipped(parts(), zipfile.ZIP_STORED)

    assert refusal(content.replace(b"productType", b"productTypo")) == DAMAGED


def test_parts_that_overlap_are_refused() -> None:
    """46 MB can unpack to petabytes without a single high ratio (Fifield, 2019)."""
    assert refusal(overlapping()) == DAMAGED


def test_two_parts_of_one_name_are_refused() -> None:
    """Each program takes another one: what was checked isn't what is opened."""
    file = io.BytesIO(WHOLE)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(SHEET.upper(), b"<a/>")

    assert refusal(file.getvalue()) == DAMAGED


def test_an_encrypted_part_needs_a_password() -> None:
    """It has a bit in the directory."""
    at = WHOLE.index(b"PK\x01\x02") + 8

    assert refusal(WHOLE[:at] + b"\x01" + WHOLE[at + 1 :]) == ENCRYPTED


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_no_spreadsheet_uses_are_refused(method: int) -> None:
    """LZMA asks for as much memory as the file says."""
    assert refusal(zipped(parts(), method)) == DAMAGED


def test_many_parts_are_refused_before_any_is_looked_at() -> None:
    """Each costs a thousand times its bytes."""
    assert refusal(many_entries(5000)) == TOO_MUCH


def test_a_larger_directory_than_it_says_is_refused() -> None:
    """The number of parts is said twice."""
    content = bytearray(many_entries(5000))
    content[-12:-10] = (1).to_bytes(2, "little")

    assert refusal(bytes(content)) in (DAMAGED, TOO_MUCH)


def test_zip64_is_refused() -> None:
    """No workbook under 4 GB needs it, and it tells other sizes than the directory."""
    locator = b"PK\x06\x07" + b"\0" * 16

    assert refusal(WHOLE[:-22] + locator + WHOLE[-22:]) == DAMAGED


def test_what_unpacks_to_gigabytes_is_refused_by_what_it_says() -> None:
    """Not a byte is unpacked."""
    assert refusal(repeated(SHEET, "", b"\0" * 64, MOST_UNPACKED_BYTES + 64)) == TOO_MUCH


@pytest.mark.parametrize("declared", [0, 1, 100, MOST_UNPACKED_BYTES])
def test_what_says_another_size_than_it_is_is_damaged(declared: int) -> None:
    """What counts is what is unpacked."""
    assert refusal(lying(WHOLE, SHEET, declared)) in (DAMAGED, TOO_MUCH)


def test_a_high_ratio_is_refused() -> None:
    """Blanks are no table."""
    assert refusal(repeated(SHEET, worksheet(), b" " * 64, 100_000_000)) == TOO_MUCH


def test_a_missing_part_is_damage() -> None:
    """Its relation is there."""
    assert refusal(zipped({n: part for n, part in parts().items() if n != SHEET})) == DAMAGED
