"""The limits per minute, by their names, and how one is exceeded."""

from dataclasses import dataclass
from typing import Final

WINDOW_S = 60
TOKEN: Final = "token"  # noqa: S105 -- the name of a limit
TARGET: Final = "target"
TARGETS: Final = "targets"


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of a limit is left, as the RateLimit header fields report it."""

    name: str
    limit: int
    remaining: int
    reset_s: int


class RateExceededError(Exception):
    """Raised when a limit would be exceeded; later limits have not counted the test."""

    def __init__(self, quota: Quota) -> None:
        super().__init__(quota.name)
        self.quota = quota


def too_many_targets(most: int, now_s: float) -> Quota:
    """Return the quota of a token that has tested `most` different targets in this minute."""
    return Quota(TARGETS, most, 0, WINDOW_S - int(now_s % WINDOW_S))
