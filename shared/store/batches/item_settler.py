"""Settle items: for the feeder, and for who cancels a batch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from shared.store.batches.batch_counts import MOVE
from shared.store.batches.batch_keys import (
    batch_key,
    cause_key,
    causes_key,
    counts_key,
    facts_key,
    letters_key,
    sealed_key,
    took_key,
)
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.item_times import took_number
from shared.store.batches.letters import AT_WORK, DONE, WAITING, Letter
from shared.store.commands import commands
from shared.store.gate import RedisGate

# KEYS: letters, sealed, causes, facts, counts, times. ARGV: letter for what is at work, what
# precedes the cause in the key of its bits, then for each item JSON: letter, whether its sealed
# request goes, cause, indexes, facts and time. The first index is the one that was tested; the
# others are equal to it.
_SETTLE = (
    MOVE
    + """
local moved = {}
local function count(from, to)
  moved[from .. to] = (moved[from .. to] or 0) + 1
end
local has_times = false
local function four_bytes(number)
  local bytes = {}
  for place = 1, 4 do
    bytes[5 - place] = number % 256
    number = math.floor(number / 256)
  end
  return string.char(unpack(bytes))
end
local function settle(letter, goes, cause, indexes, facts, took)
  if redis.call('GETRANGE', KEYS[1], indexes[1], indexes[1]) ~= ARGV[1] then
    return
  end
  for n, index in ipairs(indexes) do
    count(n == 1 and ARGV[1] or redis.call('GETRANGE', KEYS[1], index, index), letter)
    redis.call('SETRANGE', KEYS[1], index, letter)
    if cause ~= '' then
      redis.call('SETBIT', ARGV[2] .. cause, index, 1)
    end
    if took > 0 then
      redis.call('SETRANGE', KEYS[6], index * 4, four_bytes(took))
      has_times = true
    end
  end
  if goes then
    redis.call('HDEL', KEYS[2], indexes[1])
  end
  for _, fact in ipairs(facts) do
    redis.call('ZINCRBY', KEYS[4], #indexes, fact)
  end
  if cause ~= '' then
    redis.call('SADD', KEYS[3], cause)
  end
  if cause ~= '' or #facts > 0 then
    for _, key in ipairs({KEYS[3], KEYS[4], ARGV[2] .. cause}) do
      redis.call('PEXPIRE', key, redis.call('PTTL', KEYS[1]))
    end
  end
end
for i = 3, #ARGV do
  settle(unpack(cjson.decode(ARGV[i])))
end
if has_times then
  redis.call('PEXPIRE', KEYS[6], redis.call('PTTL', KEYS[1]))
end
for letters, number in pairs(moved) do
  move(KEYS[5], string.sub(letters, 1, 1), string.sub(letters, 2, 2), number)
end
"""
)
# KEYS: letters, batch, counts. ARGV: letter for what waits, letter for all of it from now on.
_END_WAITING = """
local letters = redis.call('GET', KEYS[1])
if letters then
  redis.call('HSET', KEYS[2], 'waiting_ended_as', ARGV[2])
  redis.call('SET', KEYS[1], string.gsub(letters, ARGV[1], ARGV[2]), 'KEEPTTL')
  redis.call('DEL', KEYS[3])
end
"""

TOGETHER = 500
"""Items that one script settles: meanwhile Redis answers nobody."""


@dataclass(frozen=True, slots=True)
class ItemSettler:
    """Writes how items ended."""

    _redis: RedisGate

    async def settle(self, batch_id: str, outcomes: Sequence[ItemOutcome]) -> None:
        """Write what became of items at work, each once however often this is called."""
        if not outcomes:
            return
        keys = [key(batch_id) for key in (letters_key, sealed_key, causes_key, facts_key)]
        keys += [counts_key(batch_id), took_key(batch_id)]
        async with commands(self._redis) as pipe:
            for first in range(0, len(outcomes), TOGETHER):
                said = map(_said, outcomes[first : first + TOGETHER])
                pipe.eval(_SETTLE, len(keys), *keys, AT_WORK, cause_key(batch_id, ""), *said)
            pipe.publish(batch_key(batch_id), "settled")
            await pipe.execute()

    async def end_waiting(self, batch_id: str, letter: Letter) -> None:
        """End all items that wait."""
        async with commands(self._redis) as pipe:
            keys = letters_key(batch_id), batch_key(batch_id), counts_key(batch_id)
            pipe.eval(_END_WAITING, 3, *keys, WAITING, letter)
            pipe.publish(batch_key(batch_id), "settled")
            await pipe.execute()


def _said(outcome: ItemOutcome) -> str:
    goes = outcome.letter in DONE
    took = took_number(outcome.took_ms)
    return json.dumps([outcome.letter, goes, outcome.cause, outcome.indexes, outcome.facts, took])
