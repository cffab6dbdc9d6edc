"""What of a result is shown, written and drawn while it comes about."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType

from cli.terminal.exit_status import refuse
from cli.terminal.screen import neutral_json
from shared.diagnosis.translations import Language

FRAMES_PER_SECOND = 12


@dataclass(frozen=True, slots=True)
class Shown:
    """What to show, and where."""

    language: Language
    as_json: bool
    output: Path | None
    explain: bool = False

    def check(self) -> None:
        """End the command if the result can't be written where it is wanted."""
        if self.output and not self.output.parent.is_dir():
            refuse(f"--output: {self.output.parent} is not a directory")

    def is_live(self, console: Console) -> bool:
        """Return whether the result is to be drawn while it comes about."""
        return console.is_terminal and sys.stdout.isatty() and not self.as_json

    def write(self, json: str) -> None:
        """Write a result as JSON, to the file and to standard output, as far as it is wanted."""
        text = neutral_json(json) + "\n"
        if self.output:
            try:
                self.output.write_text(text)
            except OSError as error:
                refuse(f"--output: {self.output}: {error.strerror}")
        if self.as_json:
            sys.stdout.write(text)


@contextmanager
def live(console: Console, drawn: Callable[[], RenderableType], *, wanted: bool) -> Iterator[None]:
    """Draw again and again what `drawn` returns while the block runs, if it is `wanted`."""
    if not wanted:
        yield
        return
    from rich.live import Live  # here, because it is for terminals alone

    with Live(console=console, get_renderable=drawn, refresh_per_second=FRAMES_PER_SECOND):
        yield
