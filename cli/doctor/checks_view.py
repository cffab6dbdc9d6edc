"""Show checks as a table or as JSON, and end with the status that they mean."""

import json
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from cli.doctor.check import Check
from cli.terminal.exit_status import FAILED, PASSED


def end_with(checks: Sequence[Check], *, as_json: bool) -> NoReturn:
    """Show the checks; exit with 0 if nothing has to be fixed, else with 1."""
    _show(checks, as_json=as_json)
    is_bad = any(check.state == "failed" for check in checks)
    raise typer.Exit(FAILED if is_bad else PASSED)


def _show(checks: Sequence[Check], *, as_json: bool) -> None:
    if as_json:
        found = [
            {"name": c.name, "state": _said(c), "found": c.found, "advice": c.advice}
            for c in checks
        ]
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    from rich.table import Table
    from rich.text import Text

    from cli.terminal.screen import FAINT, mark, plain, screen

    console = screen()
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=3, justify="right")
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        style = FAINT if check.state == "to come" else ""
        table.add_row(mark(console, check.state), plain(check.name), plain(check.found, style))
        if check.advice:
            table.add_row("", "", plain(check.advice, FAINT))
    console.print(Text())
    console.print(table)


def _said(check: Check) -> str:
    said = {"passed": "ok", "warning": "warn", "failed": "fail", "to come": "skipped"}
    return said[check.state]
