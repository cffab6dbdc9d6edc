"""Read a batch: its progress, its causes, and the results of its items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from api.batches.errors import NoSuchBatchError
from api.batches.finding.grouping import Grouping
from api.batches.finding.ordering import Ordering
from api.batches.finding.search import Search
from api.batches.kept import keep
from api.batches.views import cause_group, shared_fact, summary
from shared.diagnosis.translations import Language
from shared.store.batches.batch import Batch, BatchItem, BatchProgress, BatchState, RejectedRow
from shared.store.batches.batch_keys import is_batch_id, job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.jobs.job_reader import JobReader
from shared.uploads import Reading
from shared.wire.batches import (
    BatchAccepted,
    BatchResult,
    BatchView,
    CauseGroup,
    batch_url,
    result,
)
from shared.wire.uploads import ReadingView, RowError

EXAMPLES = 3
REJECTED_KEPT = 16  # batches whose rejected rows are kept: at most 1,000 of each


@dataclass(frozen=True, slots=True)
class BatchReader:
    """Shows batches to their tenants.

    Each method may raise NoSuchBatchError or BatchGoneError: a batch expires at any time.
    """

    store: BatchStore
    jobs: JobReader
    grouping: Grouping
    ordering: Ordering
    _rejected_of: dict[str, Sequence[RejectedRow]] = field(default_factory=dict)

    @property
    def search(self) -> Search:
        """Finds chosen items."""
        return Search(self.store, self.grouping)

    async def own(self, batch_id: str, tenant: str) -> BatchState:
        """Return the tenant's own batch.

        Raises:
            NoSuchBatchError: it does not exist, or it is not the tenant's.
        """
        state = await self.store.records.state(batch_id) if is_batch_id(batch_id) else None
        if state is None or state.batch.tenant != tenant:
            raise NoSuchBatchError
        return state

    async def progress(self, batch_id: str) -> BatchProgress:
        """Return how far the batch is.

        Raises:
            NoSuchBatchError: it does not exist (any more).
        """
        progress = await self.store.counts.progress(batch_id)
        if progress is None:
            raise NoSuchBatchError
        return progress

    async def own_progress(self, batch_id: str, tenant: str) -> BatchProgress:
        """Return how far the tenant's own batch is.

        Raises:
            NoSuchBatchError: it does not exist, or it is not the tenant's.
        """
        progress = await self.progress(batch_id) if is_batch_id(batch_id) else None
        if progress is None or progress.batch.tenant != tenant:
            raise NoSuchBatchError
        return progress

    async def accepted(
        self,
        batch_id: str,
        rejected: Sequence[RejectedRow],
        language: Language = "en",
        reading: Reading | None = None,
    ) -> BatchAccepted:
        """Return the response for a batch that was accepted, without the `rejected` rows."""
        head = await self.store.records.head(batch_id)
        if head is None:
            raise NoSuchBatchError
        return BatchAccepted(
            batch_id=batch_id,
            accepted=head.batch.total,
            rejected=head.batch.rejected,
            status_url=batch_url(batch_id),
            read=reading and ReadingView.of(reading, language),
            errors=RowError.of(rejected, language),
        )

    async def view(
        self, batch_id: str, progress: BatchProgress, language: Language = "en"
    ) -> BatchView:
        """Return the batch's progress, and its results so far."""
        shared = await self.store.findings.shared_facts(batch_id)
        found = {
            "causes": await self._causes(batch_id, progress.batch.total, language),
            "groups": await self.grouping.counted(batch_id, progress),
            "shared_facts": tuple(shared_fact(*one, language) for one in shared),
            "errors": RowError.of(await self.rejected(batch_id, progress.batch), language),
        }
        return summary(batch_id, progress).model_copy(update=found)

    async def rejected(self, batch_id: str, batch: Batch) -> Sequence[RejectedRow]:
        """Return the first of the rows that were rejected, which never change."""
        if batch.rejected and batch_id not in self._rejected_of:
            rejected = await self.store.records.rejected(batch_id)
            keep(self._rejected_of, batch_id, rejected, REJECTED_KEPT)
        return self._rejected_of.get(batch_id, ())

    async def _causes(
        self, batch_id: str, total: int, language: Language
    ) -> tuple[CauseGroup, ...]:
        """Return the causes, each with its first items."""
        found = await self.store.findings.causes(batch_id, EXAMPLES)
        indexes = [n for one in found for n in one.first]
        examples = iter(await self.store.records.items(batch_id, indexes))
        tested = await self.store.records.same_as(batch_id, indexes)
        return tuple(
            cause_group(
                total,
                one,
                [next(examples) for _ in one.first],
                [job_id_of(batch_id, tested.get(n, n)) for n in one.first],
                language,
            )
            for one in found
        )

    async def results(
        self, batch_id: str, state: BatchState, indexes: Sequence[int], language: Language = "en"
    ) -> Sequence[BatchResult]:
        """Return the results of the items at `indexes`, with texts in `language`."""
        items = await self.store.records.items(batch_id, indexes)
        known = dict(zip(indexes, items, strict=True))
        return await self.results_of(batch_id, state, known, language)

    async def results_of(
        self,
        batch_id: str,
        state: BatchState,
        items: Mapping[int, BatchItem],
        language: Language = "en",
    ) -> Sequence[BatchResult]:
        """Return the results of `items`, which were read, by their indexes."""
        indexes = [*items]
        tested = await self.store.records.same_as(batch_id, indexes)
        job_ids = [job_id_of(batch_id, tested.get(index, index)) for index in indexes]
        jobs = await self.jobs.read_all(job_ids)
        return [
            result(n, state.letters[n], items[n], job_id, job and job.in_language(language))
            for n, job_id, job in zip(indexes, job_ids, jobs, strict=True)
        ]
