"""How often a Redis was asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from redis import Redis

FEW = 3
"""One, and what another test's connections may still say meanwhile."""


@contextmanager
def round_trips_of(redis: Redis) -> Iterator[Callable[[], int]]:
    """Give a function that tells how often the server had something to read in the block."""
    before, during = _reads(redis), 0

    yield lambda: during

    during = _reads(redis) - before - 1  # the second look is one itself


def _reads(redis: Redis) -> int:
    return int(redis.info("stats")["total_reads_processed"])
