"""Cancel a batch."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from shared.store.batches.batch import BatchGoneError, BatchState
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.letters import CANCELLED
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_store import JobStore


@dataclass(frozen=True, slots=True)
class BatchCancellation:
    """Cancels the items of a batch that have not begun."""

    store: BatchStore
    jobs: JobStore

    async def cancel(self, batch_id: str, state: BatchState) -> None:
        """Cancel all tests of the batch that have not begun."""
        await self.store.settler.end_waiting(batch_id, CANCELLED)
        # The feeder may have queued some since `state`; it cancels later ones itself.
        at_work = (await self.store.records.state(batch_id) or state).at_work
        job_ids = [job_id_of(batch_id, index) for index in at_work]
        await self.jobs.closer.close_waiting(job_ids)
        await self._settle(batch_id, at_work, job_ids)

    async def disown(self, batch_id: str) -> None:
        """Cancel a batch whose caller is told that there is none, if the store can be reached.

        Its caller sends it again, as another batch. So the tests that have begun end, too; where no
        replica took the batch, none of them has signed in.
        """
        with suppress(StoreUnreachableError, BatchGoneError):
            if state := await self.store.records.state(batch_id):
                await self.cancel(batch_id, state)
                left = await self.store.records.state(batch_id) or state
                begun = [job_id_of(batch_id, index) for index in left.at_work]
                await asyncio.gather(*map(self.jobs.closer.cancel, begun))

    async def _settle(self, batch_id: str, indexes: Sequence[int], job_ids: Sequence[str]) -> None:
        """Settle what was just closed; the feeder would do it only after the response."""
        jobs = await self.jobs.reader.read_all(job_ids)
        twins = await self.store.records.twins(batch_id)
        over = [
            ItemOutcome.of([index, *twins.get(index, ())], job)
            for index, job in zip(indexes, jobs, strict=True)
            if job and job.is_closed
        ]
        await self.store.settler.settle(batch_id, over)
