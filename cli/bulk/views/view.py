"""Show the progress of a bulk test, and at the end its failures, grouped by cause."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
)
from rich.table import Table
from rich.text import Text

from cli.bulk.views.groups_view import group_lines
from cli.bulk.views.rows_view import RejectedRows, row_head, row_lines
from cli.bulk.views.tally import Tally, state_of
from cli.terminal.findings_view import OWNERS
from cli.terminal.screen import CALM, FAINT, STYLES, mark, plain, took
from conncheck_client import BatchResult

_NAMED = 4  # examples of a cause


@contextmanager
def progress(console: Console, tally: Tally, *, wanted: bool) -> Iterator["Progressing"]:
    """Give an object that shows progress; it draws a bar where `wanted`."""
    if not wanted:
        yield Progressing(tally)
        return
    columns = (
        _Margin(),
        BarColumn(40, FAINT, CALM, CALM),
        _Done(),
        _Counts(console, tally),
        _Time(),
    )
    with Progress(*columns, console=console) as drawn:
        task = drawn.add_task("", total=tally.total, completed=tally.done)
        yield Progressing(tally, drawn, task)


@dataclass(slots=True)
class Progressing:
    """The tally, and the progress bar that shows it."""

    tally: Tally
    _drawn: Progress | None = None
    _task: TaskID | None = None

    def show(self) -> None:
        """Show the current tally."""
        if self._drawn and self._task is not None:
            self._drawn.update(self._task, completed=self.tally.done)


class _Margin(ProgressColumn):
    def render(self, _: Task) -> Text:
        return Text(" ")


class _Done(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.completed:.0f}/{task.total or 0:.0f} ")


class _Time(ProgressColumn):
    """The remaining time, and at the end the duration."""

    max_refresh = 0.5  # a number that changes all the time can't be read

    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished else task.time_remaining
        if seconds is None:
            return Text()
        if task.finished and seconds < 60:
            return Text(took(seconds * 1000), FAINT)
        hours, rest = divmod(int(seconds), 3600)
        clock = f"{hours}:{rest // 60:02}:{rest % 60:02}"
        return Text(clock if task.finished else f"{clock} left", FAINT)


class _Counts(ProgressColumn):
    def __init__(self, console: Console, tally: Tally) -> None:
        super().__init__()
        self._console, self._tally = console, tally

    def render(self, _: Task) -> Text:
        return counts(self._console, self._tally)


def counts(console: Console, tally: Tally) -> Text:
    """Return how many passed, passed with warnings, failed, and were not tested."""
    shown = {
        "passed": tally.passed - tally.warnings,
        "warning": tally.warnings,
        "failed": tally.failed,
    }
    text = Text()
    for state, number in shown.items():
        sign = mark(console, state)
        if not number:
            sign.stylize(FAINT)
        text.append_text(sign).append(f" {number:<4} ", STYLES[state] if number else FAINT)
    if tally.others:
        text.append(f"? {tally.others} not tested", FAINT)
    return text


@dataclass(slots=True)
class _Group:
    state: str
    results: list[BatchResult] = field(default_factory=list)


def summary(
    console: Console, results: Sequence[BatchResult], rejected: RejectedRows
) -> RenderableType:
    """Return the failures, most frequent cause first, whose they are, and the invalid rows."""
    parts: list[RenderableType] = []
    for code, group in _groups(results):
        parts += [Text(), _shown(console, code, group)]
    if lines := [plain(f"  {line}", FAINT) for line in group_lines(results)]:
        parts += [Text(), *lines]
    if rejected.count:
        parts += [Text(), _rejected(console, rejected)]
    return Group(*parts)


def _groups(results: Sequence[BatchResult]) -> list[tuple[str, _Group]]:
    groups: dict[str, _Group] = {}
    for one in results:
        state = state_of(one)
        if state != "passed":
            code = one.cause or one.status
            groups.setdefault(f"{state} {code}", _Group(state)).results.append(one)
    order = {"failed": 0, "untested": 1, "warning": 2}
    by_size = sorted(groups.items(), key=lambda g: (order[g[1].state], -len(g[1].results)))
    return [(key.partition(" ")[2], group) for key, group in by_size]


def _shown(console: Console, code: str, group: _Group) -> RenderableType:
    style = STYLES.get(group.state, STYLES["warning"])
    first, count = group.results[0], len(group.results)
    sign = mark(console, group.state if group.state in STYLES else "warning")
    head = Text.assemble("  ", sign, (f" {count:>3}  ", f"bold {style}"), plain(code, style))
    owner = OWNERS.get(first.owner or "", "")
    head.append_text(plain(f"  {owner}", FAINT))
    return Group(head, Padding(_examples(group.results), (0, 0, 0, 9)))


def _examples(results: Sequence[BatchResult]) -> RenderableType:
    """Return the first result's finding and remedy, and the names of the others."""
    first = results[0]
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style=FAINT)
    rows.add_column(overflow="fold")
    if first.recommendation:
        rows.add_row("next", plain(first.recommendation))
    names = [one.name or one.ref or one.endpoint for one in results[:_NAMED]]
    more = len(results) - len(names)
    also = f" and {more} more" if more > 0 else ""
    rows.add_row("where", plain(f"{', '.join(names)}{also}"))
    return Group(plain(first.error_msg), rows) if first.error_msg else rows


def _rejected(console: Console, rejected: RejectedRows) -> RenderableType:
    count = rejected.count
    text = "invalid row was skipped" if count == 1 else "invalid rows were skipped"
    lines = row_lines(rejected.first, count, rejected.headers)
    return Group(row_head(console, count, text), lines)


def as_mapping(results: Sequence[BatchResult], rejected: RejectedRows) -> Mapping[str, object]:
    """Return all results for a program to read."""
    numbers = Counter(state_of(one) for one in results)
    causes: defaultdict[str, int] = defaultdict(int)
    for one in results:
        if one.cause and state_of(one) != "passed":
            causes[one.cause] += 1
    return {
        "total": len(results),
        "passed": numbers["passed"] + numbers["warning"],
        "warnings": numbers["warning"],
        "failed": numbers["failed"],
        "notTested": numbers["untested"],
        "rejected": [row.model_dump(by_alias=True) for row in rejected.first],
        "causes": causes,
        "items": [one.model_dump(mode="json", by_alias=True) for one in results],
    }
