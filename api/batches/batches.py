"""All that can be done with batches, for the routes."""

from dataclasses import dataclass
from typing import Self

from api.batches.cancellation import BatchCancellation
from api.batches.feeding.feeder import Feeder
from api.batches.finding.grouping import Grouping
from api.batches.finding.ordering import Ordering
from api.batches.item_proofs import ItemProofs
from api.batches.reader import BatchReader
from api.batches.receiving.submission import BatchSubmission
from api.batches.repetition import BatchRepetition
from api.batches.watching import BatchWatch
from api.jobs.jobs import Jobs
from shared.store.batches.batch_store import BatchStore


@dataclass(frozen=True, slots=True)
class Batches:
    """Everything it takes to have many platforms tested in one call."""

    submission: BatchSubmission
    reader: BatchReader
    cancellation: BatchCancellation
    repetition: BatchRepetition
    watching: BatchWatch

    @classmethod
    def of(
        cls, store: BatchStore, jobs: Jobs, feeder: Feeder, *, max_items: int, deadline_s: float
    ) -> Self:
        """Return the batches in `store`, whose items are tested as `jobs`."""
        reader = BatchReader(store, jobs.store.reader, Grouping(store), Ordering(store))
        cancellation = BatchCancellation(store, jobs.store)
        of_jobs = jobs.store, jobs.sites.sites
        return cls(
            submission=BatchSubmission(store, jobs, feeder, max_items, deadline_s),
            reader=reader,
            cancellation=cancellation,
            repetition=BatchRepetition(
                store, cancellation, *of_jobs, feeder, reader.search, ItemProofs(jobs.signer)
            ),
            watching=BatchWatch(reader, jobs.watch),
        )
