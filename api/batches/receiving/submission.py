"""Accept a batch: store the rows of an upload, then start their tests."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.access.caller import Caller
from api.batches.cancellation import BatchCancellation
from api.batches.errors import (
    InvalidRowsError,
    NoBulkWorkerError,
    SlowUploadError,
    TooManyBatchesError,
)
from api.batches.feeding.feeder import Feeder
from api.batches.receiving.intake import Intake, new_intake
from api.batches.receiving.judging import Judging
from api.jobs.jobs import Jobs
from shared.queue.queued_job import BULK
from shared.store.batches.batch import TooManyOpenBatchesError
from shared.store.batches.batch_creation import UNFINISHED_UPLOAD_S
from shared.store.batches.batch_keys import BATCH_ID_BYTES
from shared.store.batches.batch_records import BatchRecords
from shared.store.batches.batch_store import BatchStore
from shared.store.errors import StoreUnreachableError
from shared.store.idempotency import Claim, KeyReusedError
from shared.store.jobs.job_store import JobStore
from shared.store.limits.kept_results import TooManyKeptError
from shared.uploads import Reading, Row, Wishes
from shared.uploads.wishes import AS_IT_COMES

MOST_UNFINISHED = 1000


@dataclass(frozen=True, slots=True)
class BatchSubmission:
    """Accepts uploads."""

    store: BatchStore
    jobs: Jobs
    feeder: Feeder
    max_items: int
    deadline_s: float
    longest_upload_s: float = UNFINISHED_UPLOAD_S - 60  # before its first items have gone again

    async def receive(
        self,
        rows: AsyncIterator[Row],
        caller: Caller,
        *,
        strict: bool,
        may_exist: bool = False,
        wishes: Wishes = AS_IT_COMES,
        reading: Reading | None = None,
    ) -> Intake:
        """Store an upload and return its intake; no test begins before `start`.

        With `may_exist`, the upload may be one whose batch counts already: `start` finds out.
        `reading` is what the parser of the rows fills in, as it was told by `wishes`.

        Raises:
            BatchError: the upload is refused; nothing is stored.
            TooManyOpenBatchesError: the same.
            UploadError: it can't be read; nothing is stored.
            StoreUnreachableError: what is kept goes by itself.
        """
        usable = [*filter(caller.may_use, self.jobs.sites.sites.names())]
        await refuse_if_nothing_works(self.store.records, self.jobs.store, usable)
        if not may_exist:
            await self.store.creation.refuse_if_full(caller.share_of)
        batch_id = secrets.token_hex(BATCH_ID_BYTES)
        judging = Judging(caller, self.jobs, wishes, reading or Reading())
        intake = await new_intake(
            batch_id, judging, self.store.creation, self.jobs, self.deadline_s
        )
        try:
            async with in_time(self.longest_upload_s):
                await intake.read(rows, self.max_items)
            _refuse_if_unfit(intake, strict=strict)
            await refuse_if_unserved(self.jobs.store, intake.sites)
        except BaseException:  # also where the caller has gone
            await self.store.creation.discard(batch_id, intake.sites)
            raise
        return intake

    async def start(self, intake: Intake, claim: Claim | None = None) -> str:
        """Start the tests; return the batch's id, or that of the batch that the claim created.

        Raises:
            KeyReusedError: the claim belongs to a different upload; nothing of this one is stored.
            TooManyOpenBatchesError: the tenant has too many; nothing is stored.
            TooManyKeptError: the tenant has too many results already; nothing is stored.
            StoreUnreachableError: nothing begins, or the outcome is unknown. Without a claim, what
                has been stored is cancelled: its caller sends it again, as another batch.
        """
        batch = intake.batch(await self.jobs.store.clock.now())
        kept = intake.batch_id, batch, intake.kept, intake.targets, intake.twins
        try:
            batch_id = await self.store.creation.create(
                *kept,
                index=intake.index.contents(),
                claim=claim,
                sealed_bytes=intake.sealed_bytes,
            )
        except (KeyReusedError, TooManyKeptError, TooManyOpenBatchesError):
            await self.store.creation.discard(intake.batch_id, intake.sites)
            raise
        except StoreUnreachableError:
            if claim is None:
                await BatchCancellation(self.store, self.jobs.store).disown(intake.batch_id)
            raise
        if batch_id != intake.batch_id:
            await self.store.creation.discard(intake.batch_id, intake.sites)
        self.feeder.wake()
        return batch_id


@asynccontextmanager
async def in_time(longest_s: float) -> AsyncIterator[None]:
    """End the block after `longest_s` seconds.

    Raises:
        SlowUploadError: it was ended.
    """
    try:
        async with asyncio.timeout(longest_s):
            yield
    except TimeoutError:
        raise SlowUploadError(longest_s) from None


async def refuse_if_nothing_works(
    batches: BatchRecords, jobs: JobStore, sites: Collection[str]
) -> None:
    """Refuse a new batch before its upload is read; its items may be at any of `sites`.

    Raises:
        NoBulkWorkerError: no worker would test it.
        TooManyBatchesError: MOST_UNFINISHED batches are running.
        StoreUnreachableError: the outcome is unknown.
    """
    await refuse_if_unserved(jobs, sites)
    if len(await batches.unfinished()) >= MOST_UNFINISHED:
        raise TooManyBatchesError(MOST_UNFINISHED)


async def refuse_if_unserved(jobs: JobStore, sites: Collection[str]) -> None:
    """Refuse a batch of which nothing would begin.

    One of which something begins is accepted: its other items wait for the workers of their sites,
    which may come before its deadline.

    Raises:
        NoBulkWorkerError: none of `sites` has a worker for bulk tests.
        StoreUnreachableError: the outcome is unknown.
    """
    for site in sites:
        if await jobs.at(site).workload.is_served(BULK):
            return
    raise NoBulkWorkerError(sites)


def _refuse_if_unfit(intake: Intake, *, strict: bool) -> None:
    """Refuse an upload without a valid row, or a strict upload with an invalid row."""
    if not intake.targets or (strict and intake.rejected):
        raise InvalidRowsError(intake.rejected, intake.rejected_count, intake.reading)
