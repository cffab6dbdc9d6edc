"""The command `conncheck test`: test one platform and show each step as it runs."""

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
    Output,
    Server,
    ServerCaFile,
    Site,
    TokenFile,
    refuse_site_without_server,
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
from cli.terminal.exit_status import bugs_are_no_failures

Explain = Annotated[
    bool,
    typer.Option(
        "--explain",
        metavar="",
        help="Print commands that reproduce the result without conncheck.",
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
    site: Site = None,
    _token: NoToken = None,
) -> None:
    """Test whether a platform can be reached and signed in to, step by step.

    Exit status: 0 passed, 1 failed, 2 usage error, 3 could not be tested.
    """
    from cli.service_access import WhereOptions
    from cli.single.request_from_arguments import Asked
    from cli.single.watch import watch_test
    from cli.terminal.output import Shown

    asked = Asked(
        *(product, endpoint, access_key, timeout, ca_file),
        insecure=insecure,
        fingerprint=fingerprint,
        options=option or (),
        option_files=option_file or (),
        expect=expect or (),
        force=force,
        site=site,
    )
    shown = Shown(language_of(lang), as_json=as_json, explain=explain, output=output)
    where = WhereOptions(server, token_file, server_ca_file, local, allow_network).chosen()
    refuse_site_without_server(site, has_server=where.server is not None)
    with bugs_are_no_failures():
        raise typer.Exit(watch_test(asked, secret_key_file, where, shown))
