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
    Site,
    TokenFile,
    complete_product,
    refuse_site_without_server,
)
from cli.terminal.exit_status import bugs_are_no_failures

INPUT_PANEL = "How the file is read"

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILE",
        help="CSV or a text with tabs, Excel or ODS, JSON, NDJSON, YAML, clouds.yaml, kubeconfig, "
        "AWS, MinIO, rclone, Ansible or Prometheus files; - is standard input. Files that go "
        "together are given together: clouds.yaml secure.yaml.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        metavar="",
        help="Show how FILE is read, and test nothing. With --output, the invalid rows are "
        "written to a CSV or Excel file.",
        rich_help_panel=INPUT_PANEL,
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Sheet of a workbook. Default: the first one.",
        rich_help_panel=INPUT_PANEL,
    ),
]
Product = Annotated[
    str | None,
    typer.Option(
        metavar="PRODUCT",
        help="Product type of rows that give none.",
        autocompletion=complete_product,
        rich_help_panel=INPUT_PANEL,
    ),
]
Mapping = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="HEADER=FIELD",
        help="Field of a column, by its header or its number: endpoint, host, port, accessKey, "
        "label.NAME or another; HEADER= leaves the column out. Can be repeated.",
        rich_help_panel=INPUT_PANEL,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoding of a text, e.g. gb18030 or windows-1252. Default: it is detected.",
        rich_help_panel=INPUT_PANEL,
    ),
]
Template = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Write an empty table to fill in, as CSV or Excel; - is CSV on standard output.",
        rich_help_panel=INPUT_PANEL,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="Write the results as CSV, Excel, NDJSON or JSON; CSV and Excel begin with the "
        "columns of FILE, without its secrets. A stopped run continues where it was: FILE.state "
        "keeps its results until the run is complete.",
        rich_help_panel=OUTPUT_PANEL,
    ),
]
Sort = Annotated[
    str | None,
    typer.Option(
        metavar="BY",
        help="Order of the results: name, cause or tookMs; -tookMs begins with the slowest. "
        "Default: that of FILE.",
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
CauseOption = Annotated[
    str | None,
    typer.Option(
        metavar="CODE",
        help="With --retry: only tests that failed with this cause.",
        rich_help_panel=THERE_PANEL,
    ),
]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="NAME=VALUE",
        help="With --retry: only platforms with this label. Can be repeated; all must match.",
        rich_help_panel=THERE_PANEL,
    ),
]
Refs = Annotated[
    list[str] | None,
    typer.Option(
        "--ref",
        metavar="REF",
        help="With --retry: only platforms with one of these references. Can be repeated.",
        rich_help_panel=THERE_PANEL,
    ),
]


def make_bulk(
    files: Files = None,
    dry_run: DryRun = False,
    sheet: Sheet = None,
    product: Product = None,
    mapping: Mapping = None,
    encoding: Encoding = None,
    template: Template = None,
    output: Output = None,
    sort: Sort = None,
    as_json: AsJson = False,
    lang: Lang = None,
    parallel: Parallel = 32,
    local: Local = False,
    allow_network: AllowNetwork = None,
    server: Server = None,
    token_file: TokenFile = None,
    server_ca_file: ServerCaFile = None,
    site: Site = None,
    batch: BatchId = None,
    cancel: Cancel = False,
    retry: Retry = False,
    cause: CauseOption = None,
    labels: Labels = None,
    refs: Refs = None,
    _token: NoToken = None,
) -> None:
    """Test every platform in a file, and show the failures by cause.

    Exit status: 0 all passed, 1 some failed, 2 usage error, 3 some could not be tested.

    With --dry-run: 0 all rows are valid, 2 usage error or unreadable file, 3 some rows are not.
    """
    from cli.bulk.output.order import sort_of
    from cli.bulk.run import run_bulk
    from cli.bulk.wishes import BulkWishes, Choice, labels_of, mapping_of
    from cli.service_access import WhereOptions
    from shared.uploads.wishes import Wishes

    where = WhereOptions(server, token_file, server_ca_file, local, allow_network).chosen()
    refuse_site_without_server(site, has_server=where.server is not None)
    wishes = BulkWishes(
        files=files or (),
        output=output,
        as_json=as_json,
        language=language_of(lang),
        parallel=parallel,
        batch_id=batch,
        cancel=cancel,
        retry=retry,
        choice=Choice(cause, labels_of(labels or ()), refs or ()),
        sort=sort_of(sort),
        dry_run=dry_run,
        template=template,
        reading=Wishes(product or "", sheet or "", mapping_of(mapping or ()), site or ""),
        charset=encoding or "",
    )
    with bugs_are_no_failures():
        raise typer.Exit(run_bulk(wishes, where))
