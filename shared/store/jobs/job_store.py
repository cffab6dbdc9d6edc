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
from shared.store.jobs.tenant_jobs import TenantJobs
from shared.store.jobs.workload import Workload
from shared.store.limits.kept_results import NO_LIMIT, KeptResults
from shared.store.limits.target_limit import Lines, TurnLimits
from shared.store.tenant_list import TenantList

LONGEST_LIFE_S = 1800
"""From a job's creation to its last entry: it waits and runs for ten minutes each, or twice."""


@dataclass(frozen=True, slots=True)
class JobStore:
    """All jobs, by what is done to them; the parts share one way to Redis."""

    creation: JobCreation
    reader: JobReader
    of_tenants: TenantJobs
    closer: JobCloser
    workload: Workload
    dead_workers: DeadWorkers
    lines: Lines
    result_ttl_s: int

    @classmethod
    def of(
        cls, gate: RedisGate, result_ttl_s: int, limits: TurnLimits, most_kept: int = NO_LIMIT
    ) -> Self:
        """Return the jobs behind `gate`, each kept for `result_ttl_s` after its last entry.

        A tenant may have `most_kept` of them, and of the items of its batches.
        """
        append = Appender(result_ttl_s)
        reader = JobReader(gate)
        closer = JobCloser(gate, append, reader)
        index = TenantList("jobs", result_ttl_s + LONGEST_LIFE_S)
        kept = KeptResults(result_ttl_s, most_kept)
        return cls(
            creation=JobCreation(gate, AppendOnlyFile(gate), append, kept, index),
            reader=reader,
            of_tenants=TenantJobs(gate, index),
            closer=closer,
            workload=Workload(gate),
            dead_workers=DeadWorkers(gate, append, closer, limits),
            lines=Lines(gate, limits),
            result_ttl_s=result_ttl_s,
        )
