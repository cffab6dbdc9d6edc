import pytest

from tests.shared.uploads.uploading import CANARY, CSV, CUTS, contents, error

HEADER = "productType,endpoint,accessKey,secretKey,name\r\n"
ROW = {"productType": "zstack", "endpoint": "h", "accessKey": "a", "secretKey": "s"}


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("size", CUTS)
def test_an_encoding_that_a_byte_order_mark_tells_is_read(mark: str, size: int) -> None:
    """Excel saves "Unicode text" in UTF-16, with tabs."""
    table = f"{HEADER}zstack,h,a,s,ä\n".replace(",", "\t")

    assert contents(table.encode(mark), CSV, size) == [ROW | {"name": "ä"}]


@pytest.mark.parametrize("size", CUTS)
def test_half_a_character_of_utf_16_is_refused(size: int) -> None:
    """The end of the upload was lost."""
    body = f"{HEADER}zstack,h,a,s,{CANARY}\n".encode("utf-16") + b"\n"

    assert error(body, CSV, size).detail == (
        "The table is not valid UTF-16; save it as CSV in UTF-8."
    )
