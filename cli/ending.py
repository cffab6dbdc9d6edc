"""How a command ends: its exit status, and the one sentence of a refusal."""

from typing import NoReturn

import typer

PASSED = 0
FAILED = 1
USAGE = 2
COULD_NOT_TEST = 3
INTERRUPTED = 130  # 128 + SIGINT, as shells say it


def refuse(message: str, status: int = USAGE) -> NoReturn:
    """End the command with one sentence on standard error."""
    typer.echo(f"conncheck: {message}", err=True)
    raise typer.Exit(status)
