"""Hand jobs to the queue off the event loop, many in one go when many come at once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from shared.queue import JobQueue, QueueUnreachableError
from shared.queued_job import QueuedJob, QueueName

MOST_AT_ONCE = 500


class Enqueuer:
    """Collects what arrives while the last batch is on its way, then sends that together."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="enqueue")
        self._waiting: list[tuple[QueuedJob, asyncio.Future[None]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def send(self, job: QueuedJob) -> None:
        """Return when the broker has the job.

        Raises:
            QueueUnreachableError: it could not be given to the broker.
        """
        taken = asyncio.get_running_loop().create_future()
        self._waiting.append((job, taken))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        await taken

    async def waiting(self, queue: QueueName) -> int:
        """Return how many messages of `queue` no worker has taken.

        Raises:
            QueueUnreachableError: the broker can't be reached.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._queue.waiting, queue)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send_batch()
        finally:
            self._sending = None

    async def _send_batch(self) -> None:
        batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        jobs = [job for job, _ in batch]
        failure: Exception | None = None
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._queue.send, jobs)
        except Exception as error:  # noqa: BLE001 -- whoever waits is told, whatever it was
            failure = error
        if isinstance(failure, QueueUnreachableError):
            # So it is for those who came meanwhile; on their own they would wait twice as long.
            batch, self._waiting = [*batch, *self._waiting], []
        for _, taken in batch:
            if taken.done():  # its caller has gone
                continue
            if failure:
                taken.set_exception(failure)
            else:
                taken.set_result(None)

    def close(self) -> None:
        """Wait for the batch on its way, then close the connections."""
        self._thread.shutdown()
        self._queue.close()
