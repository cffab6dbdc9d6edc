from datetime import UTC, datetime, timedelta
from time import monotonic  # noqa: TID251 -- what is told belongs to a moment

import pytest

from shared.store.redis_time import UNCERTAIN_S, RedisClock

EPOCH_S = 1_700_000_000
SOON = timedelta(seconds=60)
"""More than a test takes on a busy machine."""


def told(clock: RedisClock, seconds: int, took_s: float = 0.0) -> None:
    """Tell `clock` a time of Redis, which took so long until now."""
    now_s = monotonic()
    clock.learn(seconds, 0, now_s - took_s, now_s)


def test_a_worker_goes_by_its_own_clock_until_it_is_told_the_time() -> None:
    """It may have a job before its first sign of life is answered."""
    assert abs(RedisClock().time.now() - datetime.now(UTC)) < SOON


def test_a_worker_goes_by_the_clock_of_redis() -> None:
    """Its own may be hours off, and its entries stand beside those of the API."""
    clock = RedisClock()
    told(clock, EPOCH_S)

    assert timedelta() <= clock.time.now() - datetime.fromtimestamp(EPOCH_S, UTC) < SOON


def test_the_time_was_read_in_the_middle_of_the_round_trip() -> None:
    """From far away that is a difference."""
    clock = RedisClock()
    told(clock, EPOCH_S, took_s=0.4)

    ahead = clock.time.now() - datetime.fromtimestamp(EPOCH_S, UTC)
    assert timedelta(seconds=0.2) <= ahead < SOON


@pytest.mark.parametrize(("took_s", "is_believed"), [(0.4, True), (UNCERTAIN_S + 1, False)])
def test_an_answer_that_took_long_replaces_none_that_was_quick(
    took_s: float, *, is_believed: bool
) -> None:
    """After a cut a new connection takes its time, and where in it Redis was asked is unknown."""
    clock = RedisClock()
    told(clock, EPOCH_S)
    told(clock, 2 * EPOCH_S, took_s)

    assert (clock.time.now() > datetime.fromtimestamp(2 * EPOCH_S, UTC)) is is_believed


def test_a_time_that_was_told_goes_on_evenly() -> None:
    """No entry of a run is before the one before it, whatever is told meanwhile."""
    clock = RedisClock()
    told(clock, EPOCH_S)
    time = clock.time
    before = time.now()
    told(clock, EPOCH_S - 1000)

    assert time.now() >= before
