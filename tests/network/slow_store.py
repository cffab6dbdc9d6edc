"""A store that is far away, for those who must not count the time that it takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from time import monotonic  # noqa: TID251 -- one time is held against another

from worker.deadline import Deadline

ROUND_TRIP_S = 0.2


def round_trip() -> None:
    """Take as long as a question to the store and its answer."""
    Event().wait(ROUND_TRIP_S)


@contextmanager
def uncounted_round_trips(deadline: Deadline, count: int) -> Iterator[None]:
    """Check that so many round trips are made during the block, and that `deadline` stands still.

    What else the block takes is counted.
    """
    left_s, began_s = deadline.left_s, monotonic()
    yield
    took_s, counted_s = monotonic() - began_s, left_s - deadline.left_s
    assert took_s >= count * ROUND_TRIP_S
    assert counted_s <= took_s - count * ROUND_TRIP_S
