"""Tell how many items of a batch stand where, without reading all of them each time."""

from dataclasses import dataclass

from shared.store.batches.batch import BatchProgress
from shared.store.batches.batch_keys import batch_key, counts_key, letters_key
from shared.store.batches.batch_records import BatchRecords
from shared.store.batches.letters import AT_WORK, LETTERS, UNFINISHED
from shared.store.commands import commands
from shared.store.gate import RedisGate
from shared.store.site_keys import SiteKeys

COUNTED_AGAIN_S = 60

MOVE = """
local function move(counts, from, to, number)
  if number > 0 and redis.call('EXISTS', counts) == 1 then
    redis.call('HINCRBY', counts, from, -number)
    redis.call('HINCRBY', counts, to, number)
  end
end
"""
"""Begins a script that changes letters: it keeps the counts right while there are any."""

# KEYS: letters, batch, counts. ARGV: seconds until they are counted again, the letters of what has
# not ended, all letters. Returns how many there are of each. An API of the version before changes
# letters and counts nothing: so counts don't last, and must agree with the end of the batch.
_COUNT = """
local unfinished = 0
for _, count in ipairs(redis.call('HMGET', KEYS[3], unpack(cjson.decode(ARGV[2])))) do
  unfinished = unfinished + (tonumber(count) or 0)
end
local is_wrong = unfinished > 0 and redis.call('HEXISTS', KEYS[2], 'finished_at') == 1
if is_wrong or redis.call('EXISTS', KEYS[3]) == 0 then
  local letters = redis.call('GET', KEYS[1]) or ''
  for i = 3, #ARGV do
    local others = string.gsub(letters, ARGV[i] .. '+', '')
    redis.call('HSET', KEYS[3], ARGV[i], #letters - #others)
  end
  redis.call('EXPIRE', KEYS[3], ARGV[1])
end
return redis.call('HMGET', KEYS[3], unpack(ARGV, 3))
"""
# KEYS: the waiting jobs of each site. ARGV: the deadline of the batch's jobs (epoch), the batch.
# Returns how many of them wait; those of other batches seldom have the same deadline. A site may
# hold something else there.
_WAITING = """
local waiting = 0
for _, site in ipairs(KEYS) do
  for _, job in ipairs(redis.pcall('ZRANGEBYSCORE', site, ARGV[1], ARGV[1])) do
    if string.sub(job, 1, #ARGV[2]) == ARGV[2] then
      waiting = waiting + 1
    end
  end
end
return waiting
"""


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Counts the letters once a minute, and what the scripts change of them in between."""

    _redis: RedisGate
    _records: BatchRecords

    async def progress(self, batch_id: str) -> BatchProgress | None:
        """Return the batch and how far it is; None where there is none (any more).

        Raises:
            BatchGoneError: another version wrote what can't be read here.
        """
        head = await self._records.head(batch_id)
        if head is None:
            return None
        keys = letters_key(batch_id), batch_key(batch_id), counts_key(batch_id)
        deadline = str(head.batch.start_by.timestamp())
        async with commands(self._redis) as pipe:
            pipe.eval(_COUNT, 3, *keys, COUNTED_AGAIN_S, _UNFINISHED, *LETTERS)
            queued = [SiteKeys.of(site).queued for site in head.batch.all_sites]
            pipe.eval(_WAITING, len(queued), *queued, deadline, batch_id)
            found, waiting = await pipe.execute()
        counts = dict(zip(LETTERS, map(int, found), strict=True))
        return BatchProgress(*head, counts, min(waiting, counts[AT_WORK]))


_UNFINISHED = f'["{UNFINISHED[0]}","{UNFINISHED[1]}"]'
