"""The API's side of the jobs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from shared.reporting.fold import Places, nowhere
from shared.site_name import DEFAULT_SITE
from shared.store.copies import Copies
from shared.store.gate import RedisGate
from shared.store.jobs.dead_workers import DeadWorkers
from shared.store.jobs.job_closer import JobCloser
from shared.store.jobs.job_creation import JobCreation
from shared.store.jobs.job_reader import JobReader
from shared.store.jobs.job_stream import Appender
from shared.store.jobs.site_index import SiteIndex
from shared.store.jobs.tenant_jobs import TenantJobs
from shared.store.jobs.workload import Workload
from shared.store.limits.kept_results import NO_LIMIT, KeptResults
from shared.store.limits.target_limit import Lines, TurnLimits
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from shared.store.store_clock import StoreClock
from shared.store.tenant_list import TenantList

LONGEST_LIFE_S = 1800
"""From a job's creation to its last entry: it waits and runs for ten minutes each, or twice."""


class SiteParts(NamedTuple):
    """What a site has of its own."""

    keys: SiteKeys
    workload: Workload
    dead_workers: DeadWorkers
    lines: Lines


@dataclass(frozen=True, slots=True)
class JobStore:
    """All jobs, by what is done to them, and what belongs to one site; `at` gives another one's.

    The parts share one way to Redis.
    """

    creation: JobCreation
    reader: JobReader
    of_tenants: TenantJobs
    closer: JobCloser
    index: SiteIndex
    workload: Workload
    dead_workers: DeadWorkers
    lines: Lines
    clock: StoreClock
    keys: SiteKeys
    result_ttl_s: int
    _at: Callable[[str], SiteParts]

    @classmethod
    def of(
        cls,
        gate: RedisGate,
        result_ttl_s: int,
        limits: TurnLimits,
        most_kept: int = NO_LIMIT,
        places: Places = nowhere,
    ) -> Self:
        """Return the jobs behind `gate`, each kept for `result_ttl_s` after its last entry.

        A tenant may have `most_kept` of them, and of the items of its batches. `places` tells what
        the words of a report know of its site.
        """
        append = Appender(result_ttl_s, DEFAULT_KEYS)
        reader, clock = JobReader(gate, places), StoreClock(gate)
        index = SiteIndex(gate, result_ttl_s, clock)
        closer = JobCloser(gate, append, reader, clock, index)
        listed = TenantList("jobs", result_ttl_s + LONGEST_LIFE_S)
        kept = KeptResults(result_ttl_s, most_kept)

        def at(site: str) -> SiteParts:
            keys = SiteKeys.of(site)
            workload, lines = Workload(gate, clock, keys), Lines(gate, limits, keys)
            dead_workers = DeadWorkers(gate, append.at(keys), closer, limits, keys)
            return SiteParts(keys, workload, dead_workers, lines)

        return cls(
            creation=JobCreation(gate, Copies(gate), append, kept, listed, index),
            reader=reader,
            of_tenants=TenantJobs(gate, listed, reader),
            closer=closer,
            index=index,
            clock=clock,
            result_ttl_s=result_ttl_s,
            _at=at,
            **at(DEFAULT_SITE)._asdict(),
        )

    def at(self, site: str) -> "JobStore":
        """Return the same jobs, with the workload, the workers and the lines of a site."""
        return replace(self, **self._at(site)._asdict())
