"""How long the tests of items took, in four bytes an item: the order of 50,000 is read at once."""

import sys
from array import array
from typing import Final

BYTES_A_TIME: Final = 4
_PARTS_OF_A_MS: Final = 10
_LONGEST: Final = 2**32 - 1


def took_number(took_ms: float | None) -> int:
    """Return the number that stands for a time: tenths of milliseconds, and 0 for none.

    A test that took less than that took one tenth.
    """
    if took_ms is None:
        return 0
    return min(max(1, round(took_ms * _PARTS_OF_A_MS)), _LONGEST)


def numbers_of(content: bytes, total: int) -> "array[int]":
    """Return the number of each of `total` items; the last ones that have none were not written."""
    whole = content[: total * BYTES_A_TIME].ljust(total * BYTES_A_TIME, b"\0")
    numbers = array("I")
    numbers.frombytes(whole)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers
