"""Show the findings: the cause, what to do next, and the evidence."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.terminal.exit_status import COULD_NOT_TEST, FAILED, PASSED
from cli.terminal.screen import FAINT, STYLES, counted, mark, plain, took
from shared.diagnosis.outcomes import Fact
from shared.site_name import DEFAULT_SITE

if TYPE_CHECKING:
    from cli.terminal.shown import Contribution, DetailedItem, Report

OWNERS: Mapping[str, str] = {
    "caller": "can be fixed by you",
    "network": "can be fixed by the network team",
    "platform": "can be fixed by the platform's administrator",
    "us": "can be fixed by the operators of conncheck",
}
LABEL_COLUMNS = 9


def exit_status(job: "Report") -> int:
    """Return the exit status: the platform passed, it failed, or there is no verdict."""
    if job.success:
        return PASSED
    failed = next((item for item in job.items if item.outcome == "failed"), None)
    if job.status != "finished" or failed is None or failed.owner == "us":
        return COULD_NOT_TEST
    return FAILED


def findings(console: Console, job: "Report") -> Iterator[RenderableType]:
    """Yield the finding of each step with a cause, the failed step first."""
    told = sorted((item for item in job.items if item.cause), key=lambda i: i.outcome != "failed")
    for item in told:
        yield Text()
        yield finding(console, item)
    if not job.has_verdict:
        yield Text()
        yield Padding(plain(job.recommendation, STYLES["warning"]), (0, 2))


def finding(console: Console, item: "DetailedItem") -> RenderableType:
    """Return what was found at a step: the cause, what to do next, and the evidence."""
    style = STYLES.get(item.outcome, "")
    head = Text.assemble("  ", mark(console, item.outcome), " ", plain(item.summary, "bold"))
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(width=LABEL_COLUMNS, style=FAINT)
    rows.add_column(overflow="fold")
    for number, remedy in enumerate(item.remedies):
        rows.add_row("" if number else "next", plain(remedy))
    owner = f", {OWNERS.get(item.owner, item.owner)}" if item.owner else ""
    rows.add_row("cause", plain(item.cause, style).append(owner, FAINT))
    evidence = _evidence(item.evidence)
    if evidence.row_count:
        rows.add_row("evidence", evidence)
    for beside in item.contributing:
        rows.add_row("also", _beside(beside, item.remedies))
    return Group(head, Padding(rows, (0, 0, 0, 4)))


def verdict(console: Console, job: "Report") -> Text:
    """Return the last line: how the test ended, at which step, and after how long."""
    all_ms = sum(item.took_ms for item in job.items)
    failed = next((item.name for item in job.items if item.outcome == "failed"), "")
    warnings = sum(item.outcome == "warning" for item in job.items)
    if job.success:
        state, text = ("warning" if warnings else "passed"), "passed"
        also = f" with {counted(warnings, 'warning')}" if warnings else ""
    elif exit_status(job) == FAILED:
        state, text, also = "failed", f"failed at {failed}", ""
    else:
        state, text, also = "warning", "could not be tested", _unfinished(job)
    line = Text.assemble("  ", mark(console, state), " ", (text, f"bold {STYLES[state]}"))
    place = "" if job.site == DEFAULT_SITE else f" from {job.site}"
    return line.append_text(plain(f"{also}{place} after {took(all_ms)}", FAINT))


def _unfinished(job: "Report") -> str:
    return "" if job.status == "finished" else f" ({job.status})"


def _evidence(facts: Mapping[str, Fact]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=FAINT, no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        shown = ", ".join(fact) if isinstance(fact, tuple) else str(fact)
        # A fact that begins like this is part of the sentence above.
        if shown and not shown.startswith((" ", ":")):
            table.add_row(plain(name), plain(shown))
    return table


def _beside(beside: "Contribution", shown: Sequence[str]) -> Text:
    text = plain(beside.summary).append_text(plain(f" ({beside.cause})", FAINT))
    for remedy in beside.remedies[:1]:
        if remedy not in shown:
            text.append("\n").append_text(plain(remedy))
    return text
