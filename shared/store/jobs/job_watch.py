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
from functools import partial
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
_OTHER_SITES, _, _ = _ANY_OTHER_SITE.prefix.partition("*")

MOST_TOLD = 1_000
"""How often a job that is waited for can tell of a change: no worker of ours tells so much.

Who has a site's password can publish without pause, and each message makes the waiters look.
"""
MOST_UNHEARD = 8_000_000
"""Bytes that may come within HEARD_S for those who do not wait; a message counts as 1,000 more.

The tests that an API process creates in a second publish less.
"""
HEARD_S = 1.0
_A_MESSAGE = 1_000

_Command = tuple[Literal["subscribe", "unsubscribe"], str]
_Message = dict[str, Any]


class FloodedError(RedisError):
    """Raised where so much is published that reading it would take the time of all others."""


class ExpectedJob(NamedTuple):
    """A job that is to be created, and what tells of its end."""

    job_id: str
    ended: asyncio.Event


class _Line:
    """A connection for some of the waiters; `waiting` gives the keys that they wait for."""

    def __init__(
        self,
        redis: Redis,
        pattern: str,
        waiting: Callable[[], Iterable[str]],
        pass_on: Callable[[_Message], bool],
    ) -> None:
        self._redis = redis
        self._pattern = pattern
        self._waiting = waiting
        self._pass_on = pass_on
        self._commands: asyncio.Queue[_Command] = asyncio.Queue()
        self._outage = OutageLog(_log, f"watch of={pattern.partition(':')[0]} connection=lost")

    def tell(self, command: _Command) -> None:
        """Subscribe to a key, or do so no more, as soon as there is a connection."""
        self._commands.put_nowait(command)

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

    async def _listen(self) -> None:
        """Subscribe to all that is waited for, then read and write until the connection ends."""
        async with self._redis.pubsub() as pubsub:
            self._commands = asyncio.Queue()
            await pubsub.psubscribe(self._pattern)
            others = [*self._waiting()]
            if others:
                await pubsub.subscribe(*others)
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
        now_s = asyncio.get_running_loop().time
        left, until_s = MOST_UNHEARD, now_s() + HEARD_S
        while not is_cancelled():
            message: _Message | None = await pubsub.get_message(timeout=SILENT_S)
            if message is None:
                raise TimeoutError
            if leads_to_former_primary(self._redis.connection_pool, pubsub.connection):
                raise ConnectionResetError
            if now_s() >= until_s:
                left, until_s = MOST_UNHEARD, now_s() + HEARD_S
                self._outage.back()
            if not self._pass_on(message):
                left -= _A_MESSAGE + len(message["data"])
            if left < 0:
                raise FloodedError


class JobWatch:
    """One Redis connection for every waiting caller of this process, and one for other sites.

    The ids of the jobs that this process creates have their beginning in common, so two patterns
    subscribe to all of them, of the default site and of the others, also to those that are yet to
    be created. Whoever waits for another key has it subscribed.

    Redis confirms each subscription, the first time and again after a reconnect. A waiter
    takes the confirmation as a change, looks, and so misses nothing that happened before it.

    Who has a site's password can publish whatever the API listens to of other sites than the
    default one. Those have a connection of their own, from the first waiter on, and a flood ends
    it until RECONNECT_S later: then all who wait there look.
    """

    def __init__(self, redis: Redis) -> None:
        self._own = secrets.token_hex(4)
        self._waiting: dict[str, dict[asyncio.Event, bool]] = {}
        self._told = Counter[str]()
        self._is_used = asyncio.Event()
        """Whether anybody has waited for another site than the default one."""
        self._lines = {
            is_elsewhere: _Line(
                redis,
                keys.job(f"{self._own}*"),
                partial(self._to_subscribe, is_elsewhere=is_elsewhere),
                partial(self._pass_on, is_elsewhere=is_elsewhere),
            )
            for is_elsewhere, keys in ((False, DEFAULT_KEYS), (True, _ANY_OTHER_SITE))
        }

    async def run(self) -> None:
        """Pass on what Redis announces until cancelled."""
        lines = [
            asyncio.create_task(line) for line in (self._lines[False].run(), self._run_elsewhere())
        ]
        try:
            await asyncio.gather(*lines)
        finally:  # if one fails, both are begun anew
            for line in lines:
                line.cancel()

    async def _run_elsewhere(self) -> None:
        await self._is_used.wait()
        await self._lines[True].run()

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
        is_elsewhere = _is_elsewhere(channel)
        if is_elsewhere:
            self._is_used.set()
        line = self._lines[is_elsewhere]
        is_subscribed = self._is_own(channel) or channel in self._waiting
        if not is_subscribed:
            line.tell(("subscribe", channel))
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
                    line.tell(("unsubscribe", channel))

    def _is_own(self, channel: str) -> bool:
        return channel.partition(":job:")[2].startswith(self._own)

    def _to_subscribe(self, *, is_elsewhere: bool) -> Iterable[str]:
        """Return the keys on a line that no pattern stands for."""
        return [
            channel
            for channel in self._waiting
            if _is_elsewhere(channel) is is_elsewhere and not self._is_own(channel)
        ]

    def _pass_on(self, message: _Message, *, is_elsewhere: bool) -> bool:
        """Wake who waits for what a line has told; return whether anybody was to be told."""
        kind = message["type"]
        if kind == "psubscribe":
            for channel in filter(self._is_own, self._waiting):
                if _is_elsewhere(channel) is is_elsewhere:
                    self._wake(channel, may_be_the_end=True)
        elif kind in ("subscribe", "message", "pmessage"):
            may_be_the_end = kind == "subscribe" or message["data"] == b"closed"
            # Who has a site's password can publish to any name below its prefix, text or not.
            channel = message["channel"].decode("utf-8", "replace")
            if kind == "subscribe" or not self._is_too_much(channel):
                return self._wake(channel, may_be_the_end=may_be_the_end) or kind == "subscribe"
            return False
        return True

    def _is_too_much(self, channel: str) -> bool:
        if ":job:" not in channel or channel not in self._waiting:
            return False
        self._told[channel] += 1
        return self._told[channel] > MOST_TOLD

    def _wake(self, channel: str, *, may_be_the_end: bool) -> bool:
        """Tell who waits for a key; return whether anybody does."""
        waiting = self._waiting.get(channel, {})
        for changed, only_the_end in waiting.items():
            if may_be_the_end or not only_the_end:
                changed.set()
        return bool(waiting)


def _is_elsewhere(channel: str) -> bool:
    """Return whether a key is under the prefix of another site than the default one."""
    return channel.startswith(_OTHER_SITES)


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
