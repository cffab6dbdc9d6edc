"""Who gives way when there are too many connections."""

import asyncio

from api.connections.crowd import Crowd


class Caller:
    """A connection that says whether it was ended."""

    def __init__(self) -> None:
        self.is_ended = False

    def give_way(self) -> None:
        """End."""
        self.is_ended = True


async def thinned(crowd: Crowd) -> bool:
    """Return whether a connection was ended."""
    return crowd.thin()


def test_the_address_with_most_connections_gives_way() -> None:
    """Else a stranger who opens thousands would end everybody else's."""
    crowd, caller, flood = Crowd(), Caller(), [Caller(), Caller()]
    crowd.join(caller, "10.0.0.1")
    for one in flood:
        crowd.join(one, "10.0.0.2")

    assert asyncio.run(thinned(crowd))
    assert [one.is_ended for one in (caller, *flood)] == [False, True, False]


def test_the_longest_wait_ends_first() -> None:
    """Who has just come is about to ask something."""
    crowd, first, second = Crowd(), Caller(), Caller()
    crowd.join(first, "10.0.0.1")
    crowd.join(second, "10.0.0.1")

    assert asyncio.run(thinned(crowd))
    assert (first.is_ended, second.is_ended) == (True, False)


def test_who_is_being_answered_is_not_ended() -> None:
    """A test that runs, or a stream of events, is why the service is there."""
    crowd, busy = Crowd(), Caller()
    crowd.join(busy, "10.0.0.1")
    crowd.leave(busy, "10.0.0.1")

    assert not asyncio.run(thinned(crowd))
    assert not busy.is_ended
