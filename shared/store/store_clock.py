"""Tell the time by Redis' clock, which all processes of the service have in common."""

from datetime import UTC, datetime
from time import monotonic

from shared.store.gate import RedisGate


class StoreClock:
    """Redis' clock, as this process was last told.

    Moments that one process writes and another judges are of this clock: a process's own may be
    minutes off, or be set while it runs.
    """

    def __init__(self, gate: RedisGate) -> None:
        self._gate = gate
        self._ahead_s: float | None = None  # of `monotonic`, which nobody sets

    async def ask(self) -> datetime:
        """Return what Redis says.

        Raises:
            StoreUnreachableError: it can't be asked.
        """
        async with self._gate.turn() as redis:
            began_s = monotonic()
            seconds, micros = await redis.time()
            # It was read while we waited for it, half of that time ago.
            self._ahead_s = seconds + micros / 1e6 - (began_s + monotonic()) / 2
        return self._now(self._ahead_s)

    async def now(self) -> datetime:
        """Return the time, as of the last answer; without one, ask.

        Raises:
            StoreUnreachableError: it can't be asked.
        """
        return await self.ask() if self._ahead_s is None else self._now(self._ahead_s)

    @staticmethod
    def _now(ahead_s: float) -> datetime:
        return datetime.fromtimestamp(ahead_s + monotonic(), UTC)
