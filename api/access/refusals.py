"""Limit the requests that are refused: each of them costs time, and none counts as a test."""

import time
from collections.abc import Callable
from http import HTTPStatus

from api.problems import ApiProblemError
from shared.diagnosis.sentences import Sentence

PER_MINUTE = 300
MOST_KNOWN = 10_000
WINDOW_S = 60.0


class Refusals:
    """How many requests of each token, or address, were refused in the last minute or so.

    Each API process counts for itself: it is its own time that is to be saved.
    """

    def __init__(
        self, per_minute: int = PER_MINUTE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._ends_at_s = clock() + WINDOW_S
        self._counts: dict[str, int] = {}

    def count(self, whose: str) -> None:
        """Count a refused request."""
        counts = self._current()
        if whose in counts or len(counts) < MOST_KNOWN:
            counts[whose] = counts.get(whose, 0) + 1

    def refuse_too_many(self, whose: str) -> None:
        """Refuse a request before it is looked at.

        Raises:
            ApiProblemError: 429, too many were refused in this minute.
        """
        if self._current().get(whose, 0) < self._per_minute:
            return
        left_s = max(1, round(self._ends_at_s - self._clock()))
        raise ApiProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            Sentence(
                "Too many requests were refused: the limit is {limit} per minute. Try again in "
                "{left_s} s.",
                {"limit": self._per_minute, "left_s": left_s},
            ),
            kind="rate-limited",
            headers={"Retry-After": str(left_s)},
        )

    def _current(self) -> dict[str, int]:
        if self._clock() >= self._ends_at_s:
            self._counts.clear()
            self._ends_at_s = self._clock() + WINDOW_S
        return self._counts
