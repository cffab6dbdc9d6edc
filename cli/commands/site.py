"""The command `conncheck site check`: see on a site's machine whether it could serve."""

from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import settings_at
from cli.commands.options import AsJson

site = typer.Typer(help="See whether a site's machine could serve.", no_args_is_help=True)

ResolvConf = Annotated[
    Path, typer.Option(metavar="FILE", help="The file that lists the name servers.")
]


@site.callback()
def _is_a_group() -> None:
    """Keep `check` a command of its own: Typer makes a group of one command that command."""


@site.command()
def check(
    name: Annotated[
        str | None,
        typer.Option("--site", metavar="NAME", help="The site. Default: CONNCHECK_SITE."),
    ] = None,
    host_name: Annotated[
        str | None,
        typer.Option("--resolve", metavar="HOST", help="A name that this machine must find."),
    ] = None,
    as_json: AsJson = False,
    resolv_conf: ResolvConf = Path("/etc/resolv.conf"),
) -> None:
    """Check what this site's workers need: Redis, rights, keys, version, clock, names, network.

    Run it with the environment of the workers. It changes nothing in Redis, and
    connects to Redis, the broker, the name servers and CONNCHECK_CANARIES only.

    Exit status: 0 if nothing has to be fixed, else 1.
    """
    from cli.doctor.checks_view import end_with
    from cli.doctor.machine_checks import machine_checks
    from cli.doctor.network_checks import canary_checks, name_check
    from cli.doctor.site_checks import site_checks

    settings = settings_at(name)
    checks = [*site_checks(settings), *machine_checks(settings, resolv_conf)]
    if host_name:
        checks.append(name_check(host_name))
    end_with([*checks, *canary_checks(settings)], as_json=as_json)
