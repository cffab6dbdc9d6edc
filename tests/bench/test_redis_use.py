"""What a test sends to Redis."""

import pytest

from bench.redis_use import RedisUse


def test_what_an_idle_service_sends_is_no_test_s_part() -> None:
    """Signs of life would make a slow run look expensive."""
    before = RedisUse({"get": 10}, round_trips=10, sent_kb=1)
    after = RedisUse({"get": 40, "eval": 20, "xadd": 100}, round_trips=60, sent_kb=31)
    idle = RedisUse({"get": 2}, round_trips=3, sent_kb=0.5)

    each = after.since(before).a_test(10, idle, seconds=10)

    assert each.by_command == {"get": 1, "eval": 2, "xadd": 10}
    assert each.commands == 13
    assert each.scripts == 2
    assert each.round_trips == pytest.approx(2)
    assert each.sent_kb == pytest.approx(2.5)
    assert each.most_frequent == "xadd 10.0, eval 2.0, get 1.0"
