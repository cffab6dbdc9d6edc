"""Let one of many processes do what would be wasteful or muddled if all of them did."""

from dataclasses import dataclass

from redis.asyncio import Redis

from shared.store.jobs.job_stream import named_if_unreachable

LEASE_MS = 3000

# KEYS: lease. ARGV: name, milliseconds.
_TAKE_OR_KEEP = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """Held by one name at a time, and free again LEASE_MS after its holder was last seen."""

    _redis: Redis
    _key: str

    async def is_held_by(self, name: str) -> bool:
        """Take the lease if it is free, keep it if it is held; return whether `name` has it now.

        Raises:
            StoreUnreachableError: nobody knows.
        """
        with named_if_unreachable():
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.eval(_TAKE_OR_KEEP, 1, self._key, name, str(LEASE_MS))
                (is_held,) = await pipe.execute()
        return bool(is_held)

    async def give_up(self, name: str) -> None:
        """Let another process have the lease at once."""
        with named_if_unreachable():
            if await self._redis.get(self._key) == name.encode():
                await self._redis.delete(self._key)
