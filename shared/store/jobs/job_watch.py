"""Wake all callers that wait for a job, over one subscription."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from shared.store.cancelling import is_cancelled
from shared.store.errors import StoreUnreachableError
from shared.store.gate import AWAY_S

T = TypeVar("T")
_log = logging.getLogger(__name__)
RECONNECT_S = 0.5
# A firewall may drop a connection and tell neither end. So something is sent at least every
# SPEAK_S, and as Redis answers everything, a connection that is silent for SILENT_S is dead.
SPEAK_S = 1.5
SILENT_S = 3.0
# Always subscribed, so that there is something to read before the first caller waits.
_KEEP_OPEN = "conncheck:watch"
# redis-py raises the last two when its reader and its writer see the lost connection at once.
_LOST = (RedisError, OSError, RuntimeError, AttributeError)

_Command = tuple[Literal["subscribe", "unsubscribe"], str]


class JobWatch:
    """One Redis subscription for every waiting caller of this process.

    Redis confirms each subscription, the first time and again after a reconnect. A waiter
    takes the confirmation as a change, looks, and so misses nothing that happened before it.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: dict[str, dict[asyncio.Event, bool]] = {}
        self._commands: asyncio.Queue[_Command] = asyncio.Queue()

    async def run(self) -> None:
        """Pass on what Redis announces until cancelled; only here is anything connected."""
        while not is_cancelled():
            try:
                # A task of its own: Python 3.11's TaskGroup leaves the parent of a failed one
                # cancelled.
                await asyncio.create_task(self._listen())
            except* _LOST as lost:
                name = type(lost.exceptions[0]).__name__
                _log.warning("watch connection=lost error=%s", name)
            await asyncio.sleep(RECONNECT_S)

    @asynccontextmanager
    async def changes(
        self, channel: str, *, only_the_end: bool = False
    ) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set whenever what the key `channel` holds may have changed.

        `look_after` waits for it, clears it, then looks.

        With `only_the_end`, the event is set only when the job may have ended. While Redis is
        unreachable nothing is announced; the caller's own deadline ends the wait.
        """
        changed = asyncio.Event()
        if channel in self._waiting:
            changed.set()
        else:
            self._waiting[channel] = {}
            self._commands.put_nowait(("subscribe", channel))
        self._waiting[channel][changed] = only_the_end
        try:
            yield changed
        finally:
            del self._waiting[channel][changed]
            if not self._waiting[channel]:
                del self._waiting[channel]
                self._commands.put_nowait(("unsubscribe", channel))

    async def _listen(self) -> None:
        """Subscribe to all that is waited for, then read and write until the connection ends."""
        async with self._redis.pubsub() as pubsub:
            self._commands = asyncio.Queue()
            await pubsub.subscribe(_KEEP_OPEN, *self._waiting)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._read(pubsub))
                both.create_task(self._write(pubsub, self._commands))

    async def _write(self, pubsub: PubSub, commands: asyncio.Queue[_Command]) -> None:
        while not is_cancelled():
            try:
                async with asyncio.timeout(SPEAK_S):
                    command, channel = await commands.get()
            except TimeoutError:
                await pubsub.ping()
                continue
            if command == "subscribe":
                await pubsub.subscribe(channel)
            else:
                await pubsub.unsubscribe(channel)

    async def _read(self, pubsub: PubSub) -> None:
        while not is_cancelled():
            message: dict[str, Any] | None = await pubsub.get_message(timeout=SILENT_S)
            if message is None:
                raise TimeoutError
            if message["type"] not in ("message", "subscribe"):
                continue
            may_be_the_end = message["type"] == "subscribe" or message["data"] == b"closed"
            waiting = self._waiting.get(message["channel"].decode(), {})
            for changed, only_the_end in waiting.items():
                if may_be_the_end or not only_the_end:
                    changed.set()


async def look_after(
    changed: asyncio.Event, look: Callable[[], Awaitable[T]], *, within_s: float | None = None
) -> T:
    """Wait for a change, `within_s` at most, and return what `look` finds then.

    Raises:
        Exception: whatever `look` raises.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await changed.wait()
    changed.clear()  # before the look, so that no change after it is missed
    return await look()


async def look_until_back(look: Callable[[], Awaitable[T]]) -> T:
    """Return what `look` finds; while the store is away, look again after AWAY_S.

    A watch may be connected again before the store is asked again, and announces nothing then.
    """
    while True:
        with suppress(StoreUnreachableError):
            return await look()
        await asyncio.sleep(AWAY_S)
