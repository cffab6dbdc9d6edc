import pytest

from shared.comparison.causes import LATENCY_DIFFERS
from shared.comparison.compare import differences_between
from shared.comparison.difference import Difference
from shared.steps import StepName
from tests.shared.comparison.sites import KNOWN, SiteJob


def found_with(step: StepName, **took_ms: float) -> list[Difference]:
    """Return what is said of sites where `step` took so long."""
    jobs = {site: SiteJob().taking(step, ms).job() for site, ms in took_ms.items()}
    return [one for one in differences_between(jobs) if one.finding.cause is LATENCY_DIFFERS]


def test_a_slow_site_is_named_with_both_times() -> None:
    """A time on its own is neither long nor short."""
    (found,) = found_with("tcp_connect", default=10, fra1=240.4, par1=12, sin1=310)

    assert found.finding.summary(KNOWN) == (
        "From fra1, sin1 tcp_connect takes 240-310 ms, from default, par1 10-12 ms"
    )
    assert [side.evidence["took_ms"] for side in found.sides] == [240.4, 310, 10, 12]


@pytest.mark.parametrize(("fast", "slow"), [(100, 300), (10, 60), (1, 50)])
def test_a_little_more_is_no_difference(fast: float, slow: float) -> None:
    """Over three times, and over 50 ms: a fast step varies that much on its own."""
    assert not found_with("http_response", default=fast, fra1=slow)


def test_a_lookup_is_not_compared() -> None:
    """What a name server has in its cache it answers at once."""
    assert not found_with("dns_lookup", default=1, fra1=900)


def test_a_long_way_is_told_once() -> None:
    """Each later step takes longer for the same reason."""
    far = SiteJob().taking("tcp_connect", 200).taking("http_response", 400).job()

    found = differences_between({"default": SiteJob().job(), "fra1": far})

    assert [one.step for one in found if one.finding.cause is LATENCY_DIFFERS] == ["tcp_connect"]


def test_a_failed_step_is_not_compared() -> None:
    """How long it waited is a limit of ours."""
    failed = SiteJob().taking("tcp_connect", 9000).failing("tcp_connect", "tcp.timeout_filtered")

    found = differences_between({"default": SiteJob().job(), "fra1": failed.job()})

    assert LATENCY_DIFFERS not in [one.finding.cause for one in found]
