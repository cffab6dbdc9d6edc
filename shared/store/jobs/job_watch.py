"""Wake all callers that wait for a job, over one connection."""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from typing import Any, Literal, NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from shared.outage_log import OutageLog
from shared.store.cancelling import is_cancelled
from shared.store.errors import StoreUnreachableError
from shared.store.gate import AWAY_S
from shared.store.sentinels import leads_to_former_primary
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys

T = TypeVar("T")
_log = logging.getLogger(__name__)
RECONNECT_S = 0.5
# A firewall may drop a connection and tell neither end. So something is sent at least every
# SPEAK_S, and as Redis answers everything, a connection that is silent for SILENT_S is dead.
SPEAK_S = 1.5
SILENT_S = 3.0
# redis-py raises the last two when its reader and its writer see the lost connection at once.
_LOST = (RedisError, OSError, RuntimeError, AttributeError)

_ANY_OTHER_SITE = SiteKeys.of("*")

MOST_TOLD = 1_000
"""How often a job that is waited for can tell of a change: no worker of ours tells so much.

Who has a site's password can publish without pause, and each message makes the waiters look.
"""

_Command = tuple[Literal["subscribe", "unsubscribe"], str]


class ExpectedJob(NamedTuple):
    """A job that is to be created, and what tells of its end."""

    job_id: str
    ended: asyncio.Event


class JobWatch:
    """One Redis connection for every waiting caller of this process.

    The ids of the jobs that this process creates have their beginning in common, so two patterns
    subscribe to all of them, of the default site and of the others, also to those that are yet to
    be created. Whoever waits for another key has it subscribed.

    Redis confirms each subscription, the first time and again after a reconnect. A waiter
    takes the confirmation as a change, looks, and so misses nothing that happened before it.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._own = secrets.token_hex(4)
        self._waiting: dict[str, dict[asyncio.Event, bool]] = {}
        self._told = Counter[str]()
        self._commands: asyncio.Queue[_Command] = asyncio.Queue()
        self._outage = OutageLog(_log, "watch connection=lost")

    async def run(self) -> None:
        """Pass on what Redis announces until cancelled; only here is anything connected."""
        while not is_cancelled():
            try:
                # A task of its own: Python 3.11's TaskGroup leaves the parent of a failed one
                # cancelled.
                await asyncio.create_task(self._listen())
            except* _LOST as lost:
                self._outage.away(type(lost.exceptions[0]).__name__)
            await asyncio.sleep(RECONNECT_S)

    def new_job_id(self) -> str:
        """Return the id for a job that this process creates."""
        return self._own + secrets.token_hex(12)

    @asynccontextmanager
    async def expecting_job(self, keys: SiteKeys) -> AsyncIterator[ExpectedJob]:
        """Give the id for a job of a site that is to be created during the block.

        As it is expected before it exists, nobody has to look whether it has ended already.
        """
        job_id = self.new_job_id()
        async with self._changes(keys.job(job_id), only_the_end=True, is_new=True) as ended:
            yield ExpectedJob(job_id, ended)

    def changes(
        self, channel: str, *, only_the_end: bool = False
    ) -> AbstractAsyncContextManager[asyncio.Event]:
        """Give an event that is set whenever what the key `channel` holds may have changed.

        `look_after` waits for it, clears it, then looks.

        With `only_the_end`, the event is set only when the job may have ended. While Redis is
        unreachable nothing is announced; the caller's own deadline ends the wait.
        """
        return self._changes(channel, only_the_end=only_the_end, is_new=False)

    @asynccontextmanager
    async def changes_of_any(self, channels: Iterable[str]) -> AsyncIterator[asyncio.Event]:
        """Give one event for the changes of several keys, as `changes` does for one."""
        changed = asyncio.Event()
        async with AsyncExitStack() as all_of_them:
            for channel in channels:
                waiting = self._changes(channel, only_the_end=False, is_new=False, changed=changed)
                await all_of_them.enter_async_context(waiting)
            yield changed

    @asynccontextmanager
    async def _changes(
        self,
        channel: str,
        *,
        only_the_end: bool,
        is_new: bool,
        changed: asyncio.Event | None = None,
    ) -> AsyncIterator[asyncio.Event]:
        changed = changed or asyncio.Event()
        is_subscribed = self._is_own(channel) or channel in self._waiting
        if not is_subscribed:
            self._commands.put_nowait(("subscribe", channel))
        elif not is_new:
            changed.set()  # no confirmation will
        self._waiting.setdefault(channel, {})[changed] = only_the_end
        try:
            yield changed
        finally:
            del self._waiting[channel][changed]
            if not self._waiting[channel]:
                del self._waiting[channel]
                del self._told[channel]
                if not self._is_own(channel):
                    self._commands.put_nowait(("unsubscribe", channel))

    def _is_own(self, channel: str) -> bool:
        return channel.partition(":job:")[2].startswith(self._own)

    async def _listen(self) -> None:
        """Subscribe to all that is waited for, then read and write until the connection ends."""
        async with self._redis.pubsub() as pubsub:
            self._commands = asyncio.Queue()
            own = f"{self._own}*"
            await pubsub.psubscribe(DEFAULT_KEYS.job(own), _ANY_OTHER_SITE.job(own))
            others = [channel for channel in self._waiting if not self._is_own(channel)]
            if others:
                await pubsub.subscribe(*others)
            self._outage.back()
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
            if leads_to_former_primary(self._redis.connection_pool, pubsub.connection):
                raise ConnectionResetError
            self._pass_on(message)

    def _pass_on(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "psubscribe":
            for channel in filter(self._is_own, self._waiting):
                self._wake(channel, may_be_the_end=True)
        elif kind in ("subscribe", "message", "pmessage"):
            may_be_the_end = kind == "subscribe" or message["data"] == b"closed"
            # Who has a site's password can publish to any name below its prefix, text or not.
            channel = message["channel"].decode("utf-8", "replace")
            if kind == "subscribe" or not self._is_too_much(channel):
                self._wake(channel, may_be_the_end=may_be_the_end)

    def _is_too_much(self, channel: str) -> bool:
        if ":job:" not in channel or channel not in self._waiting:
            return False
        self._told[channel] += 1
        return self._told[channel] > MOST_TOLD

    def _wake(self, channel: str, *, may_be_the_end: bool) -> None:
        for changed, only_the_end in self._waiting.get(channel, {}).items():
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
