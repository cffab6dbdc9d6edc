"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

HERE_PANEL, THERE_PANEL, OUTPUT_PANEL = "In this process", "By a server", "Output"

Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="CONNCHECK_SERVER",
        help="Have a conncheck service make the test; its token is taken from CONNCHECK_TOKEN.",
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
        help="PEM certificates of the authority of --server.",
        rich_help_panel=THERE_PANEL,
    ),
]
AllowNetwork = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CIDR",
        help="Test addresses in this network although the default policy refuses them, e.g. "
        "127.0.0.0/8; like CONNCHECK_ALLOWED_NETWORKS. May be repeated.",
        rich_help_panel=HERE_PANEL,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", metavar="", help="Print JSON and nothing else.", rich_help_panel=OUTPUT_PANEL
    ),
]
Lang = Annotated[
    str | None,
    typer.Option(
        metavar="LANGUAGE",
        help="Language of causes and remedies: en or zh-CN; else that of LANG.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]


def complete_product(incomplete: str) -> list[tuple[str, str]]:
    """Give the products that begin so, for a shell."""
    from shared.products import PRODUCTS

    return [(p.name, p.title) for p in PRODUCTS.values() if p.name.startswith(incomplete)]
