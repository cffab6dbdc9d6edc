"""Show the steps of a test, while it runs and at the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.terminal.screen import CALM, FAINT, STYLES, can_draw, mark, plain, took

if TYPE_CHECKING:
    from cli.terminal.shown import DetailedItem, Event

_BAR_CELLS = 28
_NARROW_BAR_CELLS = 12
_NARROW = 90  # columns
# The evidence that tells most at a glance.
_TELLING = ("version", "address", "addresses", "protocol", "status")


@dataclass(slots=True)
class StepsSoFar:
    """The state of a test, as its events report it."""

    steps: tuple[str, ...]
    items: "list[DetailedItem]" = field(default_factory=list)
    current: str | None = None
    current_since: datetime | None = None
    is_over: bool = False

    def take(self, event: "Event") -> None:
        """Apply the next event."""
        self.steps = event.steps or self.steps
        if event.kind in ("started", "requeued"):  # the test starts again
            self.items.clear()
            self.current = None
        elif event.kind == "step_started":
            self.current, self.current_since = event.step, datetime.now(UTC)
        elif event.kind == "step_noted" and event.item:
            noted = event.item
            self.items = [noted if one.name == noted.name else one for one in self.items]
        elif event.item:
            self.items.append(event.item)
            self.current = None
        self.is_over = event.kind == "closed"


def steps_table(console: Console, so_far: StepsSoFar) -> Table:
    """Return a line for each step: its outcome, duration, bar and finding."""
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=3, justify="right")
    table.add_column(min_width=16, no_wrap=True)
    table.add_column(width=9, justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="ellipsis", no_wrap=True)
    cells = _BAR_CELLS if console.width >= _NARROW else _NARROW_BAR_CELLS
    scale = _Scale.of(so_far, cells, drawn=can_draw(console))
    done = {item.name: item for item in so_far.items}
    # A service of another version may have other steps.
    for step in dict.fromkeys((*so_far.steps, *done)):
        if step in done:
            table.add_row(*_done(console, done[step], scale))
        elif step == so_far.current:
            table.add_row(*_at_work(console, step, so_far.current_since, scale))
        elif not so_far.is_over:
            table.add_row(mark(console, "to come"), Text(step, FAINT), "", "", "")
        else:
            table.add_row(mark(console, "to come"), Text(step, FAINT), "", "", _not_made())
    return table


def _done(console: Console, item: "DetailedItem", scale: "_Scale") -> Sequence[Text]:
    style = STYLES.get(item.outcome, "")
    bar_style = CALM if item.outcome == "passed" else style
    bar = scale.bar(item.started_at, item.took_ms, bar_style)
    found = plain(item.cause, style) if item.cause else _found(item)
    return mark(console, item.outcome), plain(item.name), Text(took(item.took_ms)), bar, found


def _at_work(
    console: Console, step: str, since: datetime | None, scale: "_Scale"
) -> Sequence[Text]:
    since = since or datetime.now(UTC)
    so_long_ms = (datetime.now(UTC) - since).total_seconds() * 1000
    bar = scale.bar(since, so_long_ms, FAINT)
    return mark(console, "running"), Text(step, CALM), Text(took(so_long_ms), FAINT), bar, Text()


def _not_made() -> Text:
    return Text("not reached", FAINT)


def _found(item: "DetailedItem") -> Text:
    for name in _TELLING:
        fact = item.evidence.get(name)
        if fact:
            shown = ", ".join(fact) if isinstance(fact, tuple) else fact
            return plain(shown, FAINT)
    return Text()


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps times to positions on a line: each bar begins where the one before it ended."""

    began_at: datetime
    whole_ms: float
    cells: int
    drawn: bool

    @classmethod
    def of(cls, so_far: StepsSoFar, cells: int, *, drawn: bool) -> "_Scale":
        """Return the scale that fits the whole test so far."""
        spans = [(item.started_at, item.took_ms) for item in so_far.items]
        if so_far.current and so_far.current_since:
            since = so_far.current_since
            spans.append((since, (datetime.now(UTC) - since).total_seconds() * 1000))
        began_at = min((at for at, _ in spans), default=datetime.now(UTC))
        ends = [(at - began_at).total_seconds() * 1000 + ms for at, ms in spans]
        return cls(began_at, max([*ends, 1.0]), cells, drawn)

    def bar(self, at: datetime, took_ms: float, style: str) -> Text:
        """Return the bar for what began `at` and took `took_ms`; it has at least half a cell."""
        halves = 2 * self.cells
        offset_ms = max(0.0, (at - self.began_at).total_seconds() * 1000)
        first = min(halves - 1, round(offset_ms / self.whole_ms * halves))
        last = max(first + 1, round((offset_ms + took_ms) / self.whole_ms * halves))
        return Text(_drawn(first, min(last, halves), self.cells, drawn=self.drawn), style)


def _drawn(first: int, last: int, cells: int, *, drawn: bool) -> str:
    """Return a line of `cells` with the half cells from `first` up to `last` drawn."""
    halves = [first <= n < last for n in range(2 * cells)]
    signs = {(True, True): "━", (True, False): "╸", (False, True): "╺", (False, False): " "}
    if not drawn:
        signs = {key: " " if sign == " " else "=" for key, sign in signs.items()}
    return "".join(signs[halves[2 * n], halves[2 * n + 1]] for n in range(cells))
