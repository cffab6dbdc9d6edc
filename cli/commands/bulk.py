"""The command `conncheck bulk`: test every platform of a file."""

from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import language_of, networks_of
from cli.terminal.exit_status import bugs_are_no_failures
from cli.commands.options import (
    HERE_PANEL,
    OUTPUT_PANEL,
    THERE_PANEL,
    AllowNetwork,
    AsJson,
    Lang,
    Server,
    ServerCaFile,
    TokenFile,
)

File = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="CSV, NDJSON, JSON or YAML, with the fields productType, endpoint, accessKey, "
        "secretKey and, if you like, name, ref and options.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Write the results as CSV, NDJSON or JSON. With it, a run that was stopped goes on "
        "where it was: FILE.state keeps what is done until all is.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Parallel = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=500,
        help="Tests at a time; of one address CONNCHECK_PER_TARGET at most.",
        rich_help_panel=HERE_PANEL,
    ),
]
BatchId = Annotated[
    str | None,
    typer.Option(
        "--batch",
        metavar="ID",
        help="Follow a batch that was submitted before, instead of a file.",
        rich_help_panel=THERE_PANEL,
    ),
]
Cancel = Annotated[
    bool,
    typer.Option(
        "--cancel",
        metavar="",
        help="Have nothing more of --batch begin.",
        rich_help_panel=THERE_PANEL,
    ),
]
Retry = Annotated[
    bool,
    typer.Option(
        "--retry",
        metavar="",
        help="Test again what failed of --batch.",
        rich_help_panel=THERE_PANEL,
    ),
]


def make_bulk(
    file: File = None,
    output: Output = None,
    as_json: AsJson = False,
    lang: Lang = None,
    parallel: Parallel = 32,
    allow_network: AllowNetwork = None,
    server: Server = None,
    token_file: TokenFile = None,
    server_ca_file: ServerCaFile = None,
    batch: BatchId = None,
    cancel: Cancel = False,
    retry: Retry = False,
) -> None:
    """Test every platform of a file, and show what failed by cause.

    Exit status: 0 all passed, 1 any failed, 2 wrong usage, 3 any could not be tested.
    """
    from cli.bulk.run import BulkWishes, run_bulk
    from cli.service_access import Where

    where = Where(networks_of(allow_network), server, token_file, server_ca_file)
    wishes = BulkWishes(
        file=file,
        output=output,
        as_json=as_json,
        language=language_of(lang),
        parallel=parallel,
        batch_id=batch,
        cancel=cancel,
        retry=retry,
    )
    with bugs_are_no_failures():
        raise typer.Exit(run_bulk(wishes, where))
