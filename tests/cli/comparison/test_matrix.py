"""The table of steps and sites."""

import io

import pytest
from rich.console import Console

from cli.comparison.cells import Cells
from cli.comparison.matrix import matrix
from conncheck_client import Comparison
from tests.client.comparisons import a_comparison, a_result, a_running_comparison, a_site, a_step

MANY = tuple(f"site-{number:02}" for number in range(20))
LONG = "a-name-of-a-site-that-is-32-long"


def shown(comparison: dict[str, object], width: int = 100, encoding: str = "utf-8") -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    console = Console(file=file, width=width)
    console.print(matrix(console, Cells(Comparison.model_validate(comparison))))
    file.seek(0)
    return [line.rstrip() for line in file.read().splitlines()]


def of_sites(*sites: str) -> dict[str, object]:
    """Return a comparison in which the last of the sites differs."""
    results = [a_result(site, differs=site == sites[-1]) for site in sites]
    steps = [a_step("dns_lookup", *results), a_step("tcp_connect", *results)]
    return a_comparison(sites=[a_site(site) for site in sites], steps=steps)


def test_each_step_is_a_row_and_each_site_a_column() -> None:
    """The eye compares what stands beside each other."""
    head, names, connection, result = shown(a_comparison())

    assert head.split() == ["default", "fra1"]
    assert names.split() == ["dns_lookup", "✓", "12", "ms", "✓", "12", "ms"]
    assert connection.split() == (
        ["tcp_connect", "✓", "12", "ms", "≠", "✗", "12", "ms", "tcp.no_answer"]
    )
    assert result.split() == ["result", "passed", "failed"]


def test_what_differs_is_seen_without_colours_and_without_unicode() -> None:
    """The output may be a file, and a terminal of Windows or of a colour-blind reader."""
    _, _, connection, _ = shown(a_comparison(), encoding="ascii")

    assert connection.split()[:8] == ["tcp_connect", "+", "12", "ms", "#", "x", "12", "ms"]


def test_what_was_not_made_says_so() -> None:
    """An empty cell could be taken for a result."""
    not_part = {"tookMs": None, "outcome": "not_part"}
    skipped = {"tookMs": None, "outcome": "skipped"}
    results = [a_result("default"), a_result("fra1") | not_part, a_result("sin1") | skipped]
    sites = [a_site("default"), a_site("fra1"), a_site("sin1", None, status="not_tested")]
    _, row, result = shown(a_comparison(sites=sites, steps=[a_step("authenticate", *results)]))

    assert row.split() == ["authenticate", "✓", "12", "ms", "·", "not", "part", "·", "not", "made"]
    assert result.split() == ["result", "passed", "passed", "not", "tested"]


def test_what_is_to_come_is_empty() -> None:
    """Nothing is known of it."""
    _, names, _, result = shown(a_running_comparison())

    assert names.split() == ["dns_lookup", "·", "·"]
    assert result.split() == ["result", "queued", "queued"]


@pytest.mark.parametrize(
    ("sites", "width"), [(MANY, 120), (("default", LONG), 60), (("default", "fra1"), 44)]
)
def test_what_is_too_wide_for_columns_is_turned_round(sites: tuple[str, ...], width: int) -> None:
    """A line that a terminal breaks is no row any more."""
    lines = shown(of_sites(*sites), width)

    assert max(map(len, lines)) <= width
    assert lines[0].split()[:2] == ["1", "2"]
    assert "1 dns_lookup, 2 tcp_connect" in lines[-1]
    (differing,) = [line for line in lines if "≠" in line]
    assert differing.split()[1:5] == ["≠", "✓", "≠", "✓"]


def test_what_a_service_sends_cannot_move_the_cursor() -> None:
    """The service may have been taken over."""
    evil = a_result("default", "pass\x1b[2J", cause="\x1b[2Jcause")
    comparison = a_comparison(sites=[a_site("default")], steps=[a_step("s\x1b[2J", evil)])

    assert "\x1b" not in "".join(shown(comparison))
    assert "\x1b" not in "".join(shown(comparison, width=30))
