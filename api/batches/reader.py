"""Read a batch: its progress, its causes, and the results of its items."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.batches.errors import NoSuchBatchError
from api.batches.views import ERRORS_SHOWN, cause_group, counts, pace, shared_fact
from shared.diagnosis.translations import Language
from shared.store.batches.batch import BatchState, RejectedRow
from shared.store.batches.batch_keys import is_batch_id, job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.jobs.job_reader import JobReader
from shared.wire.batches import (
    BatchAccepted,
    BatchResult,
    BatchView,
    CauseGroup,
    Rejected,
    batch_url,
    result,
)

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class BatchReader:
    """Shows batches to their tenants.

    Each method may raise NoSuchBatchError or BatchGoneError: a batch expires at any time.
    """

    store: BatchStore
    jobs: JobReader

    async def own(self, batch_id: str, tenant: str) -> BatchState:
        """Return the tenant's own batch.

        Raises:
            NoSuchBatchError: it does not exist, or it is not the tenant's.
        """
        state = await self.store.records.state(batch_id) if is_batch_id(batch_id) else None
        if state is None or state.batch.tenant != tenant:
            raise NoSuchBatchError
        return state

    async def accepted(self, batch_id: str, rejected: Sequence[RejectedRow]) -> BatchAccepted:
        """Return the response for a batch that was accepted, without the `rejected` rows."""
        state = await self.store.records.state(batch_id)
        if state is None:
            raise NoSuchBatchError
        return BatchAccepted(
            batch_id=batch_id,
            accepted=state.batch.total,
            rejected=state.batch.rejected,
            status_url=batch_url(batch_id),
            errors=Rejected.of(rejected[:ERRORS_SHOWN]),
        )

    async def view(self, batch_id: str, state: BatchState, language: Language = "en") -> BatchView:
        """Return the batch's progress, and its results so far."""
        counted = counts(state.letters, await self._waiting_at_work(batch_id, state))
        rate, ends_at = pace(state, counted["queued"] + counted["running"], datetime.now(UTC))
        shared = await self.store.findings.shared_facts(batch_id)
        return BatchView(
            batch_id=batch_id,
            status="finished" if state.finished_at else "running",
            total=state.batch.total,
            **counted,
            rejected=state.batch.rejected,
            rate_per_second=rate,
            estimated_end_at=ends_at,
            created_at=state.batch.created_at,
            began_at=state.began_at,
            finished_at=state.finished_at,
            start_by=state.batch.start_by,
            repeats=state.batch.repeats or None,
            causes=await self._causes(batch_id, state, language),
            shared_facts=tuple(shared_fact(*one, language) for one in shared),
            errors=Rejected.of(await self.store.records.rejected(batch_id)),
        )

    async def _waiting_at_work(self, batch_id: str, state: BatchState) -> int:
        """Return how many items are in the queue and have not begun."""
        places = await self.jobs.whereabouts([job_id_of(batch_id, n) for n in state.at_work])
        return Counter(places)["queued"]

    async def _causes(
        self, batch_id: str, state: BatchState, language: Language
    ) -> tuple[CauseGroup, ...]:
        """Return the causes, each with its first items."""
        found = await self.store.findings.causes(batch_id, EXAMPLES)
        indexes = [n for one in found for n in one.first]
        examples = iter(await self.store.records.items(batch_id, indexes))
        tested = await self.tested_as(batch_id)
        return tuple(
            cause_group(
                state,
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
        tested = await self.tested_as(batch_id)
        job_ids = [job_id_of(batch_id, tested.get(index, index)) for index in indexes]
        items = await self.store.records.items(batch_id, indexes)
        jobs = await self.jobs.read_all(job_ids)
        return [
            result(index, state.letters[index], item, job_id, job and job.in_language(language))
            for index, item, job_id, job in zip(indexes, items, job_ids, jobs, strict=True)
        ]

    async def with_cause(self, batch_id: str, code: str) -> int:
        """Return the items with a cause: bit N is item N."""
        return (await self.store.findings.bits(batch_id, [code]))[code]

    async def tested_as(self, batch_id: str) -> Mapping[int, int]:
        """Return for items that are not tested themselves the equal one that is."""
        twins = await self.store.records.twins(batch_id)
        return {other: first for first, equal in twins.items() for other in equal}
