"""The command `conncheck test`: test one platform and show each step as it runs."""

from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import language_of
from cli.commands.options import (
    OUTPUT_PANEL,
    AllowNetwork,
    AsJson,
    CaFile,
    Lang,
    Local,
    NoToken,
    Server,
    ServerCaFile,
    TokenFile,
    complete_product,
)
from cli.terminal.exit_status import bugs_are_no_failures

Product = Annotated[
    str,
    typer.Argument(
        metavar="PRODUCT",
        help="Product type; `conncheck products` lists them.",
        autocompletion=complete_product,
    ),
]
Endpoint = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help="HOST, HOST:PORT or an http(s) URL.")
]
AccessKey = Annotated[
    str | None,
    typer.Option(
        "--access-key",
        "-k",
        metavar="ID",
        envvar="CONNCHECK_ACCESS_KEY",
        help="Access key ID, or the product's equivalent; plain products need none.",
    ),
]
SecretKeyFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="File that holds the secret key, - for stdin. Default: CONNCHECK_SECRET_KEY, else a "
        "prompt. The key is never an argument: `ps` would show it.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", min=1, max=120, help="Time limit of the whole test."),
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        metavar="",
        help="Accept any certificate. The platform's identity is not verified.",
    ),
]
Fingerprint = Annotated[
    str | None,
    typer.Option(
        metavar="SHA256",
        help="Accept only this certificate; `conncheck inspect` shows its SHA-256.",
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="NAME=VALUE",
        help="Option of the product, e.g. timeZone=UTC; `conncheck products NAME` lists them. "
        "Can be repeated.",
    ),
]
OptionFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--option-file",
        metavar="NAME=FILE",
        help="Option of the product that is a secret, e.g. a session token. Can be repeated.",
    ),
]
Expect = Annotated[
    list[str] | None,
    typer.Option(
        "--expect",
        metavar="PART=VALUE",
        help="Whose key pair it must be: account, tenant or user, with its ID or name on the "
        "platform. Can be repeated.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        metavar="",
        help="Test now, even with a key pair that was just rejected.",
    ),
]
Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        metavar="",
        help="Print commands that reproduce the result without conncheck.",
        rich_help_panel=OUTPUT_PANEL,
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


def make_test(
    product: Product,
    endpoint: Endpoint,
    access_key: AccessKey = None,
    secret_key_file: SecretKeyFile = None,
    timeout: Timeout = None,
    ca_file: CaFile = None,
    insecure: Insecure = False,
    fingerprint: Fingerprint = None,
    option: Options = None,
    option_file: OptionFiles = None,
    expect: Expect = None,
    force: Force = False,
    explain: Explain = False,
    as_json: AsJson = False,
    output: Output = None,
    lang: Lang = None,
    local: Local = False,
    allow_network: AllowNetwork = None,
    server: Server = None,
    token_file: TokenFile = None,
    server_ca_file: ServerCaFile = None,
    _token: NoToken = None,
) -> None:
    """Test whether a platform can be reached and signed in to, step by step.

    Exit status: 0 passed, 1 failed, 2 usage error, 3 could not be tested.
    """
    from cli.service_access import WhereOptions
    from cli.single.request_from_arguments import Asked
    from cli.single.watch import Shown, watch_test

    asked = Asked(
        *(product, endpoint, access_key, timeout, ca_file),
        insecure=insecure,
        fingerprint=fingerprint,
        options=option or (),
        option_files=option_file or (),
        expect=expect or (),
        force=force,
    )
    shown = Shown(language_of(lang), as_json=as_json, explain=explain, output=output)
    where = WhereOptions(server, token_file, server_ca_file, local, allow_network).chosen()
    with bugs_are_no_failures():
        raise typer.Exit(watch_test(asked, secret_key_file, where, shown))
