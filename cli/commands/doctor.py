"""The command `conncheck doctor`: check what conncheck itself depends on."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import language_of, settings_or_refuse
from cli.commands.options import AsJson, NoToken, Server, ServerCaFile, TokenFile

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
    from cli.doctor.checks_view import end_with
    from cli.doctor.machine_checks import machine_checks
    from cli.doctor.service_checks import service_checks
    from cli.service_access import WhereOptions

    settings = settings_or_refuse()
    checks = [*service_checks(settings), *machine_checks(settings, resolv_conf)]
    if chosen := WhereOptions(server, token_file, server_ca_file).chosen().server:
        checks += _of_server(chosen)
    end_with(checks, as_json=as_json)


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
