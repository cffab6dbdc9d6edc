"""A point in time by which something has to be over."""

from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on the monotonic clock, and the one from which the waiting counts."""

    at_s: float
    since_s: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """Return the deadline that is `seconds` from now."""
        now_s = monotonic()
        return cls(now_s + seconds, now_s)

    def at_most(self, seconds: float) -> "Deadline":
        """Return the nearer one of this deadline and `seconds` from now, counting from now."""
        now_s = monotonic()
        return Deadline(min(self.at_s, now_s + seconds), now_s)

    @property
    def waited_s(self) -> float:
        """Seconds since the waiting began, to a tenth: what a sentence can say."""
        return round(monotonic() - self.since_s, 1)

    def remaining_s(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are, so that a socket never waits with a timeout of zero or none.
        """
        left = self.at_s - monotonic()
        if left <= 0:
            raise TimeoutError
        return left
