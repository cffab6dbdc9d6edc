"""The batches, by who asks for what."""

from dataclasses import dataclass
from typing import Self

from shared.store.batches.batch_counts import BatchCounts
from shared.store.batches.batch_creation import BatchCreation
from shared.store.batches.batch_feed import BatchFeed
from shared.store.batches.batch_findings import BatchFindings
from shared.store.batches.batch_index import BatchIndex
from shared.store.batches.batch_records import BatchRecords
from shared.store.batches.item_settler import ItemSettler
from shared.store.copies import Copies
from shared.store.gate import RedisGate
from shared.store.limits.kept_results import NO_LIMIT, KeptResults
from shared.store.tenant_list import TenantList, TenantListReader

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class BatchStore:
    """All batches, by what is done to them."""

    creation: BatchCreation
    records: BatchRecords
    counts: BatchCounts
    of_tenants: TenantListReader
    feed: BatchFeed
    settler: ItemSettler
    findings: BatchFindings
    index: BatchIndex

    @classmethod
    def of(
        cls,
        gate: RedisGate,
        result_ttl_s: int,
        most_open: int,
        most_kept: int = NO_LIMIT,
        longest_wait_s: int = DAY_S,
    ) -> Self:
        """Return the batches behind `gate`, kept `result_ttl_s` after the last test may begin.

        That is `longest_wait_s` after the batch was created. A tenant may have `most_open` of them
        that are not finished, and `most_kept` items, its single jobs included.
        """
        records = BatchRecords(gate)
        index = TenantList("batches", longest_wait_s + result_ttl_s)
        kept = KeptResults(result_ttl_s, most_kept)
        copies = Copies(gate)
        return cls(
            creation=BatchCreation(gate, copies, result_ttl_s, most_open, kept, index),
            records=records,
            counts=BatchCounts(gate, records),
            of_tenants=TenantListReader(gate, index),
            feed=BatchFeed(gate),
            settler=ItemSettler(gate),
            findings=BatchFindings(gate),
            index=BatchIndex(gate),
        )
