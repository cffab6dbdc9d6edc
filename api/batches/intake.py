"""Make a batch of the rows of an upload: validate, seal, and keep what can be tested."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from api.access.caller import Caller
from api.jobs.jobs import Jobs, target_of
from api.problems import InvalidField, invalid_fields
from shared.uploads import Row
from shared.audit import audit_refusal
from shared.store.batches.batch_keys import job_id_of
from shared.batch_store import Batch, BatchItem, BatchStore, NewItem, RejectedRow
from shared.request import JobMessage, JobRequest
from shared.diagnosis.outcomes import Failed
from shared.sealing import Envelope
from shared.text import is_hidden

TOGETHER = 500  # items in one write
BREATH = 20  # rows after which other requests have their turn; they take about 3 ms
MOST_REJECTED = 1000  # rows whose faults are kept; the others are only counted
LONGEST_LABEL = 200


class TooManyItemsError(Exception):
    """Raised where an upload has more items than a batch may have."""


def _visible(label: str) -> str:
    if any(map(is_hidden, label)):
        problem = "must not have a line break or another invisible character in it"
        raise PydanticCustomError("invalid", "{problem}", {"problem": problem})
    return label


Label = Annotated[str, Field(max_length=LONGEST_LABEL), AfterValidator(_visible)]


class BatchRow(JobRequest):
    """A platform of a batch, with what its caller calls it."""

    name: Label = ""
    ref: Label = ""

    @model_validator(mode="after")
    def _refuse_mocks(self) -> Self:
        if self.options.mock:
            context = {"problem": "is for single tests", "field": "options.mock"}
            raise PydanticCustomError("invalid", "{problem}", context)
        return self


@dataclass(slots=True)
class Intake:
    """A batch that is being sent."""

    batch_id: str
    caller: Caller
    start_by: datetime
    _store: BatchStore
    _jobs: Jobs
    _envelope: Envelope
    rejected: list[RejectedRow] = field(default_factory=list)
    rejected_count: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """How many of them the caller may not have tested, by cause."""
    targets: list[str] = field(default_factory=list)
    twins: dict[int, list[int]] = field(default_factory=dict)
    _unwritten: list[NewItem] = field(default_factory=list)
    _known: dict[bytes, int] = field(default_factory=dict)
    # Equal requests are found by a keyed hash: no list of what was sent lies about.
    _hash_key: bytes = field(default_factory=lambda: os.urandom(32))

    async def take(self, rows: AsyncIterator[Row], most: int) -> None:
        """Take all rows, and let others have their turn meanwhile.

        Raises:
            TooManyItemsError: there are more than `most`.
            UploadError: what follows can't be read.
            StoreUnreachableError: not everything is kept.
        """
        count = 0
        async for row in rows:
            count += 1
            if count > most:
                raise TooManyItemsError
            self._take(row)
            if count % BREATH == 0:
                await asyncio.sleep(0)
            if len(self._unwritten) >= TOGETHER:
                await self._write()
        await self._write()
        self._audit_refusals()

    def batch(self, created_at: datetime) -> Batch:
        """Return what is known of the batch as a whole."""
        return Batch(
            caller=self.caller.tenant,
            token_name=self.caller.name,
            client=self.caller.client,
            items_per_minute=self.caller.items_per_minute,
            created_at=created_at,
            start_by=self.start_by,
            total=len(self.targets),
            rejected=self.rejected_count,
        )

    def _take(self, row: Row) -> None:
        if row.problem:
            self._reject(row.place, [InvalidField(field="", reason=row.problem)])
            return
        try:
            request = BatchRow.model_validate(row.content)
            self._jobs.policy.check(request, self.caller.policy)
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
            self._reject(row.place, invalid_fields([dict(one) for one in errors]))
        except Failed as failed:
            self.refused[failed.cause.code] += 1
            field_, reason = failed.cause.field or "endpoint", failed.finding.summary({})
            self._reject(row.place, [InvalidField(field=field_, reason=reason)])
        else:
            self._accept(row.place, request)

    def _reject(self, place: str, why: Sequence[InvalidField]) -> None:
        self.rejected_count += 1
        if len(self.rejected) < MOST_REJECTED:
            self.rejected.append(RejectedRow(place, why[0].field, why[0].reason))

    def _accept(self, place: str, request: BatchRow) -> None:
        index, target = len(self.targets), request.target
        budget_s = self._jobs.budget_s(request)
        message = JobMessage(
            request=request,
            budget_s=budget_s,
            start_by=self.start_by,
            policy=self.caller.policy,
            is_metered=self.caller.is_metered,
            traceparent=self._jobs.traceparent,
        ).to_bytes()
        first = self._known.setdefault(blake2b(message, key=self._hash_key).digest(), index)
        job_id, sealed = job_id_of(self.batch_id, first), ""
        if first == index:
            sealed = self._envelope.seal(message, job_id)
        else:
            self.twins.setdefault(first, []).append(index)
        item = BatchItem(
            *(place, request.name, request.ref, request.product_type, str(target), job_id)
        )
        self._unwritten.append(NewItem(index, item, sealed))
        self.targets.append(target_of(request))

    def _audit_refusals(self) -> None:
        """Log what the caller may not have tested: a line a cause, since the rows may be many."""
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
            await self._store.add(self.batch_id, self._unwritten)
            self._unwritten.clear()


def new_intake(
    batch_id: str, caller: Caller, store: BatchStore, jobs: Jobs, deadline_s: float
) -> Intake:
    """Return an empty batch whose tests may begin within `deadline_s`."""
    start_by = datetime.now(UTC) + timedelta(seconds=deadline_s)
    return Intake(batch_id, caller, start_by, store, jobs, jobs.sealer.envelope())
