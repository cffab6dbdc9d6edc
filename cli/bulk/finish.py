"""Show and write what a bulk test has found."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from cli.bulk.output.order import ordered
from cli.bulk.output.results_file import Table, write_results
from cli.bulk.state import BulkState
from cli.bulk.views.rows_view import RejectedRows
from cli.bulk.views.tally import bulk_exit_status, tally_of
from cli.bulk.views.view import as_mapping, counts, summary
from cli.bulk.wishes import BulkWishes
from cli.terminal.screen import FAINT, neutral_json, plain
from conncheck_client import BatchResult


@dataclass(frozen=True, slots=True)
class Finished:
    """What a bulk test has found; `table` lays it out for a spreadsheet."""

    results: Sequence[BatchResult]
    rejected: RejectedRows
    table: Table


def finish(console: Console, wishes: BulkWishes, state: BulkState | None, found: Finished) -> int:
    """Write and show the results, forget the state of the run, and return the exit status."""
    results, rejected = ordered(found.results, wishes.sort), found.rejected
    if wishes.output:
        write_results(wishes.output, results, wishes.sort, found.table)
    if state:
        state.forget()
    if wishes.as_json:
        text = json.dumps(as_mapping(results, rejected), indent=2, ensure_ascii=False)
        sys.stdout.write(neutral_json(text) + "\n")
    else:
        console.print(summary(console, results, rejected))
        line = Text("\n  ").append_text(counts(console, tally_of(len(results), results)))
        line.append_text(plain(f"  {wishes.output}" if wishes.output else "", FAINT))
        console.print(line, soft_wrap=True)
    return bulk_exit_status(results, rejected.count)
