"""Write a text so that an Excel workbook can hold it."""

import re
from xml.sax.saxutils import escape

LONGEST_CELL = 32_767
"""Characters that Excel takes in a cell (its specifications and limits)."""

# ECMA-376, 22.9.2.19: what XML can't hold is written as _xHHHH_, and what looks like it as
# _x005F_xHHHH_. XML reads a CR as a line feed, so it is written this way too.
_ESCAPED = re.compile("[\x00-\x08\x0b-\x1f]|_(?=x[0-9A-Fa-f]{4}_)")
_NO_CHARACTER = re.compile("[\ud800-\udfff\ufffe\uffff]")


def xlsx_text(text: str) -> str:
    """Return `text` as it stands in a workbook's XML; what Excel can't take is cut off."""
    if len(text) > LONGEST_CELL:
        text = f"{text[: LONGEST_CELL - 1]}…"
    text = _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
    return escape(_NO_CHARACTER.sub("\N{REPLACEMENT CHARACTER}", text))
