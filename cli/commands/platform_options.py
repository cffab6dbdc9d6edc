"""Options that say which platform is tested, and how."""

from typing import Annotated

import typer

from cli.commands.options import complete_product

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
