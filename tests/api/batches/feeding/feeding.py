"""Let a feeder feed in a thread, see what it does, and end it where a test wants it to end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event, Semaphore
from typing import TypeVar

from api.batches.feeding.feeder import Feeder
from api.batches.feeding.token_pace import Pace
from api.batches.item_proofs import ItemProofs
from api.jobs.enqueuer import Enqueuer
from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import QueuedJob
from shared.site_name import DEFAULT_SITE
from shared.store.batches.batch_feed import BatchFeed
from shared.store.batches.batch_store import BatchStore
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.item_settler import ItemSettler
from shared.store.batches.letters import Letter
from shared.store.connection import connect_async
from shared.store.copies import Copies
from shared.store.gate import RedisGate
from shared.store.jobs.job_creation import JobCreation, NewJob
from shared.store.jobs.job_reader import JobReader, Place
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_stream import Appender
from shared.store.jobs.site_index import SiteIndex
from shared.store.lease import Lease
from shared.store.limits.kept_results import KeptResults
from shared.store.limits.rate_limits import RateLimits
from shared.store.site_keys import DEFAULT_KEYS
from shared.store.store_clock import StoreClock
from shared.store.tenant_list import TenantList
from tests.api.batches.batching import LEASE, MOST_OPEN, PER_TARGET, TARGET_RATE
from tests.shared.conftest import TTL_S, turn_limits

T = TypeVar("T")
Meanwhile = Callable[[BatchStore, str], Awaitable[None]]


async def nothing(_: BatchStore, __: str) -> None:
    """Do nothing to a batch."""


class DiedError(Exception):
    """Raised in place of the end of a process."""


class Life:
    """The writes that a feeder has left before it dies."""

    def __init__(self, writes_left: int | None) -> None:
        self._left = writes_left

    async def write(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what `call` returns, unless the feeder died before it or dies after it."""
        if self._left == 0:
            raise DiedError
        result = await call()
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                raise DiedError
        return result


@dataclass(frozen=True)
class MortalFeed(BatchFeed):
    """The items, as a feeder hands them out that may die."""

    life: Life
    fed: list[str]
    after_put_to_work: Callable[[str], Awaitable[None]]

    async def put_to_work(self, batch_id: str, indexes: Sequence[int]) -> Sequence[int]:
        """Put items to work; somebody else may do something just after it."""
        at_work = await self.life.write(
            lambda: super(MortalFeed, self).put_to_work(batch_id, indexes)
        )
        self.fed.append(batch_id)
        await self.after_put_to_work(batch_id)
        return at_work

    async def finish(self, batch_id: str, sites: Iterable[str] = (DEFAULT_SITE,)) -> None:
        """Finish a batch."""
        await self.life.write(lambda: super(MortalFeed, self).finish(batch_id, sites))


@dataclass(frozen=True)
class MortalSettler(ItemSettler):
    """The items, as a feeder settles them that may die."""

    life: Life

    async def settle(self, batch_id: str, outcomes: Sequence[ItemOutcome]) -> None:
        """Settle items."""
        await self.life.write(lambda: super(MortalSettler, self).settle(batch_id, outcomes))

    async def end_waiting(self, batch_id: str, letter: Letter) -> None:
        """End what waits."""
        await self.life.write(lambda: super(MortalSettler, self).end_waiting(batch_id, letter))


@dataclass(frozen=True)
class WatchedReader(JobReader):
    """The jobs, as a feeder reads them; tells of each look."""

    looked: Semaphore = field(kw_only=True)

    async def look(self, job_ids: Sequence[str]) -> Sequence[Place]:
        """Return where the jobs are, as the feeder asks at each look."""
        found = await super().look(job_ids)
        self.looked.release()
        return found


@dataclass(frozen=True)
class MortalCreation(JobCreation):
    """The jobs, as a feeder creates them that may die."""

    life: Life

    async def create_all(self, jobs: Sequence[NewJob]) -> None:
        """Create jobs."""
        await self.life.write(lambda: super(MortalCreation, self).create_all(jobs))

    async def queue_all(self, jobs: Sequence[NewJob]) -> None:
        """Queue jobs, if their queue is in the store."""
        if any(job.message for job in jobs):
            await self.life.write(lambda: super(MortalCreation, self).queue_all(jobs))


class MortalEnqueuer(Enqueuer):
    """The queue, as a feeder sees it that may die."""

    def __init__(self, queue: JobQueue, life: Life, *, is_in_store: bool) -> None:
        super().__init__(queue, is_in_store=is_in_store)
        self._life = life

    async def send(self, job: QueuedJob) -> None:
        """Send a job."""
        await self._life.write(lambda: super(MortalEnqueuer, self).send(job))


class Feeding:
    """A feeder at work."""

    def __init__(self) -> None:
        self.fed: list[str] = []
        """The batch of each of its writes that put items to work."""
        self.looked = Semaphore(0)
        self.is_set_up = Event()
        self.running: Future[None]

    def looks(self, times: int) -> None:
        """Return when the feeder has looked so many times more."""
        while self.looked.acquire(blocking=False):
            pass
        for _ in range(times):
            assert self.looked.acquire(timeout=10)

    def dies(self) -> None:
        """Return when it has died as it was meant to."""
        with suppress(DiedError):
            self.running.result(30)


@contextmanager
def feeding(
    url: str,
    *,
    broker_url: str | None = None,
    per_target: int = PER_TARGET,
    target_rate: int = TARGET_RATE,
    dies_after_writes: int | None = None,
    after_put_to_work: Meanwhile = nothing,
    proofs: ItemProofs = ItemProofs(),  # noqa: B008 -- it never changes
) -> Iterator[Feeding]:
    """Feed while the block runs; a feeder that ends by itself, and was not meant to, fails it."""
    over, shown = Event(), Feeding()

    async def feed() -> None:
        life = Life(dies_after_writes)
        queue_url = broker_url or url
        enqueuer = MortalEnqueuer(JobQueue(queue_url), life, is_in_store=queue_url == url)
        async with connect_async(url) as redis:
            gate = RedisGate(redis)
            store = BatchStore.of(gate, TTL_S, MOST_OPEN)
            meanwhile = partial(after_put_to_work, store)
            batches = replace(
                store,
                feed=MortalFeed(gate, life, shown.fed, meanwhile),
                settler=MortalSettler(gate, life),
            )
            jobs = replace(
                JobStore.of(gate, TTL_S, turn_limits()),
                creation=MortalCreation(
                    gate,
                    Copies(gate),
                    Appender(TTL_S, DEFAULT_KEYS),
                    KeptResults(TTL_S),
                    TenantList("jobs", TTL_S),
                    SiteIndex(gate, TTL_S, StoreClock(gate)),
                    life,
                ),
                reader=WatchedReader(gate, looked=shown.looked),
            )
            lease = Lease(gate, LEASE)
            pace = Pace(RateLimits(gate, target_rate), target_rate, per_target)
            feeder = Feeder(batches, jobs, enqueuer, lease, per_target, pace, proofs)
            shown.is_set_up.set()
            at_work = asyncio.create_task(feeder.run())
            ending = asyncio.create_task(asyncio.to_thread(over.wait))
            await asyncio.wait([at_work, ending], return_when=asyncio.FIRST_COMPLETED)
            over.set()
            at_work.cancel()
            try:
                with suppress(asyncio.CancelledError):
                    await at_work
                await feeder.leave()
            finally:
                await asyncio.to_thread(enqueuer.close)

    with ThreadPoolExecutor(1) as thread:
        shown.running = thread.submit(asyncio.run, feed())
        try:
            assert shown.is_set_up.wait(10)
            yield shown
        finally:
            over.set()
            if dies_after_writes is None:
                shown.running.result(30)
