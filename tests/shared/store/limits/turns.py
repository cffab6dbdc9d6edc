"""Turns of jobs that are nothing else."""

from typing import Literal, cast

from redis import Redis

from shared.diagnosis.entries import Queued, Requeued
from shared.queue.queued_job import QueuedJob
from shared.store.errors import JobWaitsError, RunGivenUpError
from shared.store.jobs.job_stream import (
    Row,
    entry_of,
)
from shared.store.jobs.run import Run
from shared.store.jobs.run_store import RunStore
from shared.store.limits.target_limit import TargetLimit, TurnLimits
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.diagnosis.stories import queued

TTL_S = 60


class Turns(TargetLimit):
    """The turns of one worker, which takes each by beginning a job and calls nobody."""

    def __init__(self, redis: Redis, limits: TurnLimits, worker: str) -> None:
        super().__init__(RoundTrips(redis), limits, worker, DEFAULT_KEYS)
        self._redis = redis
        self._store = RunStore(redis, TTL_S, worker, limits, lambda _: False, DEFAULT_KEYS)
        self.runs: dict[str, Run] = {}

    def admit(self, job: QueuedJob) -> Literal["taken", "held", "waiting"]:
        """Begin the job, as one that waits for a worker; return what became of that."""
        stream = DEFAULT_KEYS.job(job.job_id)
        last = cast("list[Row]", self._redis.xrevrange(stream, count=1))
        if not last or not isinstance(entry_of(last[0]), Queued | Requeued):
            self._redis.delete(stream)
            self._redis.xadd(stream, {"entry": queued().model_dump_json()}, "0-1")
            self._redis.expire(stream, TTL_S)
        try:
            self.runs[job.job_id] = self._store.begin(job)
        except JobWaitsError:
            return "waiting"
        except RunGivenUpError:
            return "held"
        return "taken"
