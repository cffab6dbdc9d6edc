"""Let a feeder feed in a thread, see what it does, and end it where a test wants it to end."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Event, Semaphore
from typing import TypeVar

from redis.asyncio import Redis as AsyncRedis

from api.jobs.enqueuer import Enqueuer
from api.batches.feeding.feeder import Feeder
from api.batches.feeding.token_pace import Pace
from shared.store.batches.batch_keys import Letter
from shared.batch_store import BatchStore, Settled
from shared.job_store import JobStore, NewJob, Whereabouts
from shared.lease import Lease
from shared.queue import JobQueue
from shared.queued_job import QueuedJob
from shared.store.limits.rate_limits import RateLimits
from shared.store.connection import connect_async
from tests.api.batches.batching import LEASE, PER_TARGET, TARGET_RATE
from tests.shared.conftest import TTL_S

T = TypeVar("T")
Taken = Callable[[BatchStore, str], Awaitable[None]]


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


class MortalBatches(BatchStore):
    """The batches, as a feeder sees them that may die."""

    def __init__(self, redis: AsyncRedis, life: Life, meanwhile: Taken | None) -> None:
        super().__init__(redis, TTL_S)
        self._life = life
        self._meanwhile = meanwhile
        self.taken: list[str] = []

    async def take(self, batch_id: str, indexes: Sequence[int]) -> Sequence[int]:
        """Take items; somebody else may do something just before and just after it."""
        taken = await self._life.write(lambda: super(MortalBatches, self).take(batch_id, indexes))
        self.taken.append(batch_id)
        if self._meanwhile:
            await self._meanwhile(self, batch_id)
        return taken

    async def settle(self, batch_id: str, settled: Sequence[Settled]) -> None:
        """Settle items."""
        await self._life.write(lambda: super(MortalBatches, self).settle(batch_id, settled))

    async def end_waiting(self, batch_id: str, letter: Letter) -> None:
        """End what waits."""
        await self._life.write(lambda: super(MortalBatches, self).end_waiting(batch_id, letter))

    async def finish(self, batch_id: str) -> None:
        """Finish a batch."""
        await self._life.write(lambda: super(MortalBatches, self).finish(batch_id))


class MortalJobs(JobStore):
    """The jobs, as a feeder sees them that may die."""

    def __init__(self, redis: AsyncRedis, life: Life) -> None:
        super().__init__(redis, TTL_S)
        self._life = life
        self.looked = Semaphore(0)

    async def whereabouts(self, job_ids: Sequence[str]) -> Sequence[Whereabouts]:
        """Return where the jobs are, as the feeder asks at each look."""
        found = await super().whereabouts(job_ids)
        self.looked.release()
        return found

    async def create_all(self, jobs: Sequence[NewJob]) -> None:
        """Create jobs."""
        await self._life.write(lambda: super(MortalJobs, self).create_all(jobs))


class MortalEnqueuer(Enqueuer):
    """The queue, as a feeder sees it that may die."""

    def __init__(self, queue: JobQueue, life: Life) -> None:
        super().__init__(queue)
        self._life = life

    async def send(self, job: QueuedJob) -> None:
        """Send a job."""
        await self._life.write(lambda: super(MortalEnqueuer, self).send(job))


class Feeding:
    """A feeder at work."""

    def __init__(self) -> None:
        self.batches: MortalBatches
        self.jobs: MortalJobs
        self.is_set_up = Event()
        self.running: Future[None]

    def looks(self, times: int) -> None:
        """Return when the feeder has looked so many times more."""
        while self.jobs.looked.acquire(blocking=False):
            pass
        for _ in range(times):
            assert self.jobs.looked.acquire(timeout=10)

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
    after_take: Taken | None = None,
) -> Iterator[Feeding]:
    """Feed while the block runs; a feeder that ends by itself, and was not meant to, fails it."""
    over, shown = Event(), Feeding()

    async def feed() -> None:
        life = Life(dies_after_writes)
        enqueuer = MortalEnqueuer(JobQueue(broker_url or url), life)
        async with connect_async(url) as redis:
            shown.batches = MortalBatches(redis, life, after_take)
            shown.jobs = MortalJobs(redis, life)
            lease = Lease(redis, LEASE)
            pace = Pace(RateLimits(redis, target_rate), target_rate, per_target)
            feeder = Feeder(shown.batches, shown.jobs, enqueuer, lease, per_target, pace)
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
