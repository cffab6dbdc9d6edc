"""The API's side of the jobs."""

from dataclasses import dataclass
from typing import Self

from redis.asyncio import Redis

from shared.store.copies import Copies
from shared.store.jobs.dead_workers import DeadWorkers
from shared.store.jobs.gate import RedisGate
from shared.store.jobs.job_closer import JobCloser
from shared.store.jobs.job_creation import JobCreation
from shared.store.jobs.job_reader import JobReader
from shared.store.jobs.job_stream import Appender
from shared.store.jobs.workload import Workload
from shared.store.store_clock import StoreClock


@dataclass(frozen=True, slots=True)
class JobStore:
    """All jobs, by what is done to them; the parts share one way to Redis."""

    creation: JobCreation
    reader: JobReader
    closer: JobCloser
    workload: Workload
    dead_workers: DeadWorkers
    clock: StoreClock
    result_ttl_s: int

    @classmethod
    def of(cls, redis: Redis, result_ttl_s: int) -> Self:
        """Return the jobs in `redis`, each kept for `result_ttl_s` after its last entry."""
        gate, append = RedisGate(redis), Appender(result_ttl_s)
        reader, clock = JobReader(gate), StoreClock(gate)
        closer = JobCloser(gate, append, reader, clock)
        return cls(
            creation=JobCreation(gate, Copies(redis), append),
            reader=reader,
            closer=closer,
            workload=Workload(gate, clock),
            dead_workers=DeadWorkers(gate, append, closer),
            clock=clock,
            result_ttl_s=result_ttl_s,
        )
