"""Let reapers reap in a thread, and hear what they do."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event, Semaphore, Thread

from redis.asyncio import Redis as AsyncRedis

from api.jobs.enqueuer import Enqueuer
from api.jobs.reaper import Reaper
from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import INTERACTIVE
from shared.silence import Silence
from shared.store.connection import connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.jobs.dead_workers import DeadWorkers
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_stream import Appender
from shared.store.jobs.run_store import RunStore
from shared.store.jobs.workload import Workload
from shared.store.limits.target_limit import TurnLimits
from tests.shared.conftest import SLOTS, TTL_S, turn_limits

BEAT_S = 0.5


class Looks:
    """Tells when a reaper has looked for workers, or could not."""

    def __init__(self) -> None:
        self.looked = Event()
        self.count = 0
        self.was_away = Semaphore(0)
        self.knew_nothing = Semaphore(0)


@dataclass(frozen=True)
class WatchedWorkers(DeadWorkers):
    """Dead workers that are looked for."""

    looks: Looks = field(kw_only=True)

    async def silent_workers(self, silence: Silence) -> Sequence[str]:
        """Return what the store says."""
        try:
            found = await super().silent_workers(silence)
        except StoreUnreachableError:
            self.looks.knew_nothing.release()
            raise
        self.looks.count += 1
        self.looks.looked.set()
        return found


@dataclass(frozen=True)
class WatchedWorkload(Workload):
    """A workload that is looked at."""

    looks: Looks = field(kw_only=True)

    async def overdue(self) -> tuple[Sequence[str], Sequence[str]]:
        """Return what the store says."""
        try:
            return await super().overdue()
        except StoreUnreachableError:
            self.looks.was_away.release()
            raise


def watched(redis: AsyncRedis, looks: Looks, limits: TurnLimits) -> JobStore:
    """Return a store that tells `looks` of what a reaper asks."""
    gate = RedisGate(redis)
    store = JobStore.of(gate, TTL_S, limits)
    return replace(
        store,
        workload=WatchedWorkload(gate, store.clock, store.keys, looks=looks),
        dead_workers=WatchedWorkers(
            gate, Appender(TTL_S, store.keys), store.closer, limits, store.keys, looks=looks
        ),
    )


@contextmanager
def reaping(
    url: str,
    *,
    broker_url: str | None = None,
    reapers: int = 1,
    own_slots: int = SLOTS,
    silence: Silence | None = None,
) -> Iterator[Looks]:
    """Reap while the block runs; a reaper that ends by itself fails the test."""
    looks, over = Looks(), Event()

    async def reap() -> None:
        redis = connect_async(url)
        store = watched(redis, looks, turn_limits(own_slots=own_slots))
        enqueuers = [Enqueuer(JobQueue(broker_url or url)) for _ in range(reapers)]
        wanted = (lambda: silence) if silence else None
        tasks = [asyncio.create_task(Reaper(store, each, wanted).run()) for each in enqueuers]
        await asyncio.to_thread(over.wait)
        ended = [task.result() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for enqueuer in enqueuers:
            enqueuer.close()
        await redis.aclose()
        assert ended == []

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, reap())
        try:
            yield looks
        finally:
            over.set()
            running.result(30)


@contextmanager
def beating(worker: RunStore) -> Iterator[None]:
    """Give the worker's signs of life while the block runs."""
    over = Event()

    def beat() -> None:
        while not over.is_set():
            worker.signs.beat({INTERACTIVE: SLOTS})
            over.wait(BEAT_S)

    worker.signs.beat({INTERACTIVE: SLOTS})
    thread = Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
