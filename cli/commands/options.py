"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from cli.terminal.exit_status import refuse

HERE_PANEL, THERE_PANEL, OUTPUT_PANEL = "In this process", "On a server", "Output"

Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="CONNCHECK_SERVER",
        help="Use this conncheck service; CONNCHECK_TOKEN holds the token for it.",
        rich_help_panel=THERE_PANEL,
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="File that holds the token for --server.",
        rich_help_panel=THERE_PANEL,
    ),
]
ServerCaFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="PEM certificates of the CA of --server.",
        rich_help_panel=THERE_PANEL,
    ),
]
CaFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="PEM certificates to trust in addition to the public CAs.",
    ),
]
AllowNetwork = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CIDR",
        help="Allow tests of addresses in this network, which the default policy refuses, e.g. "
        "127.0.0.0/8; like CONNCHECK_ALLOWED_NETWORKS. Can be repeated.",
        rich_help_panel=HERE_PANEL,
    ),
]
Local = Annotated[
    bool,
    typer.Option(
        "--local",
        metavar="",
        help="Test in this process, although `conncheck login` has chosen a server.",
        rich_help_panel=HERE_PANEL,
    ),
]


def _refuse_token(token: str | None) -> None:
    if token is not None:
        refuse(
            "a token is never an argument, because `ps` shows arguments: set CONNCHECK_TOKEN, give "
            "--token-file or use `conncheck login`"
        )


Site = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Site of the service to test from. Default: the service chooses it.",
        rich_help_panel=THERE_PANEL,
    ),
]


def refuse_site_without_server(site: str | None, *, has_server: bool) -> None:
    """End the command where a site is named and there is no service that has it."""
    if site is not None and not has_server:
        refuse("--site needs --server: sites are those of a service")


NoToken = Annotated[str | None, typer.Option("--token", hidden=True, callback=_refuse_token)]
"""For those who expect it."""
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", metavar="", help="Print JSON and nothing else.", rich_help_panel=OUTPUT_PANEL
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Also write the result as JSON to a file.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Lang = Annotated[
    str | None,
    typer.Option(
        metavar="LANGUAGE",
        help="Language of causes and remedies: en or zh-CN. Default: that of LANG.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]


def complete_product(incomplete: str) -> list[tuple[str, str]]:
    """Return the products that begin with `incomplete`, for shell completion."""
    from shared.products import PRODUCTS

    return [(p.name, p.title) for p in PRODUCTS.values() if p.name.startswith(incomplete)]
