"""Count the results that a tenant has in the store, by when they will be deleted.

A hash for each tenant has a few slices of time, each with the number of results that are deleted in
it. So a script counts them in the step in which it creates a job, nothing has to be told of deleted
ones, and a count that a dead process has left goes with its slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SLICES = 24  # of the time for which a result is kept
BYTES_A_RESULT = 4096
"""What one takes in the store."""
NO_LIMIT = 2**53
"""More than can ever be kept."""

# Removes what is over and adds `more`. Returns nothing, or if there would be more than `most`, when
# the first slice ends.
COUNT = """
local function count_kept(key, now, ends, more, most)
  local kept, first_ends = 0, nil
  local counts = redis.call('HGETALL', key)
  for i = 1, #counts, 2 do
    local slice = tonumber(counts[i])
    if slice <= now then
      redis.call('HDEL', key, counts[i])
    else
      kept = kept + tonumber(counts[i + 1])
      first_ends = math.min(slice, first_ends or slice)
    end
  end
  if kept + more > most then
    return 'kept ' .. (first_ends or ends)
  end
  redis.call('HINCRBY', key, ends, more)
  if redis.call('TTL', key) < ends - now then
    redis.call('EXPIRE', key, ends - now)
  end
end
"""


class TooManyKeptError(Exception):
    """Raised where a tenant would have more results in the store than it may."""

    def __init__(self, most: int, until: datetime) -> None:
        super().__init__()
        self.most = most
        self.until = until
        """When the first of them are deleted."""


@dataclass(frozen=True, slots=True)
class KeptResults:
    """How many results a tenant may have in the store, each for `kept_s` or longer."""

    kept_s: int
    most: int = NO_LIMIT

    def key(self, tenant: str) -> str:
        """Return the key of the tenant's counts."""
        return f"conncheck:kept-of:{tenant}"

    def counting(self, share_of: str, at: datetime, longer_s: float = 0) -> Sequence[int]:
        """Return what the script is told of results of `at` that are kept for `longer_s` more.

        It is now, when their slice ends, and how many there may be. Those of no tenant's share are
        counted too, and are not limited.
        """
        now_s, slice_s = int(at.timestamp()), max(1, self.kept_s // SLICES)
        ends = (int(now_s + self.kept_s + longer_s) // slice_s + 1) * slice_s
        return now_s, ends, self.most if share_of else NO_LIMIT

    def refuse(self, result: Any) -> None:
        """Refuse what the script has refused.

        Raises:
            TooManyKeptError: it has.
        """
        if isinstance(result, bytes) and result.startswith(b"kept "):
            raise TooManyKeptError(self.most, datetime.fromtimestamp(float(result[5:]), UTC))

    def refusal(self, slices: Sequence[bytes | str], now: datetime) -> TooManyKeptError:
        """Return what `refuse` raises for a tenant that has results in these slices."""
        ends = [end for end in map(int, slices) if end > now.timestamp()]
        return TooManyKeptError(self.most, datetime.fromtimestamp(min(ends), UTC) if ends else now)
