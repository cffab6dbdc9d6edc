"""Time limits that count the time in which the event loop went round."""

import asyncio
import math
from types import TracebackType

TICK_S = 0.1


class LoopTimeLimit:
    """Ends its block with TimeoutError, like asyncio.timeout, but not because the loop was late.

    A loop that was held up, by a crowd of callers or a busy machine, finds the answer and the end
    of the time at once, and asyncio would let the end win. Here such a delay counts as one tick.
    """

    def __init__(self, seconds: float) -> None:
        self._ticks_left = math.ceil(seconds / TICK_S)
        self._limit = asyncio.timeout(None)
        self._loop = asyncio.get_running_loop()

    async def __aenter__(self) -> None:
        """Begin to count."""
        await self._limit.__aenter__()
        self._next = self._loop.call_later(TICK_S, self._tick)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Count no more.

        Raises:
            TimeoutError: the time is over.
        """
        self._next.cancel()
        await self._limit.__aexit__(kind, error, traceback)

    def _tick(self) -> None:
        self._ticks_left -= 1
        if self._ticks_left > 0:
            self._next = self._loop.call_later(TICK_S, self._tick)
        else:
            self._limit.reschedule(self._loop.time())
