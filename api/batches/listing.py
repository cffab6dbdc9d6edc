"""List the tenant's own batches, newest first."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pydantic import Field

from api.batches.views import counts
from api.listing import ListFilters, collect
from shared.store.batches.batch import BatchGoneError, BatchProgress
from shared.store.batches.batch_store import BatchStore
from shared.wire.batches import BatchPage, BatchSummary, batch_url

MOST_READ = 100  # for one page


class WantedBatches(ListFilters):
    """Which of the tenant's batches are wanted."""

    status: Literal["running", "finished"] | None = Field(
        default=None, description="Only batches in this state."
    )

    def match(self, progress: BatchProgress) -> bool:
        """Return whether the batch is one of them."""
        is_since = self.since is None or progress.batch.created_at >= self.since
        return is_since and self.status in (None, _status(progress))


@dataclass(frozen=True, slots=True)
class BatchListing:
    """The list of one tenant's batches."""

    _store: BatchStore
    _tenant: str

    async def page(self, wanted: WantedBatches) -> BatchPage:
        """Return a page of the batches that match, as `collect` does."""
        places = partial(self._places, wanted)
        show = partial(self._shown, wanted)
        found, cursor = await collect(
            wanted, places, show, is_filtered=bool(wanted.status), most_read=MOST_READ
        )
        return BatchPage(items=tuple(found), next_cursor=cursor)

    async def _places(self, wanted: WantedBatches, after: str | None, most: int) -> Sequence[str]:
        return await self._store.of_tenants.places(self._tenant, after, wanted.since, most)

    async def _shown(
        self, wanted: WantedBatches, batch_ids: Sequence[str]
    ) -> Sequence[BatchSummary | None]:
        found: list[BatchSummary | None] = []
        for batch_id in batch_ids:
            progress = await self._progress(batch_id)
            is_wanted = (
                progress and progress.batch.tenant == self._tenant and wanted.match(progress)
            )
            found.append(_summary(batch_id, progress) if progress and is_wanted else None)
        return found

    async def _progress(self, batch_id: str) -> BatchProgress | None:
        with suppress(BatchGoneError):
            return await self._store.counts.progress(batch_id)
        return None


def _summary(batch_id: str, progress: BatchProgress) -> BatchSummary:
    counted = counts(progress)
    unfinished = counted.pop("queued") + counted.pop("running")
    return BatchSummary(
        batch_id=batch_id,
        status_url=batch_url(batch_id),
        status=_status(progress),
        total=progress.batch.total,
        unfinished=unfinished,
        **counted,
        rejected=progress.batch.rejected,
        created_at=progress.batch.created_at,
        finished_at=progress.finished_at,
        repeats=progress.batch.repeats or None,
    )


def _status(progress: BatchProgress) -> Literal["running", "finished"]:
    return "finished" if progress.finished_at else "running"
