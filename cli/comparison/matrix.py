"""Show the results of all steps from all sites as a table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.terminal.screen import CALM, FAINT, STYLES, can_draw, mark, plain, took

if TYPE_CHECKING:
    from cli.comparison.cells import Cell, Cells
    from conncheck_client import ComparedSite

_STEP_COLUMNS = 20
_LEAST, _WITH_CAUSE = 13, 34
"""Columns of a site: for the mark and the duration; and for the cause as well."""
_ROOM_FOR_RESULT = 70
_SAID: Mapping[str, str] = {
    "not_part": "not part",
    "skipped": "not made",
    "not_tested": "not tested",
    "lost": "outcome unknown",
}


def matrix(console: Console, cells: "Cells") -> Padding:
    """Return a row for each step and a column for each site, if they fit, else the reverse."""
    each = (console.width - 2 - _STEP_COLUMNS) // max(len(cells.sites), 1) - 2
    longest = max((len(column.site) for column in cells.sites), default=0)
    is_wide = each >= max(_LEAST, longest + 2)
    if is_wide:
        drawn: RenderableType = _steps_down(console, cells, with_cause=each >= _WITH_CAUSE)
    else:
        drawn = _sites_down(console, cells)
    return Padding(drawn, (0, 0, 0, 2))


def differs_sign(console: Console) -> str:
    """Return what marks a result that differs, so that colour is not needed to see it."""
    return "≠" if can_draw(console) else "#"


def _steps_down(console: Console, cells: "Cells", *, with_cause: bool) -> Table:
    table = _table()
    table.add_column(min_width=_STEP_COLUMNS - 2, no_wrap=True)
    for column in cells.sites:
        name = Text("  ").append_text(plain(column.site, "bold"))
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for step in cells.steps:
        found = [cells.cell(step, column.site) for column in cells.sites]
        style = "bold" if any(one.differs for one in found) else ""
        shown = [_with_duration(console, one, with_cause=with_cause) for one in found]
        table.add_row(plain(step, style), *shown)
    table.add_row(Text("result", FAINT), *(_state(cells, column) for column in cells.sites))
    return table


def _sites_down(console: Console, cells: "Cells") -> RenderableType:
    """Return marks alone, for many sites or a narrow terminal."""
    table = _table(padding=1)
    table.add_column(min_width=8, overflow="fold")
    for number, _ in enumerate(cells.steps, start=1):
        table.add_column(Text(f"  {number}"), min_width=3, no_wrap=True)
    has_room = console.width >= _ROOM_FOR_RESULT
    if has_room:
        table.add_column(Text("  result", FAINT), overflow="fold")
    for column in cells.sites:
        found = [cells.cell(step, column.site) for step in cells.steps]
        marks = [_marks(console, one) for one in found]
        result = [_state(cells, column)] * has_room  # else the last line of all tells it
        table.add_row(plain(column.site, "bold"), *marks, *result)
    names = [f"{number} {step}" for number, step in enumerate(cells.steps, start=1)]
    return Group(table, plain(", ".join(names), FAINT))


def _table(padding: int = 2) -> Table:
    return Table(box=None, padding=(0, padding, 0, 0), pad_edge=False, show_edge=False)


def _marks(console: Console, cell: "Cell") -> Text:
    sign = f"{differs_sign(console)} " if cell.differs else "  "
    known = cell.outcome in STYLES
    shown = mark(console, cell.outcome or "to come") if known else mark(console, "to come")
    return Text(sign, "bold").append_text(shown)


def _with_duration(console: Console, cell: "Cell", *, with_cause: bool) -> Text:
    text = _marks(console, cell).append(" ")
    style = STYLES.get(cell.outcome or "", "")
    if cell.took_ms is not None:
        text.append(took(cell.took_ms), FAINT if cell.outcome == "running" else "")
    elif cell.outcome:
        text.append_text(plain(_SAID.get(cell.outcome, cell.outcome), FAINT))
    if with_cause and cell.cause:
        text.append(" ").append_text(plain(cell.cause, style))
    return text


def _state(cells: "Cells", column: "ComparedSite") -> Text:
    state = cells.state(column)
    style = STYLES.get(state, CALM if state == "ended" else FAINT)
    return Text("  ").append_text(plain(_SAID.get(state, state), style))
