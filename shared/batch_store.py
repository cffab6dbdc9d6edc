"""The batches: create them, hand out their items, settle what became of each."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.typing import EncodableT

from shared.store.batches.batch_keys import (
    OPEN,
    WAITING,
    Letter,
    batch_key,
    cause_key,
    causes_key,
    facts_key,
    items_key,
    letters_key,
    sealed_key,
    targets_key,
    twins_key,
)
from shared.store.jobs.job_stream import named_if_unreachable

UNFINISHED_UPLOAD_S = 900
MOST_SHARED_FACTS = 20

# KEYS: letters, batch. ARGV: now, then indexes. Returns those that waited; they are at work from
# now on.
_TAKE = """
local taken = {}
for i = 2, #ARGV do
  if redis.call('GETRANGE', KEYS[1], ARGV[i], ARGV[i]) == 'q' then
    redis.call('SETRANGE', KEYS[1], ARGV[i], 'w')
    table.insert(taken, ARGV[i])
  end
end
if #taken > 0 then
  redis.call('HSETNX', KEYS[2], 'began_at', ARGV[1])
end
return taken
"""
# KEYS: letters, sealed, causes, facts, bits of the cause. ARGV: letter, cause, number of indexes,
# the indexes (equal items), then the facts. The first index is the one that was tested.
_SETTLE = """
local count = tonumber(ARGV[3])
if redis.call('GETRANGE', KEYS[1], ARGV[4], ARGV[4]) ~= 'w' then
  return 0
end
for i = 4, 3 + count do
  redis.call('SETRANGE', KEYS[1], ARGV[i], ARGV[1])
  if ARGV[2] ~= '' then
    redis.call('SETBIT', KEYS[5], ARGV[i], 1)
  end
end
if ARGV[2] ~= '' then
  redis.call('SADD', KEYS[3], ARGV[2])
end
if ARGV[1] == 'p' or ARGV[1] == 'o' then
  redis.call('HDEL', KEYS[2], ARGV[4])
end
for i = 4 + count, #ARGV do
  redis.call('ZINCRBY', KEYS[4], count, ARGV[i])
end
for i = 3, 5 do
  redis.call('PEXPIRE', KEYS[i], redis.call('PTTL', KEYS[1]))
end
return 1
"""
# KEYS: letters, batch. ARGV: letter for all that wait.
_END_WAITING = """
local letters = redis.call('GET', KEYS[1])
if letters then
  redis.call('HSET', KEYS[2], 'waiting_ended_as', ARGV[1])
  redis.call('SET', KEYS[1], string.gsub(letters, 'q', ARGV[1]), 'KEEPTTL')
end
"""
# KEYS: letters, batch, open batches. ARGV: now, id. Does nothing while an item has not ended.
_FINISH = """
local letters = redis.call('GET', KEYS[1])
if letters and string.find(letters, '[qw]') then
  return 0
end
if letters then
  redis.call('HSETNX', KEYS[2], 'finished_at', ARGV[1])
end
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('PUBLISH', KEYS[2], 'closed')
return 1
"""


class BatchGoneError(Exception):
    """Raised where a batch expires while it is looked at."""


class Batch(BaseModel):
    """What is known of a batch as a whole from its beginning on."""

    model_config = ConfigDict(frozen=True)

    caller: str
    token_name: str = ""
    client: str = ""
    items_per_minute: int | None = None
    """How many of its tests may begin; None for any number."""
    created_at: AwareDatetime
    start_by: AwareDatetime
    """Until when its tests may begin, and be repeated: its sealed requests go then."""
    total: int
    rejected: int
    repeats: str = ""
    """The batch whose failed items this one repeats."""


class BatchState(NamedTuple):
    """A batch and where it stands."""

    batch: Batch
    letters: bytes
    began_at: datetime | None
    finished_at: datetime | None


class BatchItem(NamedTuple):
    """What was sent of one platform, without its key pair."""

    place: str
    name: str
    ref: str
    product_type: str
    endpoint: str
    sealed_as: str
    """The job that the request was sealed for."""


class RejectedRow(NamedTuple):
    """A row that is no platform to test, and why."""

    place: str
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item with its sealed request, which one that is equal to another does without."""

    index: int
    item: BatchItem
    sealed: str


class Settled(NamedTuple):
    """What became of an item and of those that are equal to it."""

    indexes: Sequence[int]
    letter: Letter
    cause: str
    facts: Sequence[str]


@dataclass(frozen=True, slots=True)
class CauseCount:
    """How many items have a cause, and the first of them."""

    code: str
    count: int
    first: Sequence[int]


_Fields = dict[EncodableT, EncodableT]
_ITEM: TypeAdapter[BatchItem] = TypeAdapter(BatchItem)
_REJECTED: TypeAdapter[list[RejectedRow]] = TypeAdapter(list[RejectedRow])


class BatchStore:
    """All batches, in Redis."""

    def __init__(self, redis: Redis, result_ttl_s: int) -> None:
        self._redis = redis
        self.result_ttl_s = result_ttl_s

    async def add(self, batch_id: str, items: Sequence[NewItem]) -> None:
        """Keep items of a batch that is still being sent; it goes again unless it is opened."""
        async with self._commands() as pipe:
            headers: _Fields = {new.index: _ITEM.dump_json(new.item) for new in items}
            pipe.hset(items_key(batch_id), mapping=headers)
            sealed: _Fields = {new.index: new.sealed for new in items if new.sealed}
            if sealed:
                pipe.hset(sealed_key(batch_id), mapping=sealed)
            for key in (items_key(batch_id), sealed_key(batch_id)):
                pipe.expire(key, UNFINISHED_UPLOAD_S)
            await pipe.execute()

    async def open(
        self,
        batch_id: str,
        batch: Batch,
        rejected: Sequence[RejectedRow],
        targets: Sequence[str],
        twins: Mapping[int, Sequence[int]],
    ) -> None:
        """Have the tests of the items begin."""
        kept_s = int((batch.start_by - batch.created_at).total_seconds()) + self.result_ttl_s
        async with self._commands() as pipe:
            known: _Fields = {
                "batch": batch.model_dump_json(),
                "rejected": _REJECTED.dump_json([*rejected]),
            }
            pipe.hset(batch_key(batch_id), mapping=known)
            pipe.set(letters_key(batch_id), WAITING * batch.total)
            pipe.set(targets_key(batch_id), "\n".join(targets))
            if twins:
                equal: _Fields = {n: ",".join(map(str, others)) for n, others in twins.items()}
                pipe.hset(twins_key(batch_id), mapping=equal)
            for key in (batch_key, letters_key, items_key, targets_key, twins_key):
                pipe.expire(key(batch_id), kept_s)
            pipe.expireat(sealed_key(batch_id), batch.start_by)
            pipe.zadd(OPEN, {batch_id: batch.created_at.timestamp()})
            await pipe.execute()

    async def discard(self, batch_id: str) -> None:
        """Forget a batch that was not opened."""
        async with self._commands() as pipe:
            pipe.delete(items_key(batch_id), sealed_key(batch_id))
            await pipe.execute()

    async def open_batches(self) -> Sequence[str]:
        """Return the batches that are not finished, the oldest first."""
        async with self._commands() as pipe:
            pipe.zrange(OPEN, 0, -1)
            (found,) = await pipe.execute()
        return [batch_id.decode() for batch_id in found]

    async def state(self, batch_id: str) -> BatchState | None:
        """Return the batch and where it stands, None where there is none (any more)."""
        async with self._commands() as pipe:
            pipe.hmget(batch_key(batch_id), ["batch", "began_at", "finished_at"])
            pipe.get(letters_key(batch_id))
            (batch, began_at, finished_at), letters = await pipe.execute()
        if batch is None or letters is None:
            return None
        return BatchState(
            Batch.model_validate_json(batch), letters, _moment(began_at), _moment(finished_at)
        )

    async def rejected(self, batch_id: str) -> Sequence[RejectedRow]:
        """Return the rows that are no platform to test."""
        async with self._commands() as pipe:
            pipe.hget(batch_key(batch_id), "rejected")
            (found,) = await pipe.execute()
        return _REJECTED.validate_json(found) if found else []

    async def targets(self, batch_id: str) -> Sequence[str]:
        """Return the target of each item, at which jobs take turns; empty for one without."""
        async with self._commands() as pipe:
            pipe.get(targets_key(batch_id))
            (found,) = await pipe.execute()
        return (found or b"").decode().split("\n")

    async def twins(self, batch_id: str) -> Mapping[int, Sequence[int]]:
        """Return for items that have equal ones which those are."""
        async with self._commands() as pipe:
            pipe.hgetall(twins_key(batch_id))
            (found,) = await pipe.execute()
        return {int(n): [int(other) for other in equal.split(b",")] for n, equal in found.items()}

    async def items(self, batch_id: str, indexes: Sequence[int]) -> Sequence[BatchItem]:
        """Return what was sent of the items at `indexes`.

        Raises:
            BatchGoneError: there is no such batch (any more).
        """
        if not indexes:
            return []
        async with self._commands() as pipe:
            pipe.hmget(items_key(batch_id), [str(index) for index in indexes])
            (found,) = await pipe.execute()
        if None in found:
            raise BatchGoneError
        return [_ITEM.validate_json(item) for item in found]

    async def sealed(self, batch_id: str, indexes: Sequence[int]) -> Sequence[str | None]:
        """Return the sealed requests of the items at `indexes`, None for those that are gone."""
        if not indexes:
            return []
        async with self._commands() as pipe:
            pipe.hmget(sealed_key(batch_id), [str(index) for index in indexes])
            (found,) = await pipe.execute()
        return [sealed and sealed.decode() for sealed in found]

    async def take(self, batch_id: str, indexes: Sequence[int]) -> Sequence[int]:
        """Put waiting items to work; return those that did wait."""
        async with self._commands() as pipe:
            now = datetime.now(UTC).isoformat()
            keys = letters_key(batch_id), batch_key(batch_id)
            pipe.eval(_TAKE, 2, *keys, now, *map(str, indexes))
            (taken,) = await pipe.execute()
        return [int(index) for index in taken]

    async def settle(self, batch_id: str, settled: Sequence[Settled]) -> None:
        """Write what became of items at work, each once however often this is called."""
        keys = [key(batch_id) for key in (letters_key, sealed_key, causes_key, facts_key)]
        async with self._commands() as pipe:
            for one in settled:
                bits = cause_key(batch_id, one.cause or "-")
                counted = (one.letter, one.cause, len(one.indexes), *one.indexes, *one.facts)
                pipe.eval(_SETTLE, 5, *keys, bits, *map(str, counted))
            pipe.publish(batch_key(batch_id), "settled")
            await pipe.execute()

    async def end_waiting(self, batch_id: str, letter: Letter) -> None:
        """End all items that wait."""
        async with self._commands() as pipe:
            pipe.eval(_END_WAITING, 2, letters_key(batch_id), batch_key(batch_id), letter)
            pipe.publish(batch_key(batch_id), "settled")
            await pipe.execute()

    async def is_cancelled(self, batch_id: str) -> bool:
        """Return whether nothing more of the batch is to begin."""
        async with self._commands() as pipe:
            pipe.hget(batch_key(batch_id), "waiting_ended_as")
            (found,) = await pipe.execute()
        return bool(found == b"c")

    async def ended(self, batch_ids: Sequence[str]) -> Sequence[str]:
        """Return those of the batches of which nothing more is to begin."""
        async with self._commands() as pipe:
            for batch_id in batch_ids:
                pipe.hexists(batch_key(batch_id), "waiting_ended_as")
            found = await pipe.execute()
        return [batch_id for batch_id, is_ended in zip(batch_ids, found, strict=True) if is_ended]

    async def finish(self, batch_id: str) -> None:
        """Write that all items have ended, unless one has not."""
        async with self._commands() as pipe:
            keys = letters_key(batch_id), batch_key(batch_id), OPEN
            pipe.eval(_FINISH, 3, *keys, datetime.now(UTC).isoformat(), batch_id)
            await pipe.execute()

    async def causes(self, batch_id: str, examples: int) -> Sequence[CauseCount]:
        """Return the causes that were found, the most frequent first."""
        async with self._commands() as pipe:
            pipe.smembers(causes_key(batch_id))
            (codes,) = await pipe.execute()
        bits = await self.bits(batch_id, sorted(code.decode() for code in codes))
        counts = [
            CauseCount(code, found.bit_count(), _first(found, examples))
            for code, found in bits.items()
            if found
        ]
        return sorted(counts, key=lambda one: -one.count)

    async def bits(self, batch_id: str, codes: Sequence[str]) -> Mapping[str, int]:
        """Return for each cause the items that have it; bit N from the left is item N."""
        async with self._commands() as pipe:
            for code in codes:
                pipe.get(cause_key(batch_id, code))
            found = await pipe.execute()
        return {code: _mirrored(bits or b"") for code, bits in zip(codes, found, strict=True)}

    async def shared_facts(self, batch_id: str) -> Sequence[tuple[str, int]]:
        """Return what most failed items have in common, with their number."""
        async with self._commands() as pipe:
            pipe.zrevrange(facts_key(batch_id), 0, MOST_SHARED_FACTS - 1, withscores=True)
            (found,) = await pipe.execute()
        return [(fact.decode(), int(count)) for fact, count in found if count > 1]

    @asynccontextmanager
    async def _commands(self) -> AsyncIterator[Pipeline]:
        with named_if_unreachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                yield pipe


def _moment(text: bytes | None) -> datetime | None:
    return datetime.fromisoformat(text.decode()) if text else None


def _mirrored(bits: bytes) -> int:
    """Return Redis' bits, the first of a byte its highest, as a number whose bit N is item N."""
    return int.from_bytes(bits[::-1].translate(_MIRROR), "big") if bits else 0


_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _first(bits: int, count: int) -> Sequence[int]:
    found: list[int] = []
    while bits and len(found) < count:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found
