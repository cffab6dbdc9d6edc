"""The API's side of the jobs."""

from dataclasses import dataclass
from typing import Self

from shared.store.copies import Copies
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
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from shared.store.store_clock import StoreClock
from shared.store.tenant_list import TenantList

LONGEST_LIFE_S = 1800
"""From a job's creation to its last entry: it waits and runs for ten minutes each, or twice."""


@dataclass(frozen=True, slots=True)
class JobStore:
    """All jobs of one site, by what is done to them; the parts share one way to Redis."""

    creation: JobCreation
    reader: JobReader
    of_tenants: TenantJobs
    closer: JobCloser
    workload: Workload
    dead_workers: DeadWorkers
    lines: Lines
    clock: StoreClock
    keys: SiteKeys
    result_ttl_s: int

    @classmethod
    def of(
        cls,
        gate: RedisGate,
        result_ttl_s: int,
        limits: TurnLimits,
        most_kept: int = NO_LIMIT,
        keys: SiteKeys = DEFAULT_KEYS,
    ) -> Self:
        """Return the jobs behind `gate`, each kept for `result_ttl_s` after its last entry.

        A tenant may have `most_kept` of them, and of the items of its batches.
        """
        append = Appender(result_ttl_s, keys)
        reader, clock = JobReader(gate, keys), StoreClock(gate)
        closer = JobCloser(gate, append, reader, clock, keys)
        index = TenantList("jobs", result_ttl_s + LONGEST_LIFE_S)
        kept = KeptResults(result_ttl_s, most_kept)
        return cls(
            creation=JobCreation(gate, Copies(gate), append, kept, index),
            reader=reader,
            of_tenants=TenantJobs(gate, index, keys),
            closer=closer,
            workload=Workload(gate, clock, keys),
            dead_workers=DeadWorkers(gate, append, closer, limits, keys),
            lines=Lines(gate, limits, keys),
            clock=clock,
            keys=keys,
            result_ttl_s=result_ttl_s,
        )
