"""Count the connections to each address per minute, whatever names resolve to it."""

import logging
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from time import time
from typing import Any

from shared.store.errors import StoreUnreachableError
from shared.store.round_trips import RoundTrips, without_errors

_log = logging.getLogger(__name__)

WINDOW_S = 60


class AddressRate:
    """Counts in Redis, for all workers together."""

    def __init__(
        self, round_trips: RoundTrips, most_per_minute: int, clock: Callable[[], float] = time
    ) -> None:
        self._round_trips = round_trips
        self._clock = clock
        self.most_per_minute = most_per_minute

    def admits(self, address: IPv4Address | IPv6Address, port: int) -> bool:
        """Count a connection; return whether this minute's limit still allows it.

        While the store is unreachable, every connection is allowed.
        """
        minute = int(self._clock() // WINDOW_S)
        key = f"conncheck:address:{address}:{port}:{minute}"

        def fill(pipe: Any) -> None:
            pipe.incr(key)
            pipe.expire(key, WINDOW_S)

        try:
            count, _ = without_errors(self._round_trips.execute(fill))
        except StoreUnreachableError:
            _log.warning("address_rate store=unreachable")
            return True
        return bool(count <= self.most_per_minute)
