"""The command `conncheck inspect`: what certificate a host shows, and whether it is trusted."""

from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import language_of, networks_of, settings_or_refuse
from cli.commands.options import AllowNetwork, AsJson, Lang

Host = Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="Where to look; port 443.")]
CaFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="PEM certificates to trust beside the public authorities.",
    ),
]
Timeout = Annotated[
    float, typer.Option(metavar="SECONDS", min=1, max=120, help="Budget of the whole look.")
]


def inspect_certificates(
    host: Host,
    ca_file: CaFile = None,
    timeout: Timeout = 15,
    as_json: AsJson = False,
    lang: Lang = None,
    allow_network: AllowNetwork = None,
) -> None:
    """Show the certificates of a host, whether they are trusted and why not, and how to pin.

    Nothing but a TLS handshake is sent.

    Exit status: 0 trusted, 1 not trusted or no TLS, 2 wrong usage, 3 not allowed.
    """
    from cli.inspection import inspected
    from cli.inspection_view import inspected_json, print_inspected

    language = language_of(lang)
    found = inspected(host, ca_file, timeout, networks_of(allow_network), settings_or_refuse())
    if as_json:
        typer.echo(inspected_json(found, language))
    else:
        print_inspected(found, language)
    raise typer.Exit(found.exit_status)
