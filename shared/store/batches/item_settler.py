"""Settle items: for the feeder, and for who cancels a batch."""

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
)
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.letters import AT_WORK, DONE, WAITING, Letter
from shared.store.commands import commands
from shared.store.gate import RedisGate

# KEYS: letters, sealed, causes, facts, bits of the cause, counts. ARGV: letter for what is at work,
# letter, whether the sealed request goes (1), cause, number of indexes, the indexes (equal items),
# then the facts. The first index is the one that was tested.
_SETTLE = (
    MOVE
    + """
local count = tonumber(ARGV[5])
if redis.call('GETRANGE', KEYS[1], ARGV[6], ARGV[6]) ~= ARGV[1] then
  return 0
end
local ended = 0
for i = 6, 5 + count do
  local letter = redis.call('GETRANGE', KEYS[1], ARGV[i], ARGV[i])
  if letter == ARGV[1] then
    ended = ended + 1
  else
    move(KEYS[6], letter, ARGV[2], 1)
  end
  redis.call('SETRANGE', KEYS[1], ARGV[i], ARGV[2])
  if ARGV[4] ~= '' then
    redis.call('SETBIT', KEYS[5], ARGV[i], 1)
  end
end
move(KEYS[6], ARGV[1], ARGV[2], ended)
if ARGV[4] ~= '' then
  redis.call('SADD', KEYS[3], ARGV[4])
end
if ARGV[3] == '1' then
  redis.call('HDEL', KEYS[2], ARGV[6])
end
for i = 6 + count, #ARGV do
  redis.call('ZINCRBY', KEYS[4], count, ARGV[i])
end
for i = 3, 5 do
  redis.call('PEXPIRE', KEYS[i], redis.call('PTTL', KEYS[1]))
end
return 1
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


@dataclass(frozen=True, slots=True)
class ItemSettler:
    """Writes how items ended."""

    _redis: RedisGate

    async def settle(self, batch_id: str, outcomes: Sequence[ItemOutcome]) -> None:
        """Write what became of items at work, each once however often this is called."""
        keys = [key(batch_id) for key in (letters_key, sealed_key, causes_key, facts_key)]
        async with commands(self._redis) as pipe:
            for one in outcomes:
                bits = cause_key(batch_id, one.cause or "-")
                goes = int(one.letter in DONE)
                counted = (goes, one.cause, len(one.indexes), *one.indexes, *one.facts)
                pipe.eval(
                    _SETTLE,
                    6,
                    *keys,
                    bits,
                    counts_key(batch_id),
                    AT_WORK,
                    one.letter,
                    *map(str, counted),
                )
            pipe.publish(batch_key(batch_id), "settled")
            await pipe.execute()

    async def end_waiting(self, batch_id: str, letter: Letter) -> None:
        """End all items that wait."""
        async with commands(self._redis) as pipe:
            keys = letters_key(batch_id), batch_key(batch_id), counts_key(batch_id)
            pipe.eval(_END_WAITING, 3, *keys, WAITING, letter)
            pipe.publish(batch_key(batch_id), "settled")
            await pipe.execute()
