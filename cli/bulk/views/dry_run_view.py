"""Show what was read of files, before anything is tested."""

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.bulk.views.rows_view import Headers, row_head, row_lines
from cli.terminal.screen import FAINT, STYLES, counted, plain
from shared.wire.uploads import DryRun, FirstRow, ReadingView

_LEFT_OUT = "left out"


def shown_dry_run(console: Console, name: str, seen: DryRun, written: str) -> RenderableType:
    """Return what was read: how, as which columns, the first rows, and the rows in doubt.

    `written` is the file that the invalid rows were written to; empty for none.
    """
    parts = [*_parts(console, name, seen)]
    if written:
        parts.append(plain(f"         {written}", FAINT))
    return Group(*parts, Text())


def headers_of(read: ReadingView) -> Headers:
    """Return the header of each column by its number."""
    return {column.number: column.header for column in read.columns}


def _parts(console: Console, name: str, seen: DryRun) -> Iterator[RenderableType]:
    read = seen.read
    title = Text("\n  ").append_text(plain(name, "bold"))
    title.append_text(plain(f"  {counted(seen.accepted, 'platform')}; nothing was tested", FAINT))
    yield from (title, Text(), _indented(plain(read.text), 2))
    if len(read.sheets) > 1:
        yield _indented(plain(f"Sheets: {', '.join(read.sheets)}", FAINT), 2)
    if read.columns:
        yield from (Text(), _indented(_columns(read), 4))
    if seen.first:
        yield from (Text(), _indented(_first(seen.first), 4))
    for rows, count, noun in (
        (read.warnings, read.warning_count, "warning"),
        (seen.errors, seen.rejected, "invalid row"),
    ):
        if count:
            yield from (Text(), row_head(console, count, counted(count, noun).partition(" ")[2]))
            yield row_lines(rows, count, headers_of(read))


def _indented(part: RenderableType, by: int) -> Padding:
    return Padding(part, (0, 0, 0, by))


def _first(rows: Sequence[FirstRow]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style=FAINT)
    table.add_column(overflow="fold")
    for row in rows:
        values = ", ".join(f"{field} = {value}" for field, value in row.values.items())
        table.add_row(plain(row.place), plain(values))
    return table


def _columns(read: ReadingView) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for style in (FAINT, "", "", FAINT):
        table.add_column(style=style, overflow="fold")
    for column in read.columns:
        field = plain(column.field) if column.field else plain(_LEFT_OUT, STYLES["warning"])
        table.add_row(str(column.number), plain(column.header), field, plain(column.note))
    return table
