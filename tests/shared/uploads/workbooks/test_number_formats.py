from shared.uploads.workbooks.markup import read_whole
from shared.uploads.workbooks.number_formats import NumberFormats
from tests.shared.uploads.workbooks.crafted import styles


def formats(content: str) -> NumberFormats:
    found = NumberFormats(is_from_1904=False)
    read_whole(iter([styles(content).encode()]), found)
    return found


FORMATS = formats(
    '<numFmts><numFmt numFmtId="164" formatCode="00000"/>'
    '<numFmt numFmtId="165" formatCode="[h]:mm"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="165"/>'
    "<xf/></cellXfs>"
)


def test_the_formats_of_cells_are_counted_from_zero() -> None:
    """Those of named styles stand before them, and are others."""
    shown = [FORMATS.shown("123", style) for style in (None, "0", "1", "2", "3", "4")]

    assert shown == ["123", "123", "1900-05-02", "00123", "2952:00:00", "123"]


def test_a_format_that_does_not_exist_shows_the_number() -> None:
    """The file is a little damaged."""
    assert [FORMATS.shown("123", style) for style in ("99", "-1", "x", "9" * 50)] == ["123"] * 4


def test_formats_beyond_excels_limit_are_not_kept() -> None:
    """A kilobyte can hold a thousand of them."""
    many = formats(f'<cellXfs>{"<xf/>" * 70_000}<xf numFmtId="14"/></cellXfs>')

    assert many.shown("123", "70000") == "123"
