import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from cli.terminal.steps_view import StepsSoFar, steps_table
from conncheck_client import DetailedItem, JobEvent
from shared.diagnosis.entries import Outcome

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def an_item(
    name: str, after_ms: float, took_ms: float, outcome: Outcome = "passed"
) -> DetailedItem:
    return DetailedItem(
        name=name,
        status="failure" if outcome == "failed" else "success",
        latency_ms=str(round(took_ms)),
        error_msg="",
        outcome=outcome,
        started_at=BEGAN + timedelta(milliseconds=after_ms),
        took_ms=took_ms,
    )


def shown(*items: DetailedItem, width: int = 100) -> list[str]:
    so_far = StepsSoFar(("dns_lookup", "tcp_connect", "http_response"), is_over=True)
    so_far.items += items
    file = io.StringIO()
    console = Console(file=file, width=width)
    console.print(steps_table(console, so_far))
    return file.getvalue().splitlines()


def bar_of(line: str) -> tuple[int, int]:
    """Return where the bar begins and how long it is."""
    cells = [n for n, sign in enumerate(line) if sign in "━╸╺"]
    return cells[0], len(cells)


def test_the_longest_step_has_the_longest_bar() -> None:
    """One glance tells where the time went."""
    first, second, _ = shown(an_item("dns_lookup", 0, 10), an_item("tcp_connect", 10, 90))

    begin, length = bar_of(first)
    next_begin, next_length = bar_of(second)
    assert next_length > 5 * length
    assert next_begin >= begin + length - 1


def test_a_step_that_took_no_time_has_a_bar_too() -> None:
    """Without one it would look as if it had not been made."""
    lines = shown(an_item("dns_lookup", 0, 100), an_item("tcp_connect", 100, 0))

    assert bar_of(lines[1])[1] == 1


def test_what_was_not_made_says_so() -> None:
    """An empty line could be taken for one that passed."""
    lines = shown(an_item("dns_lookup", 0, 1, "failed"))

    assert lines[0].lstrip().startswith("✗")
    assert "not reached" in lines[2]


def test_a_narrow_terminal_still_has_a_line_a_step() -> None:
    """A split window has 60 columns."""
    item = an_item("dns_lookup", 0, 1).model_copy(update={"evidence": {"address": "x" * 90}})

    lines = shown(item, width=60)

    assert len(lines) == 3
    assert all(len(line) <= 60 for line in lines)


def test_what_becomes_known_later_replaces_the_step() -> None:
    """It is not one more step."""
    so_far = StepsSoFar(("dns_lookup",))
    so_far.take(JobEvent("1", "step_ended", "dns_lookup", an_item("dns_lookup", 0, 1)))
    later = an_item("dns_lookup", 0, 2)
    so_far.take(JobEvent("2", "step_noted", "dns_lookup", later))

    assert so_far.items == [later]


def test_a_job_that_is_queued_again_begins_anew() -> None:
    """What a dead worker had found does not count."""
    so_far = StepsSoFar(("dns_lookup",))
    so_far.take(JobEvent("1", "step_ended", "dns_lookup", an_item("dns_lookup", 0, 1)))
    so_far.take(JobEvent("2", "step_started", "tcp_connect"))

    so_far.take(JobEvent("3", "requeued"))

    assert (so_far.items, so_far.current) == ([], None)
