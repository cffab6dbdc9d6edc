import pytest

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.store.errors import StoreUnreachableError
from shared.store.limits.quotas import TARGET, TARGETS, Quota, RateExceededError
from tests.network.loopback import failure_to, soon
from tests.network.slow_store import round_trip, uncounted_round_trips
from worker.deadline import Deadline
from worker.visits import TARGET_BUSY, TARGET_RATE, TARGETS_RATE, Visits

THERE = Endpoint("nova.example.com", 8774, "https")


class InMemory:
    """Limits of a test's own: what is exceeded, and what was counted."""

    per_target = 1

    def __init__(self, exceeded: str = "", *, is_away: bool = False) -> None:
        self._exceeded = exceeded
        self._is_away = is_away
        self.counted: list[tuple[str, int | None, str]] = []
        self.inside: list[str] = []

    def count(self, token: str, targets_per_minute: int | None, target: str) -> None:
        """Count, or say what is exceeded."""
        if self._is_away:
            raise StoreUnreachableError
        if self._exceeded:
            raise RateExceededError(Quota(self._exceeded, 7, 0, 60))
        self.counted.append((token, targets_per_minute, target))

    def enter(self, target: str) -> str | None:
        """Let one in."""
        if len(self.inside) >= self.per_target:
            return None
        self.inside.append(target)
        return "v"

    def leave(self, target: str, _: str) -> None:
        """Let it out again."""
        self.inside.remove(target)


class FarAway(InMemory):
    """Limits in a store that is far away."""

    def count(self, token: str, targets_per_minute: int | None, target: str) -> None:
        """Count, a round trip later."""
        round_trip()
        super().count(token, targets_per_minute, target)

    def enter(self, target: str) -> str | None:
        """Let one in, a round trip later."""
        round_trip()
        return super().enter(target)

    def leave(self, target: str, visit: str) -> None:
        """Let it out again, a round trip later."""
        round_trip()
        super().leave(target, visit)


def visited(visits: Visits, deadline: Deadline | None = None) -> None:
    with visits.to(THERE, deadline or soon()):
        pass


def test_a_store_far_away_takes_nothing_of_the_platforms_time() -> None:
    """The step that visits would look slower from a site than it is."""
    deadline = soon()
    with uncounted_round_trips(deadline, 3):
        visited(Visits(FarAway(), "ci", 7, is_metered=True), deadline)


def test_a_visit_counts_like_a_test_of_the_token() -> None:
    """A host is a host, whoever names it."""
    limits = InMemory()
    with Visits(limits, "ci", 7, is_metered=True).to(THERE, soon()):
        assert limits.inside == ["nova.example.com:8774"]

    assert limits.counted == [("ci", 7, "nova.example.com:8774")]
    assert limits.inside == []


@pytest.mark.parametrize(("name", "cause"), [(TARGETS, TARGETS_RATE), (TARGET, TARGET_RATE)])
def test_a_limit_that_is_exceeded_is_told_with_the_place(name: str, cause: Cause) -> None:
    """It is a limit of ours, and says nothing about the platform."""
    visits = Visits(InMemory(name), "ci", 7, is_metered=True)

    failed = failure_to(lambda: visited(visits))

    assert failed.cause is cause
    assert failed.cause.is_policy
    assert failed.finding.facts == {"host": "nova.example.com", "port": 8774, "most": 7}


def test_a_token_without_limits_is_not_counted() -> None:
    """Neither are its tests."""
    limits = InMemory(TARGETS)
    visited(Visits(limits, "ci"))

    assert limits.counted == []


def test_one_that_finds_no_room_waits_a_moment() -> None:
    """Visits are short, and a warning for nothing would be noise."""
    limits = InMemory()
    visits = Visits(limits)
    limits.inside.append("another")

    failed = failure_to(lambda: visited(visits, Deadline.after(0)))

    assert failed.cause is TARGET_BUSY
    limits.inside.clear()
    visited(visits)


def test_a_visit_ends_however_the_block_ends() -> None:
    """Otherwise the place would be full for a minute."""
    limits = InMemory()
    with pytest.raises(KeyError), Visits(limits).to(THERE, soon()):
        raise KeyError

    assert limits.inside == []


def test_a_store_that_is_away_holds_up_nobody() -> None:
    """The jobs at hand end; no new ones come while it is away."""
    visited(Visits(InMemory(is_away=True), "ci", 1, is_metered=True))
