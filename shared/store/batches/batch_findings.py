"""Read what the tests of a batch have found so far, for those who look at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.store.batches.batch import CauseCount
from shared.store.batches.batch_keys import cause_key, causes_key, facts_key
from shared.store.commands import commands
from shared.store.gate import RedisGate

MOST_SHARED_FACTS = 20


@dataclass(frozen=True, slots=True)
class BatchFindings:
    """Counts the causes that items have, and the facts that failed ones share."""

    _redis: RedisGate

    async def causes(self, batch_id: str, examples: int) -> Sequence[CauseCount]:
        """Return the causes that were found, the most frequent first."""
        async with commands(self._redis) as pipe:
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
        """Return for each cause the items that have it, as a number whose bit N is item N."""
        async with commands(self._redis) as pipe:
            for code in codes:
                pipe.get(cause_key(batch_id, code))
            found = await pipe.execute()
        return {code: _mirrored(bits or b"") for code, bits in zip(codes, found, strict=True)}

    async def shared_facts(self, batch_id: str) -> Sequence[tuple[str, int]]:
        """Return what most failed items have in common, with their number."""
        async with commands(self._redis) as pipe:
            pipe.zrevrange(facts_key(batch_id), 0, MOST_SHARED_FACTS - 1, withscores=True)
            (found,) = await pipe.execute()
        return [(fact.decode(), int(count)) for fact, count in found if count > 1]


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
