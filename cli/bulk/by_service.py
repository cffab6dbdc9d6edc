"""Have a service test many platforms, and follow it."""

from dataclasses import dataclass

from shared.wire.batches import BatchResult, BatchView
from cli.bulk.state import BulkState
from cli.bulk.view import Progressing, Tally
from cli.client import BatchEvent, Client
from cli.bulk.platform_file import PlatformFile


@dataclass(frozen=True, slots=True)
class BulkThere:
    """A batch of a service."""

    client: Client
    batch_id: str

    def tally(self) -> Tally:
        """Return how far it is."""
        return Tally(self.client.batch(self.batch_id).total)

    def follow(self, shown: Progressing) -> BatchView:
        """Show how the batch gets on, and return it when it is finished."""
        for event in self.client.batch_events(self.batch_id):
            _count(shown.tally, event)
            shown.show()
            if event.finished:
                return event.finished
        return self.client.batch(self.batch_id)

    def results(self) -> list[BatchResult]:
        """Return what became of each platform."""
        return list(self.client.results(self.batch_id))


def batch_of(client: Client, file: PlatformFile, state: BulkState | None) -> BulkThere:
    """Return the batch of this file: the one of the state, else a new one.

    The state's key was kept before the upload, so a run that was killed meanwhile finds its batch.
    """
    if state and state.batch_id:
        return BulkThere(client, state.batch_id)
    key = state.key if state else None
    batch_id = client.upload(file.content, file.media_type, key=key).batch_id
    if state:
        state.keep_batch(batch_id)
    return BulkThere(client, batch_id)


def _count(tally: Tally, event: BatchEvent) -> None:
    now = event.progress
    tally.passed, tally.warnings, tally.failed = now.passed, now.warnings, now.failed
    tally.others = now.cancelled + now.expired + now.lost
