"""Wake those who wait for a job, all of them over one subscription."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.job_keys import job_key

_log = logging.getLogger(__name__)
RECONNECT_S = 0.5
# Always subscribed, so that there is something to read before the first caller waits.
_KEEP_OPEN = "conncheck:watch"


class JobWatch:
    """One Redis subscription for every waiting caller of this process.

    Redis confirms each subscription, the first time and again after a reconnect. A waiter
    takes the confirmation as a change, looks, and so misses nothing that happened before it.
    """

    def __init__(self, redis: Redis) -> None:
        self._pubsub = redis.pubsub()
        self._one_command_at_a_time = asyncio.Lock()
        self._waiting: dict[str, dict[asyncio.Event, bool]] = {}

    async def run(self) -> None:
        """Pass on what Redis announces until cancelled."""
        while True:
            try:
                await self._pass_on_next()
            except (RedisError, OSError) as error:
                _log.warning("watch connection=lost error=%s", type(error).__name__)
                await asyncio.sleep(RECONNECT_S)

    async def close(self) -> None:
        """Close the connection."""
        await self._pubsub.aclose()  # type: ignore[no-untyped-call] # bare in redis-py

    @asynccontextmanager
    async def changes(
        self, job_id: str, *, only_the_end: bool = False
    ) -> AsyncIterator[asyncio.Event]:
        """Give an event that is set whenever the job may have changed; clear it, then look.

        `only_the_end` spares those who want no more than that the steps in between.

        Raises:
            redis.RedisError: Redis can't be reached.
        """
        channel, changed = job_key(job_id), asyncio.Event()
        others = channel in self._waiting
        self._waiting.setdefault(channel, {})[changed] = only_the_end
        try:
            if others:
                changed.set()
            else:
                await self._subscribe(channel)
            yield changed
        finally:
            del self._waiting[channel][changed]
            if not self._waiting[channel]:
                del self._waiting[channel]
                await self._unsubscribe(channel)

    async def _subscribe(self, *channels: str) -> None:
        while True:
            try:
                async with self._one_command_at_a_time:
                    return await self._pubsub.subscribe(*channels)
            except (RedisError, OSError):
                await asyncio.sleep(RECONNECT_S)

    async def _unsubscribe(self, channel: str) -> None:
        async with self._one_command_at_a_time:
            try:
                await self._pubsub.unsubscribe(channel)
            except (RedisError, OSError):
                return  # a lost connection has no subscriptions

    async def _pass_on_next(self) -> None:
        if not self._pubsub.subscribed:
            await self._subscribe(_KEEP_OPEN)
        message: dict[str, Any] | None = await self._pubsub.get_message(timeout=None)
        if message is None or message["type"] not in ("message", "subscribe"):
            return
        may_be_the_end = message["type"] == "subscribe" or message["data"] == b"closed"
        waiting = self._waiting.get(message["channel"].decode(), {})
        for changed, only_the_end in waiting.items():
            if may_be_the_end or not only_the_end:
                changed.set()
