"""Terminal output: text without control characters, few colours, one mark for each outcome."""

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from rich.console import Console
from rich.text import Text

from shared.text import is_hidden, printable

WIDTH_ELSEWHERE = 120  # of output into a file or a pipe
LONGEST = 2000

CALM = "cyan"
FAINT = "bright_black"
STYLES: Mapping[str, str] = {
    "passed": "green",
    "warning": "yellow",
    "failed": "red",
    "running": CALM,
    "to come": FAINT,
}
_MARKS = {"passed": "✓", "warning": "!", "failed": "✗", "running": "•", "to come": "·"}
_ASCII_MARKS = {"passed": "+", "warning": "!", "failed": "x", "running": "*", "to come": "."}


def screen(stream: TextIO | None = None) -> Console:
    """Return the console for `stream`, standard output where none is given.

    Only terminals get colours, and NO_COLOR (no-color.org) switches them off there too.
    """
    stream = stream or sys.stdout
    if hasattr(stream, "reconfigure"):  # a character that the terminal lacks must not end the test
        stream.reconfigure(errors="replace")
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDTH_ELSEWHERE
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def mark(console: Console, state: str) -> Text:
    """Return the mark for an outcome or a state; a newer service may send others."""
    marks = _MARKS if can_draw(console) else _ASCII_MARKS
    return Text(marks.get(state, "?"), STYLES.get(state, ""))


def can_draw(console: Console) -> bool:
    """Return whether the console can show more than ASCII."""
    return console.encoding.lower().startswith("utf")


def plain(value: object, style: str = "") -> Text:
    """Return a value, whoever sent it, as safe terminal text; nothing in it is markup."""
    return Text(printable(value, LONGEST), style)


def took(took_ms: float) -> str:
    """Return a duration as people read it."""
    if took_ms < 10:
        return f"{took_ms:.1f} ms"
    return f"{took_ms:.0f} ms" if took_ms < 1000 else f"{took_ms / 1000:.2f} s"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun in the right form: 1 row, 2 rows."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def neutral_json(text: str) -> str:
    """Return a JSON document with escapes for invisible characters and those that move text."""
    return "".join(_escaped(c) if is_hidden(c) and c != "\n" else c for c in text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))
