"""Count the connections to each address per minute, whatever names resolve to it."""

import logging
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from shared.store.errors import StoreUnreachableError
from shared.store.round_trips import RoundTrips, without_errors
from shared.store.scripts import Script
from shared.store.site_keys import SiteKeys

_log = logging.getLogger(__name__)

WINDOW_S = 60

# KEYS: the count. ARGV: seconds that a window lasts; it begins with the first connection, and no
# worker's clock has a say in it.
COUNT = Script(
    """
local count = redis.call('INCR', KEYS[1])
if count == 1 then
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return count
"""
)


class AddressRate:
    """Counts in Redis, for all workers together."""

    def __init__(self, round_trips: RoundTrips, most_per_minute: int, keys: SiteKeys) -> None:
        self._round_trips = round_trips
        self._keys = keys
        self.most_per_minute = most_per_minute

    def admits(self, address: IPv4Address | IPv6Address, port: int) -> bool:
        """Count a connection; return whether this minute's limit still allows it.

        While the store is unreachable, every connection is allowed.
        """
        key = self._keys.connections_to(str(address), port)

        def fill(pipe: Any) -> None:
            COUNT.queue(pipe, self._keys, [key], [WINDOW_S])

        try:
            (count,) = without_errors(self._round_trips.execute(fill))
        except StoreUnreachableError:
            _log.warning("address_rate store=unreachable")
            return True
        return bool(count <= self.most_per_minute)
