"""The API's side of the jobs."""

from dataclasses import dataclass
from typing import Self

from shared.store.append_only_file import AppendOnlyFile
from shared.store.gate import RedisGate
from shared.store.jobs.dead_workers import DeadWorkers
from shared.store.jobs.job_closer import JobCloser
from shared.store.jobs.job_creation import JobCreation
from shared.store.jobs.job_reader import JobReader
from shared.store.jobs.job_stream import Appender
from shared.store.jobs.workload import Workload
from shared.store.limits.target_limit import Lines, TurnLimits


@dataclass(frozen=True, slots=True)
class JobStore:
    """All jobs, by what is done to them; the parts share one way to Redis."""

    creation: JobCreation
    reader: JobReader
    closer: JobCloser
    workload: Workload
    dead_workers: DeadWorkers
    lines: Lines
    result_ttl_s: int

    @classmethod
    def of(cls, gate: RedisGate, result_ttl_s: int, limits: TurnLimits) -> Self:
        """Return the jobs behind `gate`, each kept for `result_ttl_s` after its last entry."""
        append = Appender(result_ttl_s)
        reader = JobReader(gate)
        closer = JobCloser(gate, append, reader)
        return cls(
            creation=JobCreation(gate, AppendOnlyFile(gate), append),
            reader=reader,
            closer=closer,
            workload=Workload(gate),
            dead_workers=DeadWorkers(gate, append, closer, limits),
            lines=Lines(gate, limits),
            result_ttl_s=result_ttl_s,
        )
