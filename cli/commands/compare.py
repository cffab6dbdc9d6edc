"""The command `conncheck compare`: test one platform from several sites of a service."""

from typing import Annotated, Literal

import typer

from cli.arguments import language_of
from cli.commands.options import (
    AsJson,
    CaFile,
    Lang,
    NoToken,
    Output,
    Server,
    ServerCaFile,
    TokenFile,
)
from cli.commands.platform_options import (
    AccessKey,
    Endpoint,
    Expect,
    Fingerprint,
    Force,
    Insecure,
    OptionFiles,
    Options,
    Product,
    SecretKeyFile,
    Timeout,
)
from cli.terminal.exit_status import bugs_are_no_failures, refuse

SiteNames = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Site to test from, the most trusted one first. Can be repeated. Default: every site "
        "that the token may use.",
    ),
]
SignIn = Annotated[
    Literal["first", "all"],
    typer.Option(
        help="`first`: only the first site that has a worker presents the key pair. `all`: each "
        "site presents it, one after the other, up to the first one from where the sign-in fails.",
    ),
]


def make_comparison(
    product: Product,
    endpoint: Endpoint,
    site: SiteNames = None,
    sign_in: SignIn = "first",
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
    as_json: AsJson = False,
    output: Output = None,
    lang: Lang = None,
    server: Server = None,
    token_file: TokenFile = None,
    server_ca_file: ServerCaFile = None,
    _token: NoToken = None,
) -> None:
    """Test a platform from several sites of a service, and show how they differ.

    Exit status: 0 passed from every site, 1 failed from one, 2 usage error, 3 could not be tested.
    """
    from cli.comparison.watch import watch_comparison
    from cli.service_access import WhereOptions
    from cli.single.request_from_arguments import Asked
    from cli.terminal.output import Shown

    chosen = WhereOptions(server, token_file, server_ca_file).chosen().server
    if chosen is None:
        refuse("a comparison needs a service: give --server or use `conncheck login`")
    asked = Asked(
        *(product, endpoint, access_key, timeout, ca_file),
        insecure=insecure,
        fingerprint=fingerprint,
        options=option or (),
        option_files=option_file or (),
        expect=expect or (),
        force=force,
    )
    shown = Shown(language_of(lang), as_json=as_json, output=output)
    with bugs_are_no_failures():
        status = watch_comparison(asked, secret_key_file, site or (), sign_in, chosen, shown)
        raise typer.Exit(status)
