import pytest

from tests.zoo.report import Report, judged
from tests.zoo.reporting import all_reports
from tests.zoo.reports.still_wrong import STILL_WRONG
from tests.zoo.visit import verdict_on, within


def _marks(shown: Report) -> list[pytest.MarkDecorator]:
    why = STILL_WRONG.get(shown.name)
    return [pytest.mark.xfail(reason=why, strict=True)] if why else []


@pytest.mark.parametrize(
    "shown", [pytest.param(one, marks=_marks(one), id=one.name) for one in all_reports()]
)
def test_the_verdict_is_right(shown: Report) -> None:
    """These were somebody's bad day: what would we have told them?"""
    verdict = within(shown.stage, shown.network, verdict_on)

    assert judged(shown, verdict) == "right", (verdict.step, verdict.codes)


def test_what_is_still_wrong_is_declared() -> None:
    """A mark that has lost its situation would hide the next one of that name."""
    assert set(STILL_WRONG) <= {shown.name for shown in all_reports()}
