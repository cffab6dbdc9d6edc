"""Show what a comparison has found: the differences, then why a site does not pass."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.comparison.matrix import differs_sign
from cli.terminal.exit_status import COULD_NOT_TEST, FAILED, PASSED
from cli.terminal.findings_view import LABEL_COLUMNS, OWNERS, finding
from cli.terminal.screen import FAINT, STYLES, counted, mark, plain, took

if TYPE_CHECKING:
    from conncheck_client import ComparedSite, Comparison, DetailedItem, Difference

_NOT_DIFFERENT: Mapping[str, str] = {
    "sites.all_pass": "passed",
    "sites.all_fail_alike": "failed",
    "sites.not_comparable": "warning",
}
"""The codes that tell no difference, and the marks that they are shown with."""
_PASSED = ("passed", "warning")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the test does not pass from some sites."""

    sites: tuple[str, ...]
    item: "DetailedItem"


def failures_of(found: "Iterable[tuple[str, DetailedItem | None]]") -> Sequence[Failure]:
    """Return the failed steps of the sites, those with the same cause at the same step together."""
    alike: dict[tuple[str, str | None], Failure] = {}
    for site, item in found:
        if item:
            at = item.name, item.cause
            known = alike.get(at, Failure((), item))
            alike[at] = Failure((*known.sites, site), known.item)
    return [*alike.values()]


def exit_status(comparison: "Comparison", failures: Sequence[Failure]) -> int:
    """Return the exit status: passed from every site, failed from one, or there is no verdict."""
    if any(one.item.owner != "us" for one in failures):
        return FAILED
    is_over = comparison.status == "finished"
    passed = all(column.outcome in _PASSED for column in comparison.sites)
    return PASSED if is_over and passed else COULD_NOT_TEST


def told(
    console: Console, comparison: "Comparison", failures: Sequence[Failure]
) -> Iterator[RenderableType]:
    """Yield the differences, the sites without a test, and the failures."""
    for one in comparison.differences:
        yield Text()
        yield _difference(console, one)
    for column in comparison.sites:
        if column.reason:
            yield Text()
            yield _not_tested(console, column)
    for failure in failures:
        yield Text(f"\n  From {', '.join(failure.sites)}", FAINT)
        yield finding(console, failure.item)


def verdict(console: Console, comparison: "Comparison", status: int) -> Text:
    """Return the last line: from where the test passes, and from where it does not."""
    columns = comparison.sites
    passed = [one.site for one in columns if one.outcome in _PASSED]
    failed = [one.site for one in columns if one.outcome == "failed"]
    rest = [one.site for one in columns if one.site not in (*passed, *failed)]
    if status == PASSED:
        state, text = "passed", f"passed from {counted(len(columns), 'site')}"
    elif status == FAILED:
        state, text = "failed", f"failed from {', '.join(failed)}"
    else:
        state, text = "warning", f"could not be tested from {', '.join([*rest, *failed])}"
    also = [
        f"passed from {', '.join(passed)}" if passed and status != PASSED else "",
        f"not tested from {', '.join(rest)}" if rest and status == FAILED else "",
    ]
    line = Text.assemble("  ", mark(console, state), " ").append_text(
        plain(text, f"bold {STYLES[state]}")
    )
    return line.append_text(plain("".join(f"; {one}" for one in also if one) + _after(comparison)))


def _after(comparison: "Comparison") -> str:
    if comparison.finished_at is None:
        return ""
    took_ms = (comparison.finished_at - comparison.created_at).total_seconds() * 1000
    return f" after {took(took_ms)}"


def _difference(console: Console, difference: "Difference") -> RenderableType:
    alike = _NOT_DIFFERENT.get(difference.code)
    sign = mark(console, alike) if alike else Text(differs_sign(console), STYLES["warning"])
    head = Text.assemble("  ", sign, " ", plain(difference.summary, "bold"))
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(width=LABEL_COLUMNS, style=FAINT)
    rows.add_column(overflow="fold")
    for number, remedy in enumerate(difference.remedies):
        rows.add_row("" if number else "next", plain(remedy))
    owner = "" if alike == "passed" else f", {OWNERS.get(difference.owner, difference.owner)}"
    rows.add_row("found", plain(difference.code).append(owner, FAINT))
    told_by = [side for side in difference.sides if side.evidence]
    for number, side in enumerate(told_by):
        rows.add_row("" if number else "evidence", _evidence(side.sites, side.evidence))
    return Group(head, Padding(rows, (0, 0, 0, 4)))


def _evidence(sites: Sequence[str], facts: Mapping[str, object]) -> Text:
    text = plain(f"from {', '.join(sites)}: ", FAINT)
    shown = [f"{name} {_fact(fact)}" for name, fact in facts.items() if _fact(fact)]
    return text.append_text(plain("; ".join(shown)))


def _fact(fact: object) -> str:
    return ", ".join(fact) if isinstance(fact, tuple) else str(fact)


def _not_tested(console: Console, column: "ComparedSite") -> Text:
    line = Text.assemble("  ", mark(console, "warning"), " ")
    return line.append_text(plain(f"{column.site}: {column.reason}"))
