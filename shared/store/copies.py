"""Wait until what Redis has answered is kept: in its file, and on a replica where there is one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.sentinels import AsyncPrimaryPool
from shared.store.site_keys import DEFAULT_KEYS

HELD_BACK_AT_MOST_S = 2.5
"""How long Redis may keep a write to itself after it has answered.

With `appendfsync everysec` it does not write to its file while it waits for the disk (fsync), for
2 s at most; killed meanwhile, it forgets what it has answered. Where no fsync is under way as a
script runs, Redis writes to the file before it answers.
"""
LOOK_AGAIN_S = 0.002  # an fsync takes from one millisecond to many
FSYNCS = "aof_pending_bio_fsync"
"""How INFO calls the number of them that are under way."""
REPLICA_MS = 100
"""How long Redis waits each time for a replica, which answers in one millisecond."""
MARK_MS = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """Where all is that Redis had answered before it was asked."""

    in_file: bool
    replicas: int
    """Those in step with this Redis."""
    on_replica: bool


class Question:
    """What Redis is asked, by any number of threads: an answer says itself what it answers."""

    def __init__(self, mark: str = DEFAULT_KEYS.mark) -> None:
        self._mark = mark
        self._has_replicas = False  # as of the last answer: WAIT would wait in vain without one

    def fill(self, pipe: Any) -> None:
        """Queue the commands."""
        if self._has_replicas:
            # WAIT counts what its own connection wrote. The writes of others came before this one.
            pipe.set(self._mark, 1, px=MARK_MS)
            pipe.wait(1, REPLICA_MS)
        pipe.info("persistence")
        pipe.info("replication")

    def answer(self, results: Sequence[Any]) -> Kept:
        """Return what the results say; a Redis that may not be asked is believed.

        Raises:
            ResponseError: Redis refuses writes.
        """
        *waited, persistence, replication = results
        if waited and isinstance(waited[0], Exception):
            raise waited[0]
        replicas = 0 if isinstance(replication, Exception) else _in_step(replication)
        self._has_replicas = replicas > 0
        return Kept(
            in_file=isinstance(persistence, Exception) or not persistence.get(FSYNCS),
            replicas=replicas,
            on_replica=bool(waited) and (isinstance(waited[1], Exception) or waited[1] >= 1),
        )


def _in_step(replication: Mapping[str, Any]) -> int:
    lines = (value for key, value in replication.items() if key.startswith("slave"))
    return sum(isinstance(line, dict) and line.get("state") == "online" for line in lines)


class Copies:
    """The copies of one Redis; all who wait here look together."""

    def __init__(self, gate: RedisGate) -> None:
        self._gate = gate
        self._question = Question()
        self._lacks_replica = False
        self._waiting: set[asyncio.Future[Exception | None]] = set()
        self._looking: asyncio.Task[None] | None = None

    @property
    def are_always_asked_for(self) -> bool:
        """Whether no answer is believed: it may be that of a former primary."""
        return isinstance(self._gate.connections, AsyncPrimaryPool)

    async def wait_for(self, key: str) -> None:
        """Return when what was just written at `key` is there also after Redis is killed.

        Raises:
            StoreUnreachableError: Redis was killed and has forgotten it, no replica takes it, or
                the outcome is unknown.
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
        if not looked.done() and self._lacks_replica:
            raise StoreUnreachableError
        async with self._gate.turn() as redis:
            is_there = await redis.exists(key)
        if not is_there:
            raise StoreUnreachableError

    async def _look_again_and_again(self) -> None:
        """Tell all who wait when it is kept, or what went wrong."""
        while waiting := frozenset(self._waiting):  # who comes later may have written later
            error = None
            try:
                if not await self._is_kept():
                    await asyncio.sleep(LOOK_AGAIN_S)
                    continue
            except StoreUnreachableError as caught:
                error = caught
            self._waiting -= waiting
            for looked in waiting:
                looked.set_result(error)

    async def _is_kept(self) -> bool:
        async with self._gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
            self._question.fill(pipe)
            kept = self._question.answer(await pipe.execute(raise_on_error=False))
        self._lacks_replica = not await self._is_safe(kept)
        return kept.in_file and not self._lacks_replica

    async def _is_safe(self, kept: Kept) -> bool:
        """Return whether a replica has it, or there is none; sentinels know better than Redis."""
        pool = self._gate.connections
        if not isinstance(pool, AsyncPrimaryPool):
            return kept.on_replica or not kept.replicas
        if not kept.on_replica and (kept.replicas or await pool.has_replicas()):
            return False
        return await pool.is_settled()
