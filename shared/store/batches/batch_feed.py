"""Hand out the items of batches, for the feeder."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch_counts import MOVE
from shared.store.batches.batch_keys import (
    UNFINISHED_BATCHES,
    batch_key,
    counts_key,
    letters_key,
    sealed_key,
)
from shared.store.batches.letters import AT_WORK, CANCELLED, REPEATABLE, UNFINISHED, WAITING
from shared.store.commands import commands
from shared.store.gate import RedisGate
from shared.store.site_keys import SiteKeys

# KEYS: letters, batch, counts. ARGV: letter for what waits, letter for what is at work, now, then
# indexes. Returns those that waited; they are at work from now on.
_PUT_TO_WORK = (
    MOVE
    + """
local at_work = {}
for i = 4, #ARGV do
  if redis.call('GETRANGE', KEYS[1], ARGV[i], ARGV[i]) == ARGV[1] then
    redis.call('SETRANGE', KEYS[1], ARGV[i], ARGV[2])
    table.insert(at_work, ARGV[i])
  end
end
if #at_work > 0 then
  redis.call('HSETNX', KEYS[2], 'began_at', ARGV[3])
end
move(KEYS[3], ARGV[1], ARGV[2], #at_work)
return at_work
"""
)
# KEYS: letters, batch, unfinished batches, sealed, CA certificates of each site. ARGV: now, id, the
# letters of what has not ended, and of what can be repeated, as sets of a pattern. Does nothing
# while an item has not ended. Where nothing can be repeated, nothing that was sealed is needed.
_FINISH = """
local letters = redis.call('GET', KEYS[1])
if letters and string.find(letters, ARGV[3]) then
  return 0
end
if letters then
  redis.call('HSETNX', KEYS[2], 'finished_at', ARGV[1])
end
redis.call('ZREM', KEYS[3], ARGV[2])
if not (letters and string.find(letters, ARGV[4])) then
  redis.call('DEL', KEYS[4])
end
if redis.call('EXISTS', KEYS[4]) == 0 then
  redis.call('DEL', unpack(KEYS, 5))
end
redis.call('PUBLISH', KEYS[2], 'closed')
return 1
"""


@dataclass(frozen=True, slots=True)
class BatchFeed:
    """Follows batches from their first item at work to their end."""

    _redis: RedisGate

    async def put_to_work(self, batch_id: str, indexes: Sequence[int]) -> Sequence[int]:
        """Put waiting items to work; return those that did wait."""
        now = await self._now()
        async with commands(self._redis) as pipe:
            keys = letters_key(batch_id), batch_key(batch_id), counts_key(batch_id)
            pipe.eval(_PUT_TO_WORK, 3, *keys, WAITING, AT_WORK, now, *map(str, indexes))
            (at_work,) = await pipe.execute()
        return [int(index) for index in at_work]

    async def is_cancelled(self, batch_id: str) -> bool:
        """Return whether the batch was cancelled."""
        async with commands(self._redis) as pipe:
            pipe.hget(batch_key(batch_id), "waiting_ended_as")
            (found,) = await pipe.execute()
        return bool(found == CANCELLED.encode())

    async def cancelled_or_expired(self, batch_ids: Sequence[str]) -> Sequence[str]:
        """Return those of the batches of which nothing more is to begin."""
        async with commands(self._redis) as pipe:
            for batch_id in batch_ids:
                pipe.hexists(batch_key(batch_id), "waiting_ended_as")
            found = await pipe.execute()
        return [batch_id for batch_id, is_ended in zip(batch_ids, found, strict=True) if is_ended]

    async def finish(self, batch_id: str, sites: Iterable[str] = (DEFAULT_SITE,)) -> None:
        """Write that all items have ended, unless one has not; `sites` are those of the items."""
        now = await self._now()
        async with commands(self._redis) as pipe:
            keys = [letters_key(batch_id), batch_key(batch_id), UNFINISHED_BATCHES]
            keys.append(sealed_key(batch_id))
            keys += [SiteKeys.of(site).ca_certificates(batch_id) for site in sites]
            pipe.eval(_FINISH, len(keys), *keys, now, batch_id, *_SETS)
            await pipe.execute()

    async def _now(self) -> str:
        """Return the time of Redis' clock: other processes work out rates from it."""
        async with commands(self._redis) as pipe:
            pipe.time()
            ((seconds, micros),) = await pipe.execute()
        return datetime.fromtimestamp(seconds + micros / 1e6, UTC).isoformat()


_SETS = f"[{''.join(UNFINISHED)}]", f"[{''.join(REPEATABLE)}]"
