"""Show what a bulk test of files would test: how they are read, and which rows can't be tested."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cli.bulk.judged import judged_files
from cli.bulk.output.atomic_file import replace_file
from cli.bulk.platform_files import PlatformFiles, read_files
from cli.bulk.views.dry_run_view import shown_dry_run
from cli.bulk.wishes import BulkWishes
from cli.service_access import Where
from cli.single.service_errors import service_errors_refused
from cli.terminal.exit_status import COULD_NOT_TEST, PASSED
from cli.terminal.screen import neutral_json
from shared.wire.bad_rows import BadRows
from shared.wire.dry_run import DryRunRows
from shared.wire.sheets.csv_sheet import sheet_csv_file
from shared.wire.uploads import DryRun

if TYPE_CHECKING:  # it loads httpx, which a dry run in this process does not need
    from conncheck_client import Client


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen, and the file of the invalid rows where it is wanted and there are any."""

    files: PlatformFiles
    found: DryRun
    bad_rows: bytes | None = field(default=None, repr=False)


def run_dry_run(console: Console, wishes: BulkWishes, where: Where) -> int:
    """Show what is read of the files, write the invalid rows, and return the exit status."""
    if where.server is None:
        seen = _seen_here(wishes)
    else:
        with service_errors_refused(where.server), where.server.client(wishes.language) as client:
            seen = _seen_there(wishes, client)
    written = ""
    if wishes.output and seen.bad_rows is not None:
        replace_file("--output", wishes.output, seen.bad_rows)
        written = str(wishes.output)
    if wishes.as_json:
        shown = seen.found.model_dump_json(by_alias=True, indent=2)
        sys.stdout.write(neutral_json(shown) + "\n")
    else:
        console.print(shown_dry_run(console, seen.files.name, seen.found, written))
    return COULD_NOT_TEST if seen.found.rejected else PASSED


def _seen_here(wishes: BulkWishes) -> Seen:
    judged = judged_files(wishes)
    rows = DryRunRows(judged.reading, BadRows() if wishes.output else None)
    for row, found in judged.rows():
        rows.take(row, found)
    view, bad_rows = rows.view(wishes.language), None
    if wishes.output and rows.bad_rows:
        table = rows.bad_rows.table(judged.reading, wishes.language)
        bad_rows = _sheet(table, wishes.output)
    return Seen(judged.files, view, bad_rows)


def _seen_there(wishes: BulkWishes, client: "Client") -> Seen:
    files = read_files(wishes)
    content, media_type = files.form()
    said = files.wishes
    found = client.dry_run(
        content, media_type, sheet=said.sheet, product_type=said.product_type, site=said.site
    )
    view = DryRun.model_validate(found.model_dump())
    if not wishes.output or not found.rejected:
        return Seen(files, view)
    is_workbook = wishes.output.suffix.lower() == ".xlsx"
    bad_rows = client.invalid_rows(
        content,
        media_type,
        form="xlsx" if is_workbook else "csv",
        sheet=said.sheet,
        product_type=said.product_type,
        site=said.site,
    )
    return Seen(files, view, bad_rows)


def _sheet(table: Iterator[Sequence[str]], path: Path) -> bytes:
    """Return the content of a file of the invalid rows, as the service gives it."""
    if path.suffix.lower() == ".csv":
        return sheet_csv_file(table)
    # Here, because the parts of XML that it needs are for workbooks alone.
    from shared.wire.sheets.xlsx_sheet import sheet_xlsx

    return sheet_xlsx(table)
