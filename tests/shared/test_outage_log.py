import logging

import pytest

from shared.outage_log import OutageLog


def test_an_outage_is_two_lines_however_long_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    """A line every half second hides what else happened meanwhile."""
    caplog.set_level(logging.INFO)
    outage = OutageLog(logging.getLogger("part"), "part store=unreachable")

    outage.back()
    for _ in range(2):
        for _ in range(100):
            outage.away("TimeoutError")
        for _ in range(100):
            outage.back()

    away, back = "part store=unreachable error=TimeoutError", "part store=unreachable outcome=back"
    assert caplog.messages == [away, back, away, back]
