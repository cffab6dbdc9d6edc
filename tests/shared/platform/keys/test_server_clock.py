from datetime import timedelta

import pytest

from shared.platform.keys.key_pair import CLOCK_OFF, CLOCK_SKEW
from shared.platform.keys.server_clock import ServerClock
from tests.shared.products.conversation import KNOWN, NOW, answer


def clock_at(seconds: int) -> ServerClock:
    """Return the clock of an answer whose Date is `seconds` ahead of ours."""
    date = (NOW + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    return ServerClock.of(answer(200, date=date))


def test_the_platforms_own_time_is_what_is_signed_with() -> None:
    """A clock that is off refuses everybody who signs with another, but not us."""
    clock = clock_at(-3600)

    assert clock.now == NOW - timedelta(hours=1)
    assert clock.skew_s == -3600


@pytest.mark.parametrize("date", ["", "soon"])
def test_without_a_date_our_own_clock_is_the_best_guess(date: str) -> None:
    """Some proxies take the header away."""
    clock = ServerClock.of(answer(200, date=date))

    assert (clock.now, clock.skew_s) == (NOW, 0)


@pytest.mark.parametrize("days", [-20_000, -2, 2, 3000])
def test_a_clock_that_is_days_off_is_told_but_not_signed_with(days: int) -> None:
    """Else whoever answers could collect signatures for a time that he chooses."""
    clock = clock_at(days * 86_400)

    assert clock.now == NOW
    assert clock.skew_s == days * 86_400
    assert clock.warnings(900)


def test_a_clock_that_is_off_is_a_warning() -> None:
    """The caller's other clients sign with their own clock."""
    (warning,) = clock_at(600).warnings(900)

    assert warning.cause is CLOCK_OFF
    assert warning.facts == {"skew_s": 600, "ahead_s": 600, "allowed_s": 900}
    assert clock_at(120).warnings(900) == ()


def test_a_refused_date_is_told_with_both_clocks() -> None:
    """Whose clock it is that is wrong, only the two together tell."""
    failed = clock_at(-5000).refused(900)

    assert failed.cause is CLOCK_SKEW
    assert failed.finding.facts == {"skew_s": 5000, "behind_s": 5000, "allowed_s": 900}


def test_a_refused_date_that_the_answers_show_is_judged_by_another_clock() -> None:
    """The Date is a proxy's or another node's; without one, nothing is known of a clock."""
    failed = clock_at(3).refused(900)
    unknown = ServerClock.of(answer(403)).refused(900)

    assert failed.finding.facts == {"shown_skew_s": 3, "allowed_s": 900}
    assert "another clock" in failed.finding.summary(KNOWN)
    assert unknown.finding.facts == {"allowed_s": 900}
    assert unknown.finding.summary(KNOWN).endswith("rejects the date of the request")
