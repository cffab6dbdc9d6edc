"""Run a bulk test on a service, and follow its progress."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli.bulk.output.results_file import Results, TableForm
from cli.bulk.platform_files import PlatformFiles
from cli.bulk.state import BulkState
from cli.bulk.views.rows_view import Headers, RejectedRows
from cli.bulk.views.tally import Tally
from cli.bulk.views.view import Progressing
from conncheck_client import (
    Batch,
    BatchEvent,
    BatchResult,
    InvalidField,
    Problem,
    Reading,
    ResultSort,
)
from conncheck_client import RowError as ClientRowError
from shared.wire.uploads import RowError

if TYPE_CHECKING:  # it loads httpx, which a bulk test in this process does not need
    from conncheck_client import Client


@dataclass(frozen=True, slots=True)
class BulkThere:
    """A batch on a service."""

    client: "Client"
    batch_id: str
    headers: Headers = field(default_factory=dict)
    """Those of the upload's columns, where this run has uploaded it."""

    def tally(self) -> Tally:
        """Return the progress of the batch."""
        return Tally(self.client.batch(self.batch_id).total)

    def follow(self, shown: Progressing) -> Batch:
        """Show the progress of the batch, and return the batch when it is finished."""
        for event in self.client.batch_events(self.batch_id):
            _count(shown.tally, event)
            shown.show()
            if event.finished:
                return event.finished
        return self.client.batch(self.batch_id)

    def rejected(self, count: int) -> RejectedRows:
        """Return the invalid rows, `count` in all, of which the service keeps the first ones."""
        rows = self.client.batch(self.batch_id).errors if count else ()
        return RejectedRows(count, _row_errors(rows), self.headers)

    def table(self, _: Results, form: TableForm, sort: ResultSort | None) -> bytes:
        """Return the results as a file, as the service lays them out."""
        return self.client.results_table(self.batch_id, form, sort=sort)

    def results(self) -> list[BatchResult]:
        """Return the result of each platform."""
        return list(self.client.results(self.batch_id))


def batch_of(client: "Client", files: PlatformFiles, state: BulkState | None) -> BulkThere:
    """Return the batch of these files: the one that the state names, else a new one.

    The state's key was written before the upload, so a run that was killed during it finds its
    batch again.
    """
    if state and state.batch_id:
        return BulkThere(client, state.batch_id)
    key = state.key if state else None
    content, media_type = files.form()
    accepted = client.upload(
        content,
        media_type,
        sheet=files.wishes.sheet,
        product_type=files.wishes.product_type,
        site=files.wishes.site,
        key=key,
    )
    if state:
        state.keep_batch(accepted.batch_id)
    return BulkThere(client, accepted.batch_id, _headers(accepted.read))


def rejected_of(problem: Problem) -> RejectedRows | None:
    """Return the invalid rows because of which the service has refused an upload."""
    if not problem.rejected:
        return None
    return RejectedRows(problem.rejected, _row_errors(problem.errors or ()), _headers(problem.read))


def _headers(read: Reading | None) -> Headers:
    return {column.number: column.header for column in read.columns} if read else {}


def _row_errors(rows: Sequence[ClientRowError | InvalidField]) -> Sequence[RowError]:
    return [
        RowError.model_validate(row.model_dump()) for row in rows if isinstance(row, ClientRowError)
    ]


def _count(tally: Tally, event: BatchEvent) -> None:
    now = event.progress
    tally.passed, tally.warnings, tally.failed = now.passed, now.warnings, now.failed
    tally.others = now.cancelled + now.expired + now.lost
