"""What is known of each step from each site."""

import pytest

from cli.comparison.cells import Cell, Cells
from conncheck_client import Comparison, ComparisonEvent, DetailedItem
from tests.client.comparisons import a_comparison, a_running_comparison, an_item


@pytest.fixture
def cells() -> Cells:
    return Cells(Comparison.model_validate(a_running_comparison()))


def event(site: str, kind: str, step: str | None = None, **more: object) -> ComparisonEvent:
    return ComparisonEvent("1", kind, step, site=site, **more)  # type: ignore[arg-type]


def ended(site: str, step: str, outcome: str = "passed", cause: str = "") -> ComparisonEvent:
    item = DetailedItem.model_validate(an_item(step, outcome, cause=cause or None))
    return event(site, "step_ended", step, item=item)


def test_what_one_site_sees_is_not_shown_for_another(cells: Cells) -> None:
    """The tests run beside each other."""
    cells.take(ended("fra1", "dns_lookup", "failed", "dns.not_found"))

    assert cells.cell("dns_lookup", "fra1") == Cell("failed", 12.0, "dns.not_found")
    assert cells.cell("dns_lookup", "default") == Cell(None)


def test_the_step_at_work_is_told(cells: Cells) -> None:
    """Somebody who waits wants to see where it stands."""
    cells.take(event("fra1", "queued", steps=("dns_lookup", "tcp_connect")))
    assert cells.state(cells.sites[1]) == "queued"
    cells.take(event("fra1", "step_started", "dns_lookup"))

    assert cells.cell("dns_lookup", "fra1").outcome == "running"
    assert cells.cell("tcp_connect", "fra1").outcome is None
    assert cells.state(cells.sites[1]) == "running"


def test_a_step_that_a_site_does_not_make_is_known_at_once(cells: Cells) -> None:
    """Else it would seem to be still to come when the site is done."""
    cells.take(event("fra1", "queued", steps=("dns_lookup",)))

    assert cells.cell("tcp_connect", "fra1").outcome == "not_part"


def test_the_end_of_a_site_is_not_the_end(cells: Cells) -> None:
    """The outcome of a site is known with the comparison."""
    cells.take(ended("fra1", "dns_lookup"))
    cells.take(event("fra1", "closed"))

    assert cells.state(cells.sites[1]) == "ended"
    assert cells.state(cells.sites[0]) == "queued"


def test_the_whole_comparison_replaces_what_the_events_told(cells: Cells) -> None:
    """It alone says which results differ."""
    cells.take(ended("fra1", "tcp_connect", "failed", "tcp.no_answer"))
    over = Comparison.model_validate(a_comparison())
    cells.take(ComparisonEvent("2", "over", finished=over))

    assert cells.comparison is over
    assert cells.cell("tcp_connect", "fra1").differs
    assert not cells.cell("tcp_connect", "default").differs
    assert [cells.state(one) for one in cells.sites] == ["passed", "failed"]
