"""The API's side of batches on a real Redis, and a worker that works off what is queued."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

from pydantic import SecretStr
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from api.access.caller import Caller
from api.batches.batches import Batches
from api.batches.feeding.feeder import Feeder
from api.batches.feeding.token_pace import Pace
from api.batches.item_proofs import ItemProofs
from api.jobs.enqueuer import Enqueuer
from api.jobs.jobs import Jobs
from shared.diagnosis.causes import Cause
from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import BULK
from shared.sealing import Sealers, new_key_pair
from shared.signing import Signer, new_signing_pair
from shared.sites.site_choice import SiteChoice
from shared.sites.watched_sites import WatchedSites
from shared.store.batches.batch_store import BatchStore
from shared.store.connection import connect_async
from shared.store.errors import RunGivenUpError
from shared.store.gate import RedisGate
from shared.store.idempotency import IdempotencyStore
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_watch import JobWatch
from shared.store.lease import Lease
from shared.store.limits.rate_limits import RateLimits
from tests.shared.conftest import TTL_S, forced, turn_limits, worker_of
from tests.shared.diagnosis.stories import step

T = TypeVar("T")

ALICE = Caller("alice", "alice", SecretStr("alice-token"))
LEASE = "conncheck:feeder"
PER_TARGET = 4
TARGET_RATE = 120
MAX_ITEMS = 50
MOST_OPEN = 3
DEADLINE_S = 100
PRIVATE, PUBLIC = new_key_pair()
SIGNER = Signer([new_signing_pair()[0]])


@dataclass(frozen=True)
class Api:
    """What one API process has for batches."""

    redis: AsyncRedis
    jobs: Jobs
    batches: Batches

    @property
    def store(self) -> BatchStore:
        """The batches in Redis."""
        return self.batches.reader.store


def an_api(redis: AsyncRedis, enqueuer: Enqueuer, sites: WatchedSites | None = None) -> Api:
    """Return an API process's part; its feeder is not at work."""
    sites = sites or WatchedSites()
    gate = RedisGate(redis)
    store, batches = JobStore.of(gate, TTL_S, turn_limits()), BatchStore.of(gate, TTL_S, MOST_OPEN)
    jobs = Jobs(
        store=store,
        watch=JobWatch(redis),
        enqueuer=enqueuer,
        idempotency=IdempotencyStore(gate),
        sealers=Sealers(PUBLIC, sites.sealing_key),
        sites=SiteChoice(sites),
        signer=SIGNER,
        job_deadline_s=30,
        investigate_s=3,
        max_queued=10,
    )
    pace = Pace(RateLimits(gate, TARGET_RATE), TARGET_RATE, PER_TARGET)
    feeder = Feeder(
        batches, store, enqueuer, Lease(gate, LEASE), PER_TARGET, pace, ItemProofs(SIGNER)
    )
    return Api(redis, jobs, _batches(batches, jobs, feeder))


def _batches(store: BatchStore, jobs: Jobs, feeder: Feeder) -> Batches:
    return Batches.of(store, jobs, feeder, max_items=MAX_ITEMS, deadline_s=DEADLINE_S)


def with_api(url: str, call: Callable[[Api], Awaitable[T]], sites: WatchedSites | None = None) -> T:
    """Return what `call` makes of an API process's part."""

    async def called() -> T:
        with enqueuer_to(url) as enqueuer:
            async with connect_async(url) as redis:
                return await call(an_api(redis, enqueuer, sites))

    return asyncio.run(called())


@contextmanager
def enqueuer_to(url: str) -> Iterator[Enqueuer]:
    """Give an enqueuer while the block runs."""
    enqueuer = Enqueuer(JobQueue(url))
    try:
        yield enqueuer
    finally:
        enqueuer.close()


def work_off(
    redis: Redis, most: int = 10_000, cause_of: Callable[[str], Cause | None] = lambda _: None
) -> list[str]:
    """Run the jobs that have a message in the queue, as a worker does; return those it ran."""
    worker = worker_of(redis, "worker-1")
    ran: list[str] = []
    while len(ran) < most and (message := cast("bytes | None", redis.rpop(BULK))):
        job_id = str(json.loads(message)["headers"]["id"])
        try:
            run = worker.begin(forced(job_id))
        except RunGivenUpError:  # a second message, or one of a job that was cancelled
            continue
        run.close(*step("tcp_connect", cause_of(job_id)), status="finished")
        ran.append(job_id)
    return ran
