"""Pace batches by the rate limits of their tokens: items wait instead of being refused."""

from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from api.batches.feeding.unfinished_batch import UnfinishedBatch
from shared.store.batches.item_target import target_of
from shared.store.limits.quotas import WINDOW_S
from shared.store.limits.rate_limits import RateLimits

Rooms = dict[str, int]
"""How many items may be queued now, by token; a token without an entry has no limit."""


class Pace:
    """Decides how many items may be queued, and which targets rest after a test.

    Only the feeder that holds the lease uses it, so the resting targets are kept in memory.
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
        # With `per_target` concurrent turns and a rest after each, no more fit into a minute.
        self.rest_s = WINDOW_S * per_target / target_rate
        self._resting: deque[tuple[float, str]] = deque()

    async def rooms(self, batches: Iterable[UnfinishedBatch]) -> Rooms:
        """Return how many items of each token with a limit may be queued now.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        paced = [batch.batch for batch in batches if batch.waiting_at]
        found: Rooms = {}
        for token, per_minute in {(one.token_name, one.items_per_minute) for one in paced}:
            if per_minute:
                room = await self._limits.room_for_items(token, per_minute)
                found[token] = min(room, found.get(token, room))
        return found

    async def count(self, batch: UnfinishedBatch, items: int) -> None:
        """Count the items of a batch that are queued.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        if batch.batch.items_per_minute:
            await self._limits.count_items(
                batch.batch.token_name, batch.batch.items_per_minute, items
            )

    def rests(self, batch: UnfinishedBatch, target: str) -> bool:
        """Return whether `target` rests for a while after a test of `batch`."""
        is_paced = bool(target_of(target) and batch.batch.items_per_minute)
        if is_paced:
            self._resting.append((self._clock() + self.rest_s, target))
        return is_paced

    def rested(self) -> Iterable[str]:
        """Yield the targets whose rest is over."""
        while self._resting and self._resting[0][0] <= self._clock():
            yield self._resting.popleft()[1]

    def forget(self) -> None:
        """Forget all resting targets."""
        self._resting.clear()
