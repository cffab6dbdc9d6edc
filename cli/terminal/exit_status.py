"""How a command ends: its exit status, and the sentence on standard error."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from shared.text import printable

_log = logging.getLogger(__name__)

PASSED = 0
FAILED = 1
USAGE = 2
COULD_NOT_TEST = 3
INTERRUPTED = 130  # 128 + SIGINT, as in shells

_LONGEST = 1000


def refuse(message: str, status: int = USAGE) -> NoReturn:
    """End the command with one sentence on standard error."""
    typer.echo(f"conncheck: {printable(message, _LONGEST)}", err=True)
    raise typer.Exit(status)


@contextmanager
def bugs_are_no_failures() -> Iterator[None]:
    """End the command with COULD_NOT_TEST where it crashes: Python's own 1 would be a verdict."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except Exception:  # noqa: BLE001 -- our own bug must not look like a platform's fault
        _log.exception("conncheck itself failed")
        raise typer.Exit(COULD_NOT_TEST) from None
