"""Judge the rows of an upload for one caller, within the limits of an upload."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from time import monotonic

from api.access.caller import Caller
from api.batches.errors import TooManyItemsError
from api.jobs.jobs import Jobs
from shared.audit import audit_refusal
from shared.diagnosis.outcomes import Failed
from shared.sites.site_choice import SITE_UNKNOWN
from shared.store.batches.batch import RejectedRow
from shared.uploads import Reading, Row, Wishes
from shared.wire.batches import BatchRow
from shared.wire.rows import judged

BREATH_S = 0.003  # after which other requests get a turn


@dataclass(frozen=True, slots=True)
class Judging:
    """Judges rows by what `caller` may test from where, and by the operator's policy."""

    caller: Caller
    jobs: Jobs
    wishes: Wishes
    reading: Reading
    refused: Counter[str] = field(default_factory=Counter)
    """How many rows the caller is not allowed to test, by cause."""

    def placed(self, row: Row) -> tuple[BatchRow, str] | RejectedRow:
        """Return the platform that a row names, with the site that tests it, or why none can."""
        sites: list[str] = []

        def check(request: BatchRow) -> None:
            sites.append(self._allowed_site(request))

        found = judged(row, self.reading, self.wishes, check)
        return found if isinstance(found, RejectedRow) else (found, sites[0])

    def judged(self, row: Row) -> BatchRow | RejectedRow:
        """Return the platform that a row names, or why it can't be tested."""
        found = self.placed(row)
        return found if isinstance(found, RejectedRow) else found[0]

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

    def _allowed_site(self, request: BatchRow) -> str:
        """Return the site that tests a platform.

        Raises:
            Failed: there is no such site, or the caller is not allowed to test the platform there.
        """
        try:
            site = self.jobs.site_for(request, self.caller)
            self.jobs.policy.check(request, self.caller.policy_at(site))
        except Failed as failed:
            if failed.cause is not SITE_UNKNOWN:
                self.refused[failed.cause.code] += 1
            raise
        return site


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
