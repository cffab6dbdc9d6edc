"""Read what the tests of a batch have found so far, for those who look at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.store.batches.batch import CauseCount
from shared.store.batches.batch_keys import cause_key, causes_key, facts_key, letters_key
from shared.store.commands import commands
from shared.store.gate import RedisGate

MOST_SHARED_FACTS = 20

# KEYS: letters, then the bits of each cause. ARGV: how many items to name of each. Returns for each
# cause how many items have it, the letter of the first, and the first of them.
_CAUSES = """
local function next_after(bits, index)
  local byte = math.floor(index / 8) + 1
  for bit = index + 1, byte * 8 - 1 do
    if redis.call('GETBIT', bits, bit) == 1 then
      return bit
    end
  end
  return redis.call('BITPOS', bits, 1, byte)
end
local found = {}
for i = 2, #KEYS do
  local index = redis.call('BITPOS', KEYS[i], 1)
  local cause = {redis.call('BITCOUNT', KEYS[i]), redis.call('GETRANGE', KEYS[1], index, index)}
  while index >= 0 and #cause < ARGV[1] + 2 do
    table.insert(cause, index)
    index = next_after(KEYS[i], index)
  end
  table.insert(found, cause)
end
return found
"""


@dataclass(frozen=True, slots=True)
class BatchFindings:
    """Counts the causes that items have, and the facts that failed ones share."""

    _redis: RedisGate

    async def causes(self, batch_id: str, examples: int) -> Sequence[CauseCount]:
        """Return the causes that were found, the most frequent first."""
        async with commands(self._redis) as pipe:
            pipe.smembers(causes_key(batch_id))
            (codes,) = await pipe.execute()
            if not codes:
                return []
            named = sorted(code.decode("utf-8", "replace") for code in codes)
            keys = [letters_key(batch_id), *(cause_key(batch_id, code) for code in named)]
            pipe.eval(_CAUSES, len(keys), *keys, examples)
            (found,) = await pipe.execute()
        counts = [
            CauseCount(code, count, first, letter.decode("latin-1"))
            for code, (count, letter, *first) in zip(named, found, strict=True)
            if count
        ]
        return sorted(counts, key=lambda one: -one.count)

    async def bits(self, batch_id: str, codes: Sequence[str]) -> Mapping[str, int]:
        """Return for each cause the items that have it, as a number whose bit N is item N."""
        async with commands(self._redis) as pipe:
            for code in codes:
                pipe.get(cause_key(batch_id, code))
            found = await pipe.execute()
        return {code: _mirrored(bits or b"") for code, bits in zip(codes, found, strict=True)}

    async def all_bits(self, batch_id: str) -> Mapping[str, int]:
        """Return for every cause that was found the items that have it, as `bits` does."""
        async with commands(self._redis) as pipe:
            pipe.smembers(causes_key(batch_id))
            (codes,) = await pipe.execute()
        named = sorted(code.decode("utf-8", "replace") for code in codes)
        return await self.bits(batch_id, named) if named else {}

    async def shared_facts(self, batch_id: str) -> Sequence[tuple[str, int]]:
        """Return what most failed items have in common, with their number."""
        async with commands(self._redis) as pipe:
            pipe.zrevrange(facts_key(batch_id), 0, MOST_SHARED_FACTS - 1, withscores=True)
            (found,) = await pipe.execute()
        return [(fact.decode("utf-8", "replace"), int(count)) for fact, count in found if count > 1]


def _mirrored(bits: bytes) -> int:
    """Return Redis' bits, the first of a byte its highest, as a number whose bit N is item N."""
    return int.from_bytes(bits[::-1].translate(_MIRROR), "big") if bits else 0


_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
