"""Let reapers reap in a thread, and hear what they do."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Semaphore, Thread

from api.jobs.enqueuer import Enqueuer
from api.jobs.reaper import Reaper
from shared.job_store import JobStore, StoreUnreachableError
from shared.queue import JobQueue
from shared.queued_job import INTERACTIVE
from shared.store.connection import connect_async
from shared.store.jobs.run_store import RunStore
from tests.shared.conftest import TTL_S

BEAT_S = 0.5


class WatchedStore(JobStore):
    """A store that tells when a reaper has looked for workers, or could not."""

    def __init__(self, url: str) -> None:
        self._client = connect_async(url)
        super().__init__(self._client, TTL_S)
        self.looked = Event()
        self.was_away = Semaphore(0)

    async def silent_workers(self) -> Sequence[str]:
        """Return what the store says."""
        found = await super().silent_workers()
        self.looked.set()
        return found

    async def overdue(self) -> tuple[Sequence[str], Sequence[str]]:
        """Return what the store says."""
        try:
            return await super().overdue()
        except StoreUnreachableError:
            self.was_away.release()
            raise

    async def close_client(self) -> None:
        """Close the connections."""
        await self._client.aclose()


@contextmanager
def reaping(url: str, *, broker_url: str | None = None, reapers: int = 1) -> Iterator[WatchedStore]:
    """Reap while the block runs; a reaper that ends by itself fails the test."""
    store, over = WatchedStore(url), Event()

    async def reap() -> None:
        enqueuers = [Enqueuer(JobQueue(broker_url or url)) for _ in range(reapers)]
        tasks = [asyncio.create_task(Reaper(store, each).run()) for each in enqueuers]
        await asyncio.to_thread(over.wait)
        ended = [task.result() for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for enqueuer in enqueuers:
            enqueuer.close()
        await store.close_client()
        assert ended == []

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, reap())
        try:
            yield store
        finally:
            over.set()
            running.result(30)


@contextmanager
def beating(worker: RunStore) -> Iterator[None]:
    """Give the worker's signs of life while the block runs."""
    over = Event()

    def beat() -> None:
        while not over.is_set():
            worker.beat([INTERACTIVE])
            over.wait(BEAT_S)

    worker.beat([INTERACTIVE])
    thread = Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
