"""The parts of an API process: what its routes use, and its background tasks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from api.background import keep_at
from api.batches.batches import Batches
from api.batches.feeding.feeder import Feeder
from api.batches.feeding.token_pace import Pace
from api.batches.item_proofs import ItemProofs
from api.comparisons.comparer import Comparer
from api.comparisons.comparisons import Comparisons
from api.jobs.enqueuer import Enqueuer
from api.jobs.jobs import Jobs
from api.jobs.rejection_sharing import RejectionSharing
from api.reapers import Reapers
from api.sites.publisher import SitePublisher
from shared.queue.job_queue import JobQueue
from shared.sealing import Sealers
from shared.settings import Settings
from shared.signing import Signer
from shared.sites.site_choice import SiteChoice
from shared.sites.watched_sites import WatchedSites
from shared.store.batches.batch_store import BatchStore
from shared.store.comparisons.comparison_store import ComparisonStore
from shared.store.connection import AsyncStore, connect_async
from shared.store.gate import RedisGate
from shared.store.idempotency import IdempotencyStore
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_watch import JobWatch
from shared.store.lease import Lease
from shared.store.limits.rate_limits import RateLimits
from shared.store.limits.shared_rejections import SharedRejections
from shared.store.limits.target_limit import TurnLimits
from shared.store.sentinels import PrimaryWatch
from shared.store.site_functions import SiteFunctions
from shared.tracing import Tracer


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that has a connection."""

    redis: AsyncStore
    enqueuer: Enqueuer
    limits: RateLimits
    jobs: Jobs
    batches: Batches
    reapers: Reapers
    feeder: Feeder
    functions: SiteFunctions
    comparisons: Comparisons
    rejections: RejectionSharing
    publisher: SitePublisher

    @classmethod
    def of(
        cls,
        settings: Settings,
        redis_url: str,
        sealers: Sealers,
        sites: WatchedSites,
        signer: Signer | None,
        tracer: Tracer | None,
    ) -> Self:
        """Return the parts; nothing is connected yet."""
        redis = connect_async(redis_url)
        queue_url = settings.queue_url or redis_url
        enqueuer = Enqueuer(JobQueue(queue_url), is_in_store=queue_url == redis_url)
        gate = RedisGate(redis)
        limits = RateLimits(gate, settings.target_rate)
        jobs = _jobs(settings, gate, JobWatch(redis), enqueuer, sealers, sites, signer, tracer)
        store = BatchStore.of(
            gate,
            settings.result_ttl_s,
            settings.max_batches_per_tenant,
            settings.max_kept,
            settings.batch_deadline_s,
        )
        feeder = Feeder(
            store,
            jobs.store,
            enqueuer,
            Lease(gate, "conncheck:feeder"),
            settings.per_target,
            Pace(limits, settings.target_rate, settings.per_target),
            ItemProofs(signer),
        )
        batches = Batches.of(
            store,
            jobs,
            feeder,
            max_items=settings.max_batch,
            deadline_s=settings.batch_deadline_s,
        )
        reapers, functions = Reapers(jobs.store, enqueuer, sites), SiteFunctions(gate)
        return cls(
            redis=redis,
            enqueuer=enqueuer,
            limits=limits,
            jobs=jobs,
            batches=batches,
            reapers=reapers,
            feeder=feeder,
            functions=functions,
            comparisons=_comparisons(gate, jobs),
            rejections=RejectionSharing(
                SharedRejections(gate), jobs.store, signer, sealers, sites.names
            ),
            publisher=SitePublisher(
                gate,
                sites,
                settings.sealing_public_key or "",
                signer.public_key if signer else None,
            ),
        )

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Run the background tasks during the block; close everything after it."""
        watches = PrimaryWatch(self.redis), self.jobs.watch
        keepers = self.functions, self.reapers, self.feeder, self.comparisons.comparer
        workers = (*watches, *keepers, self.rejections, self.publisher)
        tasks = [asyncio.create_task(keep_at(each.run)) for each in workers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.feeder.leave()
            await self.comparisons.comparer.leave()
            self.enqueuer.close()
            await self.redis.aclose()


def _jobs(
    settings: Settings,
    gate: RedisGate,
    watch: JobWatch,
    enqueuer: Enqueuer,
    sealers: Sealers,
    sites: WatchedSites,
    signer: Signer | None,
    tracer: Tracer | None,
) -> Jobs:
    limits = TurnLimits(settings.per_target, settings.tenant_share)
    return Jobs(
        store=JobStore.of(gate, settings.result_ttl_s, limits, settings.max_kept, sites.facts_of),
        watch=watch,
        enqueuer=enqueuer,
        idempotency=IdempotencyStore(gate),
        sealers=sealers,
        sites=SiteChoice(sites),
        job_deadline_s=settings.job_deadline_s,
        investigate_s=settings.investigate_s,
        max_queued=settings.max_queued,
        policy=settings.service_policy,
        signer=signer,
        tracer=tracer,
    )


def _comparisons(gate: RedisGate, jobs: Jobs) -> Comparisons:
    store = ComparisonStore.of(gate, jobs.store.reader, jobs.store.result_ttl_s)
    lease = Lease(gate, "conncheck:comparer")
    comparer = Comparer(store, jobs.store, jobs.enqueuer, lease, jobs.max_queued)
    return Comparisons(store, comparer, jobs)
