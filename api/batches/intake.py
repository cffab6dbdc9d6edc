"""Create a batch from an upload: validate its rows, and seal and store the valid ones."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from time import monotonic

from pydantic import ValidationError

from api.access.caller import Caller
from api.batches.errors import TooManyItemsError
from api.jobs.jobs import Jobs
from shared.audit import audit_refusal
from shared.ca_certificates import detached, sealed_as
from shared.diagnosis.outcomes import Failed
from shared.diagnosis.sentences import Sentence
from shared.request.message import queue_target
from shared.sealing import Envelope
from shared.store.batches.batch import Batch, BatchItem, NewItem, RejectedRow
from shared.store.batches.batch_creation import BatchCreation
from shared.store.batches.batch_keys import job_id_of
from shared.uploads import Row
from shared.wire.batches import BatchRow
from shared.wire.problems import (
    InvalidField,
    invalid_field,
    invalid_fields,
    without_unknown_names,
)

TOGETHER = 500  # items in one write
FEW = 10  # CA certificates in one write; they may have 256 KB
BREATH_S = 0.003  # after which other requests get a turn
MOST_REJECTED = 1000  # invalid rows whose errors are kept; the others are only counted


@dataclass(slots=True)
class Intake:
    """A batch that is being uploaded."""

    batch_id: str
    caller: Caller
    start_by: datetime
    _creation: BatchCreation
    _jobs: Jobs
    _envelope: Envelope
    rejected: list[RejectedRow] = field(default_factory=list)
    rejected_count: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """How many of them the caller is not allowed to test, by cause."""
    targets: list[str] = field(default_factory=list)
    twins: dict[int, list[int]] = field(default_factory=dict)
    sealed_bytes: int = 0
    """How much is stored of the requests and their CA certificates."""
    _unwritten: list[NewItem] = field(default_factory=list)
    _unwritten_certificates: dict[str, str] = field(default_factory=dict)
    _kept_certificates: set[str] = field(default_factory=set)
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
        count, breathed_s = 0, monotonic()
        async for row in rows:
            count += 1
            if count > most:
                raise TooManyItemsError(most)
            self._add(row)
            if len(self._unwritten) >= TOGETHER or len(self._unwritten_certificates) >= FEW:
                await self._write()
            if monotonic() - breathed_s > BREATH_S:
                await asyncio.sleep(0)
                breathed_s = monotonic()
        await self._write()
        self._audit_refusals()

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
        )

    @property
    def kept(self) -> Sequence[RejectedRow]:
        """The invalid rows as they are stored: without names that the caller has made up."""
        return [_without_unknown_names(row) for row in self.rejected]

    def _add(self, row: Row) -> None:
        if row.problem:
            self._reject(row.place, [invalid_field("", row.problem)])
            return
        try:
            request = BatchRow.model_validate(row.content)
            self._jobs.policy.check(request, self.caller.policy)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
            self._reject(row.place, invalid_fields([dict(one) for one in errors]))
        except Failed as failed:
            self.refused[failed.cause.code] += 1
            field_ = failed.cause.field or "endpoint"
            self._reject(row.place, [invalid_field(field_, Sentence.of(failed.finding))])
        else:
            self._accept(row.place, request)

    def _reject(self, place: str, why: Sequence[InvalidField]) -> None:
        self.rejected_count += 1
        if len(self.rejected) < MOST_REJECTED:
            first = why[0]
            self.rejected.append(RejectedRow(place, first.field, first.reason, first.said))

    def _accept(self, place: str, request: BatchRow) -> None:
        index, target = len(self.targets), request.target
        message = self._message(request)
        first = self._known.setdefault(blake2b(message, key=self._hash_key).digest(), index)
        job_id, sealed = job_id_of(self.batch_id, first), ""
        if first == index:
            sealed = self._envelope.seal(message, job_id)
            self.sealed_bytes += len(sealed)
        else:
            self.twins.setdefault(first, []).append(index)
        item = BatchItem(
            *(place, request.name, request.ref, request.product_type, str(target), job_id)
        )
        self._unwritten.append(NewItem(index, item, sealed, None if first == index else first))
        self.targets.append(self._turns_at(request))

    def _turns_at(self, request: BatchRow) -> str:
        """Return the target that the item takes turns at; one of a token with a rate takes some.

        The pause after a turn is what keeps the platform's own rate, whatever the token's is.
        """
        return request.target_name if self.caller.is_metered else queue_target(request)

    def _message(self, request: BatchRow) -> bytes:
        """Return what is sealed for a worker; CA certificates are sealed apart, once."""
        message, pem = detached(self._jobs.message(request, self.caller, self.start_by))
        digest = message.ca_certificate_sha256
        if pem is not None and digest not in self._kept_certificates:
            self._kept_certificates.add(digest)
            sealed = self._envelope.seal(pem.encode(), sealed_as(digest))
            self._unwritten_certificates[digest] = sealed
            self.sealed_bytes += len(sealed)
        return message.to_bytes()

    def _audit_refusals(self) -> None:
        """Log what the caller is not allowed to test: one line for each cause, not for each row."""
        for cause, rows in self.refused.items():
            audit_refusal(
                tenant=self.caller.tenant,
                token=self.caller.name,
                client=self.caller.client,
                cause=cause,
                batch=self.batch_id,
                rows=str(rows),
            )

    async def _write(self) -> None:
        if self._unwritten:
            certificates = self._unwritten_certificates
            await self._creation.add(self.batch_id, self._unwritten, certificates)
            self._unwritten.clear()
            self._unwritten_certificates.clear()


def _without_unknown_names(row: RejectedRow) -> RejectedRow:
    known = without_unknown_names(row.field)
    return row if known == row.field else RejectedRow(row.place, known, "has an unknown field")


async def new_intake(
    batch_id: str, caller: Caller, creation: BatchCreation, jobs: Jobs, deadline_s: float
) -> Intake:
    """Return an empty batch whose tests may begin within `deadline_s`.

    Raises:
        StoreUnreachableError: nothing begins.
    """
    start_by = await jobs.store.clock.now() + timedelta(seconds=deadline_s)
    return Intake(batch_id, caller, start_by, creation, jobs, jobs.sealer.envelope())
