"""Cancel a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.store.batches.batch import BatchState
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.letters import CANCELLED
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
