"""What `conncheck up` shows: on a terminal what a person needs, elsewhere all that is logged."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import typer


@dataclass(frozen=True, slots=True)
class UpOutput:
    """Where the parts write, and what their user is told."""

    log: TextIO
    log_path: Path | None = None
    """The log's file; None where the log is standard error."""

    @property
    def place_of_log(self) -> str:
        """Where to look, as the end of a sentence."""
        return f"in {self.log_path}" if self.log_path else "above"

    def note(self, text: str) -> None:
        """Log what only someone who looks for it wants to know."""
        self.log.write(f"conncheck: {text}\n")
        self.log.flush()

    def say_ready(self, url: str, token: str) -> None:
        """Say how to use the service: to a person on a terminal, else in a line for programs."""
        single = "if this machine stops, the service stops (docs/operations.md)"
        if not sys.stdout.isatty():
            typer.echo(f"conncheck runs in single-machine mode: {single}", err=True)
            typer.echo(f"conncheck ready url={url} token={token}")
        else:
            log = f"  Log    {self.log_path}\n" if self.log_path else ""
            typer.echo(
                f"conncheck is ready.\n\n  URL    {url}\n  Token  {token}\n{log}\n"
                f"Press Ctrl-C to stop it. It runs on this machine alone: {single}."
            )
        sys.stdout.flush()


@contextmanager
def output_of_up(data_dir: Path, *, verbose: bool) -> Iterator[UpOutput]:
    """Give the output: the log goes to a file where standard error is a terminal.

    The file of the start before is kept as conncheck.log.1.

    Raises:
        OSError: the file can't be written.
    """
    if verbose or not sys.stderr.isatty():
        yield UpOutput(sys.stderr)
        return
    path = data_dir / "conncheck.log"
    if path.exists():
        path.replace(data_dir / "conncheck.log.1")
    path.touch(mode=0o600)
    with path.open("a") as log:
        yield UpOutput(log, path)
