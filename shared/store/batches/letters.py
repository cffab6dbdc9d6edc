"""The letters of a batch's items: where each of them stands.

They stand here alone: scripts get them as arguments. docs/decisions/0010-a-letter-an-item.md has
the reasons.
"""

from typing import Final, Literal

WAITING: Final = "q"
AT_WORK: Final = "w"
PASSED: Final = "p"
WARNED: Final = "o"
"""Passed, with a warning."""
FAILED: Final = "f"
CANCELLED: Final = "c"
EXPIRED: Final = "e"
LOST: Final = "l"

Letter = Literal["p", "o", "f", "c", "e", "l"]
"""How an item ended."""
LETTERS: Final = (WAITING, AT_WORK, PASSED, WARNED, FAILED, CANCELLED, EXPIRED, LOST)
UNFINISHED: Final = (WAITING, AT_WORK)
DONE: Final = (PASSED, WARNED)
"""What nobody repeats: its sealed request goes."""
REPEATABLE: Final = (FAILED, LOST, EXPIRED)
"""What can be repeated; who cancelled an item did not want it, and one that passed is done."""
