"""Tell the time by Redis' clock in a worker, whose own may be off."""

from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic, time

UNCERTAIN_S = 1.0  # an answer that took longer, such as one over a new connection, tells too little


@dataclass(frozen=True, slots=True)
class RedisTime:
    """The time by Redis' clock as it was told once, which goes on evenly."""

    ahead_s: float
    """Seconds (epoch) when this machine's monotonic clock was at zero."""

    def now(self) -> datetime:
        """Return the time."""
        return datetime.fromtimestamp(self.ahead_s + monotonic(), UTC)


class RedisClock:
    """What a worker was told last; before that, its own clock."""

    def __init__(self) -> None:
        self.time = RedisTime(time() - monotonic())
        self._is_told = False

    def learn(self, seconds: int, micros: int, asked_at_s: float, answered_at_s: float) -> None:
        """Note what Redis told between two moments of the monotonic clock."""
        if self._is_told and answered_at_s - asked_at_s > UNCERTAIN_S:
            return
        # It was read while we waited for it, half of that time ago.
        self.time = RedisTime(seconds + micros / 1e6 - (asked_at_s + answered_at_s) / 2)
        self._is_told = True
