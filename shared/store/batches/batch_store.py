"""The batches, by who asks for what."""

from dataclasses import dataclass
from typing import Self

from shared.store.append_only_file import AppendOnlyFile
from shared.store.batches.batch_creation import BatchCreation
from shared.store.batches.batch_feed import BatchFeed
from shared.store.batches.batch_findings import BatchFindings
from shared.store.batches.batch_records import BatchRecords
from shared.store.batches.item_settler import ItemSettler
from shared.store.gate import RedisGate


@dataclass(frozen=True, slots=True)
class BatchStore:
    """All batches, by what is done to them."""

    creation: BatchCreation
    records: BatchRecords
    feed: BatchFeed
    settler: ItemSettler
    findings: BatchFindings

    @classmethod
    def of(cls, gate: RedisGate, result_ttl_s: int, most_open: int) -> Self:
        """Return the batches behind `gate`, kept `result_ttl_s` after the last test may begin.

        A tenant may have `most_open` of them that are not finished.
        """
        return cls(
            creation=BatchCreation(gate, AppendOnlyFile(gate), result_ttl_s, most_open),
            records=BatchRecords(gate),
            feed=BatchFeed(gate),
            settler=ItemSettler(gate),
            findings=BatchFindings(gate),
        )
