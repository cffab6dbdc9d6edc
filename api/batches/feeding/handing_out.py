"""Hand items out: create their jobs at their sites, and queue them."""

import asyncio
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace

from api.batches.feeding.unfinished_batch import UnfinishedBatch
from api.batches.item_proofs import ItemProofs, Stored, sealed_in
from api.jobs.enqueuer import Enqueuer
from shared.diagnosis.entries import Queued
from shared.products import PRODUCTS
from shared.queue.queued_job import BULK
from shared.site_name import DEFAULT_SITE
from shared.steps import StepName, scheme_of, steps_for
from shared.store.batches.batch import BatchGoneError, BatchItem
from shared.store.batches.batch_keys import job_id_of
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_target import target_of
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_store import JobStore

REST_S = 5.0  # for so long nothing is handed out at a site where it failed


@dataclass(slots=True)
class HandingOut:
    """Makes jobs of items.

    A worker of another site than the default one may write under the site's prefix what makes it
    fail there. That holds up no other site.
    """

    _batches: BatchStore
    _jobs: JobStore
    _enqueuer: Enqueuer
    _proofs: ItemProofs
    _resting_until_s: dict[str, float] = field(default_factory=dict)

    @property
    def resting_sites(self) -> Set[str]:
        """The sites at which nothing is handed out for a while."""
        now_s = asyncio.get_running_loop().time()
        over = [site for site, until_s in self._resting_until_s.items() if until_s <= now_s]
        for site in over:
            del self._resting_until_s[site]
        return self._resting_until_s.keys()

    async def hand_out(self, batch: UnfinishedBatch, indexes: Sequence[int]) -> None:
        """Create jobs for items and queue them; a job that exists already does not change.

        What can't be created at a site is still no job at the next look, and is tried again.

        Raises:
            StoreUnreachableError: some are created, or none, or all.
            QueueUnreachableError: they are created, and are not in the queue.
        """
        resting = self.resting_sites
        indexes = [index for index in indexes if batch.site_of(index) not in resting]
        try:
            items = await self._batches.records.items(batch.batch_id, indexes)
        except BatchGoneError:  # it expires; the other batches go on
            batch.is_gone = True
            return
        if not items:
            return
        sealed = await self._batches.records.sealed(batch.batch_id, indexes)
        made = [
            _job(batch, index, item, request or "")
            for index, item, request in zip(indexes, items, sealed, strict=True)
        ]
        for site in sorted({job.queued.site for job in made}):
            of_site = zip(items, made, strict=True)
            jobs = [self._ready(*one) for one in of_site if one[1].queued.site == site]
            try:
                await self._create(batch, jobs)
            except StoreUnreachableError:
                if site == DEFAULT_SITE:
                    raise
                self._resting_until_s[site] = asyncio.get_running_loop().time() + REST_S

    async def _create(self, batch: UnfinishedBatch, jobs: Sequence[NewJob]) -> None:
        await self._jobs.creation.create_all(jobs)
        if await self._batches.feed.is_cancelled(batch.batch_id):  # perhaps without seeing them
            await self._jobs.closer.close_waiting([job.job_id for job in jobs])
        # Not sooner: a worker would begin what is cancelled.
        await self._jobs.creation.queue_all(jobs)
        apart = (job.queued.in_queue(job.job_id) for job in jobs if not job.message)
        await asyncio.gather(*map(self._enqueuer.send, apart))

    def _ready(self, item: BatchItem, job: NewJob) -> NewJob:
        """Return the job with its message.

        It has a signature as well, unless its request was stored by somebody else.
        """
        first = job.queued
        names = first.site, job.job_id, item.sealed_as, first.tenant, first.repeated_by
        signer = self._proofs.signer_for(Stored(*names), job.sealed)
        signed = replace(job, sealed=sealed_in(job.sealed)).signed(signer)
        return replace(signed, message=self._enqueuer.message_of(first.in_queue(job.job_id)))


def _job(batch: UnfinishedBatch, index: int, item: BatchItem, sealed: str) -> NewJob:
    job_id = job_id_of(batch.batch_id, index)
    queued = Queued(
        at=batch.batch.created_at,
        site=item.site,
        tenant=batch.batch.tenant,
        share_of=batch.batch.share_of,
        token_name=batch.batch.token_name,
        client=batch.batch.client,
        product_type=item.product_type,
        endpoint=item.endpoint,
        target=target_of(batch.targets[index]),
        queue=BULK,
        sealed_as="" if item.sealed_as == job_id else item.sealed_as,
        repeated_by=batch.batch.allowance_at(item.site),
        steps=_steps_of(item),
    )
    return NewJob(job_id, queued, sealed, batch.batch.start_by)


def _steps_of(item: BatchItem) -> tuple[StepName, ...]:
    scheme = scheme_of(item.endpoint)
    product = PRODUCTS.get(item.product_type)  # another version of the API may know more
    return product.steps_over(scheme) if product else steps_for(scheme)
