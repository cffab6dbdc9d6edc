import pytest

from tests.zoo.fault import Fault, Healthy
from tests.zoo.visit import all_faults, all_healthy, verdict_on, visit


@pytest.mark.parametrize("fault", all_faults(), ids=lambda fault: fault.name)
def test_the_cause_is_right(fault: Fault) -> None:
    """This is what the service exists for: the cause, at the step where it is."""
    verdict = visit(fault, verdict_on)

    assert (verdict.step, *verdict.codes[:1]) == (fault.step, fault.cause)
    assert set(fault.contributing) <= set(verdict.codes[1:])
    assert all(cause.remedies and "{" not in cause.summary for cause in verdict.causes)


@pytest.mark.parametrize("shown", all_healthy(), ids=lambda shown: shown.name)
def test_an_odd_but_valid_set_up_passes(shown: Healthy) -> None:
    """A false alarm costs more trust than a missed fault."""
    verdict = visit(shown, verdict_on)

    assert verdict.codes == ()
    assert tuple(warning.code for warning in verdict.warnings) == shown.warnings
