"""List a tenant's own jobs, without those that test the items of batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.diagnosis.report import Job
from shared.store.jobs.job_reader import JobReader
from shared.store.jobs.job_stream import entry_of
from shared.store.tenant_list import TenantListReader


@dataclass(frozen=True, slots=True)
class TenantJobs(TenantListReader):
    """The jobs of each tenant, newest first."""

    _reader: JobReader

    async def read(
        self, job_ids: Sequence[str], may_match: Callable[[bytes], bool]
    ) -> Sequence[Job | None]:
        """Return the jobs; None for one that is deleted, or whose text in Redis can't match.

        To look at the text costs a hundredth of what it costs to read a job.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        return [
            self._reader.fold(map(entry_of, rows))
            if may_match(b"".join(row[1].get(b"entry", b"") for row in rows))
            else None
            for rows in await self._reader.rows_of_all(job_ids)
        ]
