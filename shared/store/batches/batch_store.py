"""The batches, by who asks for what."""

from dataclasses import dataclass
from typing import Self

from redis.asyncio import Redis

from shared.store.append_only_file import AppendOnlyFile
from shared.store.batches.batch_counts import BatchCounts
from shared.store.batches.batch_creation import BatchCreation
from shared.store.batches.batch_feed import BatchFeed
from shared.store.batches.batch_findings import BatchFindings
from shared.store.batches.batch_records import BatchRecords
from shared.store.batches.item_settler import ItemSettler
from shared.store.batches.tenant_batches import TenantBatches
from shared.store.limits.kept_results import NO_LIMIT, KeptResults
from shared.store.tenant_list import TenantList

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class BatchStore:
    """All batches, by what is done to them."""

    creation: BatchCreation
    records: BatchRecords
    counts: BatchCounts
    of_tenants: TenantBatches
    feed: BatchFeed
    settler: ItemSettler
    findings: BatchFindings

    @classmethod
    def of(
        cls,
        redis: Redis,
        result_ttl_s: int,
        most_kept: int = NO_LIMIT,
        longest_wait_s: int = DAY_S,
    ) -> Self:
        """Return the batches in `redis`, kept for `result_ttl_s` after the last test may begin.

        That is `longest_wait_s` after the batch was created. A tenant may have `most_kept` items,
        its single jobs included.
        """
        records = BatchRecords(redis)
        index = TenantList("batches", longest_wait_s + result_ttl_s)
        return cls(
            creation=BatchCreation(
                redis,
                AppendOnlyFile(redis),
                result_ttl_s,
                KeptResults(result_ttl_s, most_kept),
                index,
            ),
            records=records,
            counts=BatchCounts(redis, records),
            of_tenants=TenantBatches(redis, index),
            feed=BatchFeed(redis),
            settler=ItemSettler(redis),
            findings=BatchFindings(redis),
        )
