"""What is said of the differences, and how the command ends."""

import io

import pytest
from rich.console import Console, RenderableType

from cli.comparison.differences_view import Failure, exit_status, failures_of, told, verdict
from conncheck_client import Comparison, DetailedItem
from tests.client.comparisons import a_comparison, a_site, an_item


def printed(*parts: RenderableType, width: int = 100) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width)
    for part in parts:
        console.print(part)
    return file.getvalue()


def comparison(**changes: object) -> Comparison:
    return Comparison.model_validate(a_comparison(**changes))


def a_failure(cause: str, owner: str = "network", *sites: str) -> Failure:
    item = an_item("tcp_connect", "failed", cause=cause, owner=owner, summary=f"about {cause}")
    return Failure(sites or ("fra1",), DetailedItem.model_validate(item))


def test_a_difference_is_a_sentence_with_its_remedies_and_its_sides() -> None:
    """Whoever reads it hands it on to the network team."""
    sides = [
        {"sites": ["fra1"], "evidence": {"addresses": ["10.0.0.1", "10.0.0.2"]}},
        {"sites": ["default", "sin1"], "evidence": {"addresses": ["192.0.2.1"]}},
    ]
    difference = {**a_comparison()["differences"][0], "sides": sides}
    lines = printed(*told(Console(), comparison(differences=[difference]), ())).splitlines()

    assert lines[1].startswith("  ≠ From fra1 the test fails at tcp_connect")
    assert lines[2].startswith("    next       Allow 203.0.113.7 (fra1) to reach h on 443/tcp")
    assert "sites.unreachable_from, can be fixed by the network team" in lines[3]
    assert "from fra1: addresses 10.0.0.1, 10.0.0.2" in lines[4]
    assert "from default, sin1: addresses 192.0.2.1" in lines[5]


def test_that_all_pass_is_no_difference() -> None:
    """There is nothing for anyone to fix."""
    alike = {**a_comparison()["differences"][0], "code": "sites.all_pass", "owner": "caller"}
    text = printed(*told(Console(), comparison(differences=[alike]), ()))

    assert "  ✓ From" in text
    assert "≠" not in text
    assert "can be fixed" not in text


def test_a_site_without_a_test_says_why() -> None:
    """It is no evidence of anything."""
    sites = [a_site("default"), a_site("sin1", None, status="not_tested", reason="No worker.")]

    assert "! sin1: No worker." in printed(*told(Console(), comparison(sites=sites), ()))


def test_the_same_failure_is_explained_once() -> None:
    """Twenty sites may fail alike."""
    items = [a_failure("tcp.refused").item, a_failure("tcp.no_answer").item, None]
    found = failures_of(zip(("a", "b", "c", "d"), [*items, items[0]], strict=True))

    assert [(one.sites, one.item.cause) for one in found] == [
        (("a", "d"), "tcp.refused"),
        (("b",), "tcp.no_answer"),
    ]
    text = printed(*told(Console(), comparison(), found))
    assert text.count("about tcp.refused") == 1
    assert "From a, d" in text


@pytest.mark.parametrize(
    ("outcomes", "failures", "status", "said"),
    [
        (["passed", "warning"], (), 0, "✓ passed from 2 sites after 0.0 ms"),
        (["passed", "failed"], ("network",), 1, "✗ failed from b; passed from a after"),
        (["failed", None], ("network",), 1, "✗ failed from a; not tested from b after"),
        (["passed", None], (), 3, "! could not be tested from b; passed from a after"),
        (["passed", "failed"], ("us",), 3, "! could not be tested from b; passed from a after"),
    ],
)
def test_the_exit_status_tells_whether_every_site_passes(
    outcomes: list[str | None], failures: tuple[str, ...], status: int, said: str
) -> None:
    """A script must not take a site that was not tested for one that passes."""
    sites = [
        a_site(name, outcome, status="finished" if outcome else "not_tested")
        for name, outcome in zip("ab", outcomes, strict=True)
    ]
    found = [a_failure("x.y", owner) for owner in failures]

    assert exit_status(comparison(sites=sites), found) == status
    assert said in printed(verdict(Console(), comparison(sites=sites), status))


def test_a_comparison_that_was_cancelled_has_no_verdict() -> None:
    """The sites that were tested say nothing of the others."""
    assert exit_status(comparison(status="cancelled", sites=[a_site("default")]), ()) == 3
