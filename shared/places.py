"""Places in an upload: "line 17" of a text, "row 17" of a sheet, "items[16]" of JSON."""

import re

_LINE = re.compile("(?:line|row) ([0-9]{1,9})")


def line_of(place: str) -> int | None:
    """Return the line, or the row of a sheet, that a place is; None for any other place."""
    found = _LINE.fullmatch(place)
    return int(found[1]) if found else None
