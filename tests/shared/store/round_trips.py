"""How often a Redis was asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

from redis import Redis

FEW = 3
"""One, and what another test's connections may still say meanwhile."""
LOOKS = 1000


@contextmanager
def round_trips_of(redis: Redis) -> Iterator[Callable[[], int]]:
    """Give a function that tells how often the server had something to read in the block."""
    before, during = _reads_when_quiet(redis), 0

    yield lambda: during

    during = _reads(redis) - before - 1  # the second look is one itself


def _reads_when_quiet(redis: Redis) -> int:
    """Return the reads when nothing came between two looks: a connection's end is one to read."""
    for before, now in pairwise(_reads(redis) for _ in range(LOOKS)):
        if now == before + 1:
            return now
    raise AssertionError("this Redis is used by somebody else")


def _reads(redis: Redis) -> int:
    return int(redis.info("stats")["total_reads_processed"])
