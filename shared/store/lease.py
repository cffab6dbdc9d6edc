"""Elect one of many processes for work that only one of them may do at a time."""

from dataclasses import dataclass
from typing import Any, cast

from shared.store.commands import commands
from shared.store.gate import RedisGate

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

# KEYS: lease. ARGV: name. In one step: a holder that is found to be `name` may have lost the lease
# to a successor before a second command arrives.
_GIVE_UP = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease with one holder at a time; it expires LEASE_MS after the holder last renewed it."""

    _gate: RedisGate
    _key: str

    async def is_held_by(self, name: str) -> bool:
        """Take the lease if it is free, or renew it; return whether `name` holds it now.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with commands(self._gate) as pipe:
            pipe.eval(_TAKE_OR_KEEP, 1, self._key, name, str(LEASE_MS))
            (is_held,) = await pipe.execute()
        return bool(is_held)

    async def give_up(self, name: str) -> None:
        """Release the lease if `name` still holds it, so that another process can take it at once.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            await cast("Any", redis.eval(_GIVE_UP, 1, self._key, name))
