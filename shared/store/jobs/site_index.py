"""Find the site of a job by its id; only the API reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from shared.site_name import DEFAULT_SITE
from shared.store.gate import RedisGate
from shared.store.jobs.job_stream import Command
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys

LONGEST_RUN_S = 1800
"""From the last moment that a job may begin to its last entry; it may be begun a second time."""


def index_key(job_id: str) -> str:
    """Return the key of the name of the job's site; the jobs of the default site have none."""
    return f"conncheck:site-of:{job_id}"


def keys_named(site: bytes | None) -> SiteKeys:
    """Return the keys of the site that an index names."""
    return SiteKeys.of(site.decode()) if site else DEFAULT_KEYS


@dataclass(frozen=True, slots=True)
class SiteIndex:
    """Leads from the ids of jobs to their sites, for as long as there is something to find."""

    _gate: RedisGate
    _result_ttl_s: int

    def adding(self, job_id: str, site: str, start_by: datetime) -> Sequence[Command]:
        """Return the commands that note the site of a new job; none for the default one."""
        if site == DEFAULT_SITE:
            return ()
        until = int(start_by.timestamp()) + LONGEST_RUN_S + self._result_ttl_s
        return (("SET", index_key(job_id), site, "EXAT", str(until)),)

    async def keys_of(self, job_id: str) -> SiteKeys:
        """Return the keys of the job's site; those of the default one also where there is no job.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            return keys_named(cast("bytes | None", await redis.get(index_key(job_id))))
