"""Wait until Redis has written to its file what it has answered."""

import asyncio

from redis import ResponseError

from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate

HELD_BACK_AT_MOST_S = 2.5
"""How long Redis may keep a write to itself after it has answered.

With `appendfsync everysec` it does not write to its file while it waits for the disk (fsync), for
2 s at most; killed meanwhile, it forgets what it has answered. Where no fsync is under way as a
script runs, Redis writes to the file before it answers.
"""
LOOK_AGAIN_S = 0.002  # an fsync takes from one millisecond to many
FSYNCS = "aof_pending_bio_fsync"
"""How INFO calls the number of them that are under way."""


class AppendOnlyFile:
    """The file of Redis; all who wait here look together whether an fsync is under way."""

    def __init__(self, gate: RedisGate) -> None:
        self._gate = gate
        self._waiting: set[asyncio.Future[Exception | None]] = set()
        self._looking: asyncio.Task[None] | None = None

    async def wait_for(self, key: str) -> None:
        """Return when what was just written at `key` is there also after Redis is killed.

        Raises:
            StoreUnreachableError: Redis was killed and has forgotten it, or the outcome is unknown.
        """
        looked: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._waiting.add(looked)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_again_and_again())
        try:
            await asyncio.wait({looked}, timeout=HELD_BACK_AT_MOST_S)
        finally:
            self._waiting.discard(looked)
        if looked.done() and (error := looked.result()):
            raise error
        async with self._gate.turn() as redis:
            is_there = await redis.exists(key)
        if not is_there:
            raise StoreUnreachableError

    async def _look_again_and_again(self) -> None:
        """Tell all who wait when no fsync is under way, or what went wrong."""
        while waiting := frozenset(self._waiting):  # who comes later may have written later
            error = None
            try:
                if await self._is_fsync_under_way():
                    await asyncio.sleep(LOOK_AGAIN_S)
                    continue
            except StoreUnreachableError as caught:
                error = caught
            self._waiting -= waiting
            for looked in waiting:
                looked.set_result(error)

    async def _is_fsync_under_way(self) -> bool:
        async with self._gate.turn() as redis:
            try:
                return bool((await redis.info("persistence")).get(FSYNCS))
            except ResponseError:
                return False  # a Redis that may not be asked is believed
