"""Find the row of a table that names its columns."""

import re
from collections.abc import Sequence
from itertools import pairwise

from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint, parse_endpoint
from shared.uploads.field_names import field_of
from shared.uploads.tables.cells import trimmed
from shared.uploads.tables.endpoint_parts import ContradictionError, joined
from shared.uploads.tables.wished_columns import Wished

MAX_COLUMNS = 64
_ADDRESS = ("endpoint", "host")
_IS_COMMENT = re.compile(r"\s*(//|#(?=.))")
_IPV4 = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){3}")


def names_in(cells: Sequence[str], wished: Wished) -> int:
    """Return how many fields a row names if it is a header; 0 if it is none."""
    filled = [cell for cell in cells[: 2 * MAX_COLUMNS] if cell.strip()]
    wishes = sum(map(wished.knows, filled))
    meant = [meaning.field if (meaning := field_of(cell)) else "" for cell in filled]
    known = sum(map(bool, meant))
    others = [cell for cell, field in zip(filled, meant, strict=True) if not field]
    if wishes:
        return known + wishes
    if not known or any(map(is_certain_address, others)):
        return 0
    is_address = any(field in _ADDRESS for field in meant)
    if known > 1:
        return 0 if not is_address and _spans(cells) else known
    # One name can be a word of a sentence, or of a line above the table ("Server, vc.example.com").
    return int(is_address and not any(address_in(cell) for cell in others))


def _spans(cells: Sequence[str]) -> bool:
    """Return whether a row is made of merged cells, each the title of the columns below it."""
    filled = [n for n, cell in enumerate(cells[: 2 * MAX_COLUMNS]) if cell.strip()]
    return all(after - before > 1 for before, after in pairwise(filled))


def uncommented(cells: Sequence[str]) -> Sequence[str] | None:
    """Return the cells of a row that begins like a comment, without its sign; None if it is none.

    A cell that is nothing but # is the header of numbers.
    """
    if not cells or not (sign := _IS_COMMENT.match(cells[0])):
        return None
    return [cells[0][sign.end() :].lstrip("#/ "), *cells[1:]]


def is_commented_header(cells: Sequence[str], wished: Wished) -> bool:
    """Return whether a comment, without its sign, is a header: each of its cells names a field."""
    filled = [cell for cell in cells if cell.strip()]
    if not 1 < len(filled) == names_in(filled, wished):  # none has more cells than are looked at
        return False
    return any((meaning := field_of(c)) and meaning.field in _ADDRESS for c in filled)


def address_in(cell: str) -> Endpoint | None:
    """Return the address that a cell may be: a name with a dot, an IP address, a port or a URL."""
    text = trimmed(cell)
    if "." not in text and ":" not in text:
        return None
    try:
        return parse_endpoint(joined(text))
    except (Failed, ContradictionError):
        return None


def is_certain_address(cell: str) -> bool:
    """Return whether a cell is an IP address or a URL, which no password or name looks like."""
    found = address_in(cell)
    return found is not None and bool(
        found.scheme or ":" in found.host or _IPV4.fullmatch(found.host)
    )
