"""The batches, by who asks for what."""

from dataclasses import dataclass
from typing import Self

from redis.asyncio import Redis

from shared.store.append_only_file import AppendOnlyFile
from shared.store.batches.batch_creation import BatchCreation
from shared.store.batches.batch_feed import BatchFeed
from shared.store.batches.batch_findings import BatchFindings
from shared.store.batches.batch_records import BatchRecords
from shared.store.batches.item_settler import ItemSettler
from shared.store.limits.kept_results import NO_LIMIT, KeptResults


@dataclass(frozen=True, slots=True)
class BatchStore:
    """All batches, by what is done to them."""

    creation: BatchCreation
    records: BatchRecords
    feed: BatchFeed
    settler: ItemSettler
    findings: BatchFindings

    @classmethod
    def of(cls, redis: Redis, result_ttl_s: int, most_kept: int = NO_LIMIT) -> Self:
        """Return the batches in `redis`, kept for `result_ttl_s` after the last test may begin.

        A tenant may have `most_kept` items, its single jobs included.
        """
        return cls(
            creation=BatchCreation(
                redis,
                AppendOnlyFile(redis),
                result_ttl_s,
                KeptResults(result_ttl_s, most_kept),
            ),
            records=BatchRecords(redis),
            feed=BatchFeed(redis),
            settler=ItemSettler(redis),
            findings=BatchFindings(redis),
        )
