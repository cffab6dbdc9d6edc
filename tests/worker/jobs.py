"""Jobs in a Redis of the test's own, seen from the worker's side."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast

from fakeredis import FakeAsyncRedis, FakeRedis, FakeServer
from redis.typing import EncodableT

from shared.diagnosis.entries import Entry, Queued, Requeued
from shared.diagnosis.report import Job
from shared.queue.queued_job import INTERACTIVE
from shared.signing import Signer
from shared.store.gate import RedisGate
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_stream import (
    Appender,
    Row,
    entry_of,
)
from shared.store.jobs.run import Run
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import SLOTS, forced, turn_limits, worker_of

T = TypeVar("T")

JOB_ID = "4f2a"
JOB = forced(JOB_ID)
TTL_S = 60
MOST_QUEUED = 10
_QUEUED = Queued(at=datetime.now(UTC), tenant="me", product_type="zstack", endpoint="x", steps=())


class Jobs:
    """A Redis with at most one job in it, and the two sides of it."""

    def __init__(self) -> None:
        self._server = FakeServer()
        self.redis = FakeRedis(server=self._server)
        self.store = worker_of(self.redis, "worker-1")

    def queue(
        self,
        sealed: str = "",
        repeated_by: str = "",
        at: datetime | None = None,
        signer: Signer | None = None,
    ) -> None:
        """Accept the job, as the API does while a worker is alive."""
        self.store.signs.beat({INTERACTIVE: SLOTS})
        told = {"repeated_by": repeated_by, "at": at or _QUEUED.at}
        queued = _QUEUED.model_copy(update=told)
        new = NewJob(JOB_ID, queued, sealed, datetime.now(UTC) + timedelta(minutes=1))
        self.api(lambda store: store.creation.create(new.signed(signer), MOST_QUEUED))

    def begin(self) -> Run:
        """Take the job, as a worker does."""
        return self.store.begin(JOB)

    def requeue(self) -> None:
        """Give up the first run and queue the job again, as the API does for a dead worker."""
        with self.redis.pipeline() as pipe:
            requeued = Requeued(at=datetime.now(UTC))
            append = Appender(TTL_S, DEFAULT_KEYS)
            append.queue(pipe, JOB_ID, [("2-0", requeued)])
            pipe.execute()

    def entries(self) -> Sequence[Entry]:
        """Return everything that happened to the job."""
        return [entry_of(row) for row in self.rows()]

    def kinds(self) -> Sequence[str]:
        """Return what kinds of things happened to the job."""
        return [entry.kind for entry in self.entries()]

    def raw(self) -> str:
        """Return every byte that is shown of the job."""
        return repr(self.rows())

    def report(self) -> Job:
        """Return the job as its caller sees it."""
        job = self.api(lambda store: store.reader.read(JOB_ID))
        assert job
        return job

    def api(self, action: Callable[[JobStore], Awaitable[T]]) -> T:
        """Return what `action` makes of the API's side of the store."""

        async def act() -> T:
            return await action(
                JobStore.of(RedisGate(FakeAsyncRedis(server=self._server)), TTL_S, turn_limits())
            )

        return asyncio.run(act())

    def begin_anew(self, first_row: Mapping[bytes, bytes]) -> None:
        """Write the story of the job anew, as whoever can write to Redis may do."""
        self.redis.delete(DEFAULT_KEYS.job(JOB_ID))
        texts: dict[EncodableT, EncodableT] = dict(first_row.items())
        self.redis.xadd(DEFAULT_KEYS.job(JOB_ID), texts, id="0-1")

    def rows(self) -> list[Row]:
        """Return the rows of the job's stream."""
        return cast("list[Row]", self.redis.xrange(DEFAULT_KEYS.job(JOB_ID)))


def queued_job(sealed: str = "", repeated_by: str = "", signer: Signer | None = None) -> Jobs:
    """Return a job that waits for a worker."""
    jobs = Jobs()
    jobs.queue(sealed, repeated_by, signer=signer)
    return jobs
