"""The parts of an API process: what its routes use, and its background tasks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

from api.batches.batches import Batches
from api.batches.feeding.feeder import Feeder
from api.batches.feeding.token_pace import Pace
from api.batches.item_proofs import ItemProofs
from api.jobs.enqueuer import Enqueuer
from api.jobs.jobs import Jobs
from api.jobs.reaper import Reaper
from shared.queue.job_queue import JobQueue
from shared.sealing import Sealer
from shared.settings import Settings
from shared.signing import Signer
from shared.store.batches.batch_store import BatchStore
from shared.store.cancelling import is_cancelled
from shared.store.connection import AsyncStore, connect_async
from shared.store.gate import RedisGate
from shared.store.idempotency import IdempotencyStore
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_watch import JobWatch
from shared.store.lease import Lease
from shared.store.limits.rate_limits import RateLimits
from shared.store.limits.target_limit import TurnLimits
from shared.store.sentinels import PrimaryWatch
from shared.store.site_functions import SiteFunctions
from shared.tracing import Tracer

_log = logging.getLogger(__name__)

AFTER_A_BUG_S = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that has a connection."""

    redis: AsyncStore
    enqueuer: Enqueuer
    limits: RateLimits
    jobs: Jobs
    batches: Batches
    reaper: Reaper
    feeder: Feeder
    functions: SiteFunctions

    @classmethod
    def of(
        cls,
        settings: Settings,
        redis_url: str,
        sealer: Sealer,
        signer: Signer | None,
        tracer: Tracer | None,
    ) -> Self:
        """Return the parts; nothing is connected yet."""
        redis = connect_async(redis_url)
        queue_url = settings.queue_url or redis_url
        enqueuer = Enqueuer(JobQueue(queue_url), is_in_store=queue_url == redis_url)
        gate = RedisGate(redis)
        limits = RateLimits(gate, settings.target_rate)
        jobs = _jobs(settings, gate, JobWatch(redis), enqueuer, sealer, signer, tracer)
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
        reaper, functions = Reaper(jobs.store, enqueuer), SiteFunctions(gate)
        return cls(redis, enqueuer, limits, jobs, batches, reaper, feeder, functions)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Run the background tasks during the block; close everything after it."""
        watches = PrimaryWatch(self.redis), self.jobs.watch
        workers = (*watches, self.functions, self.reaper, self.feeder)
        tasks = [asyncio.create_task(_keep_at(each.run)) for each in workers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.feeder.leave()
            self.enqueuer.close()
            await self.redis.aclose()


def _jobs(
    settings: Settings,
    gate: RedisGate,
    watch: JobWatch,
    enqueuer: Enqueuer,
    sealer: Sealer,
    signer: Signer | None,
    tracer: Tracer | None,
) -> Jobs:
    limits = TurnLimits(settings.per_target, settings.tenant_share)
    return Jobs(
        store=JobStore.of(gate, settings.result_ttl_s, limits, settings.max_kept),
        watch=watch,
        enqueuer=enqueuer,
        idempotency=IdempotencyStore(gate),
        sealer=sealer,
        job_deadline_s=settings.job_deadline_s,
        investigate_s=settings.investigate_s,
        max_queued=settings.max_queued,
        policy=settings.service_policy,
        signer=signer,
        tracer=tracer,
    )


async def _keep_at(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until cancelled, and log and restart it if it fails."""
    while not is_cancelled():
        try:
            await work()
        except Exception:  # noqa: BLE001 -- the tasks that look after all jobs must continue
            _log.exception("a background task failed; restarting it")
        await asyncio.sleep(AFTER_A_BUG_S)
