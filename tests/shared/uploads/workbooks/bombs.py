"""Workbooks that unpack to more than they are worth."""

from collections.abc import Callable, Mapping
from functools import partial

from tests.shared.uploads.workbooks.crafted import (
    SHEET,
    STRINGS,
    STYLES,
    XML,
    lying,
    many_entries,
    repeated,
    shared_strings,
    styles,
    with_part,
    workbook,
    worksheet,
    zipped,
)

_UNPACKED = 60_000_000
_ROWS = worksheet("@").partition("@")[0]
_LAUGHS = "".join(f"<!ENTITY a{n + 1} '" + f"&a{n};" * 10 + "'>" for n in range(10))

in_sheet = partial(repeated, SHEET)


def _attribute(number: int) -> str:
    return f"a{number}=''"


BOMBS: Mapping[str, Callable[[], bytes]] = {
    "4 GB that are not there": lambda: lying(workbook(), SHEET, 4_000_000_000),
    "empty cells in one row": lambda: in_sheet(f"{_ROWS}<row>", b"<c/>", _UNPACKED),
    "empty rows": lambda: in_sheet(_ROWS, b'<row spans="1:8" ht="15"/>', _UNPACKED),
    "blanks": lambda: in_sheet(_ROWS, b" " * 64, _UNPACKED),
    "comments": lambda: in_sheet(_ROWS, b"<!-- -->", _UNPACKED),
    "an endless comment": lambda: in_sheet(f"{_ROWS}<!-- ", b"a" * 64, _UNPACKED),
    "an endless tag": lambda: in_sheet(f"{_ROWS}<row ", b"a" * 64, _UNPACKED),
    "instructions": lambda: in_sheet(_ROWS, b"<?a?>", _UNPACKED),
    "depth": lambda: in_sheet(_ROWS, b"<a>", _UNPACKED),
    "characters by their numbers": lambda: in_sheet(_ROWS, b"&#65;", _UNPACKED),
    "attributes": lambda: with_part(
        SHEET, _ROWS + f"<row {' '.join(map(_attribute, range(40_000)))}/>" * 40
    ),
    "a cell of 64 MB": lambda: in_sheet(f"{_ROWS}<row><c t='str'><v>", b"a" * 64, 64_000_000),
    "a cell of many runs": lambda: in_sheet(
        f"{_ROWS}<row><c t='inlineStr'><is>", b"<t>aaaaaaaaaaaaaaaaaaaaaa</t>", _UNPACKED
    ),
    "a million columns": lambda: in_sheet(
        f"{_ROWS}<row>", b"<c t='str'><v>a</v></c>", 1_000_000 * 23
    ),
    "shared texts": lambda: repeated(
        STRINGS,
        shared_strings("@").partition("@")[0],
        b"<si><t>" + b"a" * 1000 + b"</t></si>",
        _UNPACKED,
    ),
    "empty shared texts": lambda: repeated(
        STRINGS, shared_strings("@").partition("@")[0], b"<si/>", _UNPACKED
    ),
    "formats": lambda: repeated(
        STYLES, f"{styles('@').partition('@')[0]}<cellXfs>", b"<xf/>", _UNPACKED
    ),
    "sheets": lambda: with_part(
        "xl/workbook.xml", "<workbook><sheets>" + "<sheet name='a' r:id='rId1'/>" * 500_000
    ),
    "relations": lambda: with_part(
        "_rels/.rels",
        "<R>" + "".join(f"<Relationship Id='{n}' Type='/worksheet'/>" for n in range(500_000)),
    ),
    "60,000 parts": lambda: many_entries(60_000),
    "billion laughs": lambda: with_part(
        SHEET, f'{XML}<!DOCTYPE b [<!ENTITY a0 "a">{_LAUGHS}]><b>&a10;</b>'
    ),
    "sheets of an ods": lambda: zipped(
        {"content.xml": ("<d>" + '<table:table table:name="a"/>' * 500_000).encode()}
    ),
    "blanks of an ods": lambda: zipped(
        {
            "content.xml": (
                '<d><table:table table:name="a"><table:table-row><table:table-cell><text:p>'
                + '<text:s text:c="9999999"/>' * 100_000
            ).encode()
        }
    ),
}
"""Archives of at most 16 MB."""
