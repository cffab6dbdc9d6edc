"""Hold batches to the rates of their tokens: what is too much waits, instead of being refused."""

from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from api.batches.feeding.unfinished_batch import OpenBatch
from shared.store.limits.rate_limits import WINDOW_S, RateLimits

Rooms = dict[str, int]
"""How many items may be handed out now, by token; one that is missing has no limit."""


class Pace:
    """Says how many items may be handed out, and which targets rest after a test.

    Only the feeder that holds the lease asks, so what rests is its own to know.
    """

    def __init__(
        self,
        limits: RateLimits,
        target_rate: int,
        per_target: int,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._limits = limits
        self._clock = clock
        # With `per_target` turns at a time and a rest after each, no more fit into a minute.
        self.rest_s = WINDOW_S * per_target / target_rate
        self._resting: deque[tuple[float, str]] = deque()

    async def rooms(self, batches: Iterable[OpenBatch]) -> Rooms:
        """Return how many items of each token with a limit may be handed out now.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        found: Rooms = {}
        for batch in batches:
            token, per_minute = batch.batch.token_name, batch.batch.items_per_minute
            if per_minute and batch.waiting:
                room = await self._limits.room_for_items(token, per_minute)
                found[token] = min(room, found.get(token, room))
        return found

    async def count(self, batch: OpenBatch, items: int) -> None:
        """Count items of a batch that are handed out.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        if batch.batch.items_per_minute:
            await self._limits.count_items(
                batch.batch.token_name, batch.batch.items_per_minute, items
            )

    def rests(self, batch: OpenBatch, target: str) -> bool:
        """Return whether the turn at `target` is kept for a while after a test of `batch`."""
        is_paced = bool(target and batch.batch.items_per_minute)
        if is_paced:
            self._resting.append((self._clock() + self.rest_s, target))
        return is_paced

    def rested(self) -> Iterable[str]:
        """Give the targets whose rests are over."""
        while self._resting and self._resting[0][0] <= self._clock():
            yield self._resting.popleft()[1]

    def forget(self) -> None:
        """Let nothing rest any more."""
        self._resting.clear()
