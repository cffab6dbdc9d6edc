"""The commands `conncheck login` and `logout`: keep a server and its token for later commands."""

import sys
from typing import Annotated

import typer

from cli.arguments import language_of
from cli.commands.options import ServerCaFile, TokenFile

Url = Annotated[
    str, typer.Argument(metavar="URL", help="The conncheck service, e.g. https://HOST:PORT.")
]


def login(url: Url, token_file: TokenFile = None, server_ca_file: ServerCaFile = None) -> None:
    """Use this service from now on, unless --local or --server says otherwise.

    The token comes from --token-file, else CONNCHECK_TOKEN, else a prompt. It is tried, and then
    kept with the URL in a file that only you can read.
    """
    from cli.kept_login import Login, keep_login
    from cli.service_access import ServerChoice, token_for
    from cli.single.service_errors import service_errors_refused

    token = token_for(token_file) or _typed_token()
    chosen = ServerChoice(url, token, server_ca_file)
    with service_errors_refused(chosen), chosen.client(language_of(None)) as client:
        client.product_types()
    path = keep_login(Login(url, token, server_ca_file))
    typer.echo(f"Signed in to {url}. `conncheck logout` forgets it, and deletes {path}.")


def logout() -> None:
    """Forget the service and the token of `conncheck login`."""
    from cli.kept_login import forget_login

    typer.echo("Signed out." if forget_login() else "You were not signed in.")


def _typed_token() -> str:
    from getpass import getpass

    return getpass("Token: ") if sys.stdin.isatty() else ""
