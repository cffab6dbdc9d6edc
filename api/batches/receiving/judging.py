"""Judge the rows of an upload for one caller, within the limits of an upload."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic

from api.access.caller import Caller
from api.batches.errors import TooManyItemsError
from shared.audit import audit_refusal
from shared.diagnosis.outcomes import Failed
from shared.policy.service_policy import ServicePolicy
from shared.store.batches.batch import RejectedRow
from shared.uploads import Reading, Row, Wishes
from shared.wire.batches import BatchRow
from shared.wire.rows import judged

BREATH_S = 0.003  # after which other requests get a turn


@dataclass(frozen=True, slots=True)
class Judging:
    """Judges rows by what `caller` may test, and by the operator's policy."""

    caller: Caller
    policy: ServicePolicy
    wishes: Wishes
    reading: Reading
    refused: Counter[str] = field(default_factory=Counter)
    """How many rows the caller is not allowed to test, by cause."""

    def judged(self, row: Row) -> BatchRow | RejectedRow:
        """Return the platform that a row names, or why it can't be tested."""
        return judged(row, self.reading, self.wishes, self._check)

    def audit_refusals(self, **what: str) -> None:
        """Log what the caller is not allowed to test: one line for each cause, not for each row."""
        for cause, rows in self.refused.items():
            audit_refusal(
                tenant=self.caller.tenant,
                token=self.caller.name,
                client=self.caller.client,
                cause=cause,
                rows=str(rows),
                **what,
            )

    def _check(self, request: BatchRow) -> None:
        try:
            self.policy.check(request, self.caller.policy)
        except Failed as failed:
            self.refused[failed.cause.code] += 1
            raise


async def within_bounds(rows: AsyncIterator[Row], most: int) -> AsyncIterator[Row]:
    """Yield all rows, and let other requests have their turn meanwhile.

    Raises:
        TooManyItemsError: there are more than `most`.
        UploadError: the rest of the upload can't be read.
    """
    count, breathed_s = 0, monotonic()
    async for row in rows:
        count += 1
        if count > most:
            raise TooManyItemsError(most)
        yield row
        if monotonic() - breathed_s > BREATH_S:
            await asyncio.sleep(0)
            breathed_s = monotonic()
