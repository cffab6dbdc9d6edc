# ruff: noqa: RUF001 -- the full-width characters are Chinese punctuation
"""Requests that are refused have a limit of their own."""

import pytest

from api.access.refusals import MOST_KNOWN, WINDOW_S, Refusals
from api.problems import ApiProblemError


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def test_too_many_refusals_are_refused_until_the_minute_is_over() -> None:
    """An invalid request costs as much as a valid one, and counts as no test."""
    clock = Clock()
    refusals = Refusals(2, clock)
    for _ in range(2):
        refusals.refuse_too_many("a")
        refusals.count("a")

    with pytest.raises(ApiProblemError) as refused:
        refusals.refuse_too_many("a")
    assert refused.value.problem.status == 429
    assert refused.value.headers["Retry-After"] == "60"
    told = refused.value.in_language("zh-CN").detail
    assert told == "被拒绝的请求过多：上限为每分钟 2 个。请在 60 秒后重试。"

    clock.now_s = WINDOW_S
    refusals.refuse_too_many("a")


def test_one_caller_s_refusals_are_no_other_s() -> None:
    """A tenant with a broken script must not stop its neighbours."""
    refusals = Refusals(1)
    refusals.count("a")

    refusals.refuse_too_many("b")


def test_strangers_of_any_number_fill_no_memory() -> None:
    """An IPv6 network has more addresses than a machine has bytes."""
    refusals = Refusals(1)
    for number in range(MOST_KNOWN):
        refusals.count(str(number))
    refusals.count("one more")

    refusals.refuse_too_many("one more")
