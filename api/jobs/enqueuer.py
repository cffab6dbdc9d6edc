"""Send jobs to the queue: in the script that creates them, or in a thread and in batches."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from shared.queue.job_queue import JobQueue, QueueUnreachableError, SpoiltQueueError
from shared.queue.queued_job import QueuedJob
from shared.store.jobs.job_stream import Command

MOST_AT_ONCE = 500
AGAIN_S = 5.0  # for so long a job that was sent is not sent again


class Enqueuer:
    """Collects the jobs that arrive while a batch is being sent, then sends them together.

    With `is_in_store`, the broker is the Redis that stores the jobs, and a new job needs no batch.
    """

    def __init__(
        self,
        queue: JobQueue,
        now_s: Callable[[], float] = monotonic,
        *,
        is_in_store: bool = False,
    ) -> None:
        self._queue = queue
        self._is_in_store = is_in_store
        self._now_s = now_s
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="enqueue")
        self._waiting: list[tuple[QueuedJob, asyncio.Future[None]]] = []
        self._sending: asyncio.Task[None] | None = None
        self._sent_at_s: dict[str, float] = {}  # the oldest first

    def message_of(self, job: QueuedJob) -> Sequence[Command]:
        """Return the commands that queue a new job, to be executed where it is created.

        There are none if the broker is elsewhere: then `send_new` sends the message.
        """
        return [job.redis_push] if self._is_in_store else []

    async def send_new(self, job: QueuedJob) -> None:
        """Return when the broker has a job that was just created, with `message_of` it.

        Raises:
            QueueUnreachableError: it could not be given to the broker.
        """
        if not self._is_in_store:
            await self.send(job)
        self._forget_older()
        self._remember(job)

    async def send_once(self, job: QueuedJob) -> None:
        """Return when the broker has the job, which it may have been sent a moment ago.

        A request can be repeated without limit, and each message costs a worker some time.

        Raises:
            QueueUnreachableError: it could not be given to the broker.
        """
        self._forget_older()
        if job.job_id not in self._sent_at_s:
            await self.send(job)
            self._remember(job)

    def _remember(self, job: QueuedJob) -> None:
        self._sent_at_s.pop(job.job_id, None)
        self._sent_at_s[job.job_id] = self._now_s()

    def _forget_older(self) -> None:
        before_s = self._now_s() - AGAIN_S
        while self._sent_at_s:
            oldest = next(iter(self._sent_at_s))
            if self._sent_at_s[oldest] > before_s:
                break
            del self._sent_at_s[oldest]

    async def send(self, job: QueuedJob) -> None:
        """Return when the broker has the job.

        Raises:
            QueueUnreachableError: the job could not be sent to the broker.
        """
        taken = asyncio.get_running_loop().create_future()
        self._waiting.append((job, taken))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())
        await taken

    async def waiting(self, queue_name: str) -> int:
        """Return how many messages of a queue are waiting for a worker.

        Raises:
            QueueUnreachableError: the broker can't be reached.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._queue.waiting, queue_name)

    async def taken_in(self, key: str) -> Sequence[bytes]:
        """Return the messages in the list of what a worker has taken, the oldest first.

        Raises:
            QueueUnreachableError: the broker can't be reached.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._queue.taken_in, key)

    async def forget_taken(self, key: str, messages: Sequence[bytes]) -> None:
        """Remove `messages` from the list of what a worker has taken.

        Raises:
            QueueUnreachableError: the broker can't be reached.
        """
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._queue.forget_taken, key, messages)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send_batch()
        finally:
            self._sending = None

    async def _send_batch(self) -> None:
        # A site can spoil its own queue, and what is sent with it fails: no other site's jobs are.
        site = self._waiting[0][0].site
        of_site = [one for one in self._waiting if one[0].site == site]
        batch, later = of_site[:MOST_AT_ONCE], of_site[MOST_AT_ONCE:]
        self._waiting = [*later, *(one for one in self._waiting if one[0].site != site)]
        jobs = [job for job, _ in batch]
        failure: Exception | None = None
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._queue.send, jobs)
        except Exception as error:  # noqa: BLE001 -- every error goes to the callers that wait
            failure = error
        if isinstance(failure, QueueUnreachableError) and not isinstance(failure, SpoiltQueueError):
            # Fail those that arrived meanwhile too; on their own they would wait twice as long.
            batch, self._waiting = [*batch, *self._waiting], []
        for _, taken in batch:
            if taken.done():  # its caller has disconnected
                continue
            if failure:
                taken.set_exception(failure)
            else:
                taken.set_result(None)

    def close(self) -> None:
        """Wait until the current batch is sent, then close the connections."""
        self._thread.shutdown()
        self._queue.close()
