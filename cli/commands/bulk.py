"""The command `conncheck bulk`: test every platform in a file."""

from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import language_of
from cli.commands.options import (
    HERE_PANEL,
    OUTPUT_PANEL,
    THERE_PANEL,
    AllowNetwork,
    AsJson,
    Lang,
    Local,
    NoToken,
    Server,
    ServerCaFile,
    TokenFile,
)
from cli.terminal.exit_status import bugs_are_no_failures

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE",
        help="CSV, NDJSON, JSON or YAML with the fields productType, endpoint, accessKey, "
        "secretKey and, optionally, name, ref and options; - is standard input. Files that go "
        "together are given together.",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Write the results as CSV, NDJSON or JSON. A stopped run continues where it was: "
        "FILE.state keeps its results until the run is complete.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Parallel = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        max=500,
        help="Concurrent tests; at most CONNCHECK_PER_TARGET of them for one address.",
        rich_help_panel=HERE_PANEL,
    ),
]
BatchId = Annotated[
    str | None,
    typer.Option(
        "--batch",
        metavar="ID",
        help="Follow a batch that was submitted before, instead of testing a file.",
        rich_help_panel=THERE_PANEL,
    ),
]
Cancel = Annotated[
    bool,
    typer.Option(
        "--cancel",
        metavar="",
        help="Cancel --batch: start no more of its tests.",
        rich_help_panel=THERE_PANEL,
    ),
]
Retry = Annotated[
    bool,
    typer.Option(
        "--retry",
        metavar="",
        help="Retry the failed tests of --batch.",
        rich_help_panel=THERE_PANEL,
    ),
]


def make_bulk(
    files: Files = None,
    output: Output = None,
    as_json: AsJson = False,
    lang: Lang = None,
    parallel: Parallel = 32,
    local: Local = False,
    allow_network: AllowNetwork = None,
    server: Server = None,
    token_file: TokenFile = None,
    server_ca_file: ServerCaFile = None,
    batch: BatchId = None,
    cancel: Cancel = False,
    retry: Retry = False,
    _token: NoToken = None,
) -> None:
    """Test every platform in a file, and show the failures by cause.

    Exit status: 0 all passed, 1 some failed, 2 usage error, 3 some could not be tested.
    """
    from cli.bulk.run import run_bulk
    from cli.bulk.wishes import BulkWishes
    from cli.service_access import WhereOptions

    where = WhereOptions(server, token_file, server_ca_file, local, allow_network).chosen()
    wishes = BulkWishes(
        files=files or (),
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
