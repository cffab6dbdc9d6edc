"""The command `conncheck doctor`: check what conncheck itself depends on."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import language_of, settings_or_refuse
from cli.commands.options import AsJson, NoToken, Server, ServerCaFile, TokenFile
from cli.terminal.exit_status import FAILED, PASSED

if TYPE_CHECKING:
    from cli.doctor.check import Check
    from cli.service_access import ServerChoice

ResolvConf = Annotated[
    Path, typer.Option(metavar="FILE", help="The file that lists the name servers.")
]


def examine(
    as_json: AsJson = False,
    resolv_conf: ResolvConf = Path("/etc/resolv.conf"),
    server: Server = None,
    token_file: TokenFile = None,
    server_ca_file: ServerCaFile = None,
    _token: NoToken = None,
) -> None:
    """Check conncheck's own setup: Redis, keys, workers, resolver, clock, address, limits.

    Exit status: 0 if nothing has to be fixed, else 1.
    """
    from cli.doctor.machine_checks import machine_checks
    from cli.doctor.service_checks import service_checks
    from cli.service_access import WhereOptions

    settings = settings_or_refuse()
    checks = [*service_checks(settings), *machine_checks(settings, resolv_conf)]
    if chosen := WhereOptions(server, token_file, server_ca_file).chosen().server:
        checks += _of_server(chosen)
    _show(checks, as_json=as_json)
    is_bad = any(check.state == "failed" for check in checks)
    raise typer.Exit(FAILED if is_bad else PASSED)


def _of_server(server: "ServerChoice") -> Iterator["Check"]:
    from datetime import UTC, datetime

    from cli.doctor.check import Check
    from cli.single.service_errors import why_refused
    from conncheck_client import ClientError

    try:
        with server.client(language_of(None)) as client:
            ready = client.ready()
    except ClientError as error:
        advice = "Run `conncheck doctor` on the service's machine."
        yield Check("server", "failed", why_refused(server, error), advice)
        return
    yield Check("server", "passed", f"ready for {' and '.join(ready.queues)} tests")
    if ready.date:
        ahead_s = (ready.date - datetime.now(UTC)).total_seconds()
        # The Date header has whole seconds only.
        is_near = abs(ahead_s) < 2
        found = f"{ahead_s:+.0f} s from this machine's clock"
        yield Check("server's clock", "passed" if is_near else "warning", found)


def _show(checks: "list[Check]", *, as_json: bool) -> None:
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


def _said(check: "Check") -> str:
    said = {"passed": "ok", "warning": "warn", "failed": "fail", "to come": "skipped"}
    return said[check.state]
