"""Ask a store that is away again and again."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from shared.outage_log import OutageLog
from shared.store.errors import StoreUnreachableError
from shared.store.round_trips import Fill, RoundTrips, without_errors

_log = logging.getLogger(__name__)

RETRY_S = 0.2

Check = Callable[[Sequence[Any]], Sequence[Any]]
"""Returns the results that it is given, or raises StoreUnreachableError."""


class Patience:
    """Makes round trips of a worker's threads until the store answers, for `lasts_s` at most."""

    def __init__(self, round_trips: RoundTrips, lasts_s: float) -> None:
        self._round_trips = round_trips
        self.lasts_s = lasts_s
        self._outage = OutageLog(_log, "store=unreachable")

    def execute(self, fill: Fill) -> Sequence[Any]:
        """Return the results of the commands that `fill` queues.

        Raises:
            StoreUnreachableError: the store was unreachable for `lasts_s`.
        """
        return self.persist(partial(self._round_trips.execute, fill), without_errors)

    def persist(self, ask: Callable[[], Sequence[Any]], check: Check) -> Sequence[Any]:
        """Return what `ask` returns and `check` accepts.

        Raises:
            StoreUnreachableError: the store was unreachable for `lasts_s`.
        """
        give_up_at_s = time.monotonic() + self.lasts_s
        while True:
            try:
                results = check(ask())
            except StoreUnreachableError as error:
                if time.monotonic() > give_up_at_s:
                    raise
                self._outage.away(error)
                time.sleep(RETRY_S)
            else:
                self._outage.back()
                return results
