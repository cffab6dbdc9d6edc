"""Create a batch from an upload: validate its rows, and seal and store the valid ones."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b

from api.access.caller import Caller
from api.batches.item_proofs import ItemProofs
from api.batches.receiving.batch_sealing import BatchSealing
from api.batches.receiving.judging import Judging, within_bounds
from api.jobs.jobs import Jobs
from shared.request.message import queue_target
from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch import Batch, NewItem, RejectedRow
from shared.store.batches.batch_creation import BatchCreation
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.item_index import ItemIndex
from shared.store.batches.item_target import turn_at
from shared.uploads import Reading, Row
from shared.wire.batches import BatchRow
from shared.wire.problems import without_unknown_names
from shared.wire.rows import MOST_REJECTED
from shared.wire.upload_columns import columns_of, item_of

TOGETHER = 500  # items in one write
FEW = 10  # CA certificates in one write; they may have 256 KB


@dataclass(slots=True)
class Intake:
    """A batch that is being uploaded."""

    batch_id: str
    caller: Caller
    start_by: datetime
    _creation: BatchCreation
    _judging: Judging
    _sealing: BatchSealing
    rejected: list[RejectedRow] = field(default_factory=list)
    rejected_count: int = 0
    targets: list[str] = field(default_factory=list)
    twins: dict[int, list[int]] = field(default_factory=dict)
    sites: set[str] = field(default_factory=set)
    """Those of the items."""
    _text_bytes: int = 0
    index: ItemIndex = field(default_factory=ItemIndex)
    """What the items are found and grouped by."""
    _unwritten: list[NewItem] = field(default_factory=list)
    _known: dict[bytes, int] = field(default_factory=dict)
    # Equal requests are found by a keyed hash, so that no list of the requests is kept.
    _hash_key: bytes = field(default_factory=lambda: os.urandom(32))

    async def read(self, rows: AsyncIterator[Row], most: int) -> None:
        """Read all rows, and let other requests have their turn meanwhile.

        Raises:
            TooManyItemsError: there are more than `most`.
            UploadError: the rest of the upload can't be read.
            StoreUnreachableError: some of the rows are not stored.
        """
        async for row in within_bounds(rows, most):
            self._add(row)
            if len(self._unwritten) >= TOGETHER or self._sealing.unwritten >= FEW:
                await self._write()
        await self._write()
        self._judging.audit_refusals(batch=self.batch_id)

    def batch(self, created_at: datetime) -> Batch:
        """Return the facts about the batch as a whole."""
        return Batch(
            tenant=self.caller.tenant,
            share_of=self.caller.share_of,
            token_name=self.caller.name,
            client=self.caller.client,
            items_per_minute=self.caller.items_per_minute,
            created_at=created_at,
            start_by=self.start_by,
            total=len(self.targets),
            rejected=self.rejected_count,
            labels=self.index.labels,
            columns=columns_of(self.reading, self.index.labels),
            sites=tuple(sorted(self.sites - {DEFAULT_SITE})),
        )

    @property
    def sealed_bytes(self) -> int:
        """How much is stored of the requests, their CA certificates, labels and other columns."""
        return self._sealing.sealed_bytes + self._text_bytes

    @property
    def kept(self) -> Sequence[RejectedRow]:
        """The invalid rows as they are stored: without names that the caller has made up."""
        return [_without_unknown_names(row) for row in self.rejected]

    @property
    def reading(self) -> Reading:
        """What was read."""
        return self._judging.reading

    def _add(self, row: Row) -> None:
        found = self._judging.placed(row)
        if not isinstance(found, RejectedRow):
            self._accept(row, *found)
            return
        self.rejected_count += 1
        if len(self.rejected) < MOST_REJECTED:
            self.rejected.append(found._replace(before=len(self.targets)))

    def _accept(self, row: Row, request: BatchRow, site: str) -> None:
        index = len(self.targets)
        message = self._sealing.message(request, site)
        equal = blake2b(message + b" " + site.encode(), key=self._hash_key).digest()
        first = self._known.setdefault(equal, index)
        job_id, sealed = job_id_of(self.batch_id, first), ""
        if first == index:
            sealed = self._sealing.sealed_item(message, job_id, site)
        else:
            self.twins.setdefault(first, []).append(index)
        self.sites.add(site)
        item = item_of(row, request, self.reading, job_id, site)
        self.index.add(item)
        self._text_bytes += _bytes_of(item.labels) + _bytes_of(item.typed)
        self._unwritten.append(NewItem(index, item, sealed, None if first == index else first))
        self.targets.append(turn_at(self._target_of(request), site))

    def _target_of(self, request: BatchRow) -> str:
        """Return the target that the item takes turns at; one of a token with a rate takes some.

        The pause after a turn is what keeps the platform's own rate, whatever the token's is.
        """
        return request.target_name if self.caller.is_metered else queue_target(request)

    async def _write(self) -> None:
        if self._unwritten:
            certificates = self._sealing.unwritten_certificates
            await self._creation.add(self.batch_id, self._unwritten, certificates)
            self._unwritten.clear()
            certificates.clear()


def _bytes_of(texts: Mapping[str, str]) -> int:
    return sum(len(name.encode()) + len(text.encode()) for name, text in texts.items())


def _without_unknown_names(row: RejectedRow) -> RejectedRow:
    known = without_unknown_names(row.field)
    if known == row.field:
        return row
    return row._replace(field=known, reason="has an unknown field", said=None, example=None)


async def new_intake(
    batch_id: str, judging: Judging, creation: BatchCreation, jobs: Jobs, deadline_s: float
) -> Intake:
    """Return an empty batch whose tests may begin within `deadline_s`.

    Raises:
        StoreUnreachableError: nothing begins.
    """
    start_by = await jobs.store.clock.now() + timedelta(seconds=deadline_s)
    sealing = BatchSealing(judging.caller, start_by, jobs, ItemProofs(jobs.signer))
    return Intake(batch_id, judging.caller, start_by, creation, judging, sealing)
