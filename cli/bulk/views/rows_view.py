"""Show rows that can't be tested, each with its place, its reason and a valid value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from cli.terminal.screen import FAINT, STYLES, mark, plain
from shared.wire.uploads import RowError

SHOWN_ROWS = 10


Headers = Mapping[int, str]
"""The header of each column, by its number from 1."""


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """The invalid rows of an upload."""

    count: int = 0
    first: Sequence[RowError] = ()
    headers: Headers = field(default_factory=dict)


def row_lines(rows: Sequence[RowError], count: int, headers: Headers) -> RenderableType:
    """Return a line for each of the first rows, and how many of the `count` are not shown."""
    lines = [plain(_line(row, headers)) for row in rows[:SHOWN_ROWS]]
    if count > len(lines):
        lines.append(plain(f"and {count - len(lines)} more", FAINT))
    return Padding(Group(*lines), (0, 0, 0, 9), expand=False)


def row_head(console: Console, count: int, text: str) -> Text:
    """Return the line above the rows: a mark, their number, and what they are."""
    style = STYLES["warning"]
    head = Text.assemble("  ", mark(console, "warning"), (f" {count:>3}  ", f"bold {style}"))
    return head.append(text, style)


def _line(row: RowError, headers: Headers) -> str:
    header = headers.get(row.column, "") if row.column else ""
    column = f", column {row.column}" if row.column else ""
    if header and header != row.field:
        column += f" ({header})"
    field = f", {row.field}" if row.field else ""
    example = f", e.g. {row.example}" if row.example else ""
    return f"{row.place}{column}{field}: {row.reason}{example}"
