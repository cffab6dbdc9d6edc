"""Find the site of a job by its id, and the platform that it tests; only the API reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from shared.diagnosis.entries import Queued
from shared.site_name import DEFAULT_SITE
from shared.store.gate import RedisGate
from shared.store.jobs.job_stream import Command
from shared.store.limits.rejections import platform_of
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys

LONGEST_RUN_S = 1800
"""From the last moment that a job may begin to its last entry; it may be begun a second time."""


def index_key(job_id: str) -> str:
    """Return the key of the name of the job's site; the jobs of the default site have none."""
    return f"conncheck:site-of:{job_id}"


def keys_named(site: bytes | None) -> SiteKeys:
    """Return the keys of the site that an index names."""
    return SiteKeys.of(_parted(site)[0]) if site else DEFAULT_KEYS


def _parted(noted: bytes) -> tuple[str, str]:
    """Return the site and the platform that an index names; a site's name has no space."""
    site, _, platform = noted.decode().partition(" ")
    return site, platform


@dataclass(frozen=True, slots=True)
class SiteIndex:
    """Leads from the ids of jobs to their sites, for as long as there is something to find."""

    _gate: RedisGate
    _result_ttl_s: int

    def adding(self, job_id: str, queued: Queued, start_by: datetime) -> Sequence[Command]:
        """Return the commands that note the site of a new job; none for the default one.

        The platform is noted too: what the site's workers tell of it may be about another one.
        """
        if queued.site == DEFAULT_SITE:
            return ()
        until = int(start_by.timestamp()) + LONGEST_RUN_S + self._result_ttl_s
        noted = f"{queued.site} {platform_of(queued.product_type, queued.endpoint)}"
        return (("SET", index_key(job_id), noted, "EXAT", str(until)),)

    async def place_of(self, job_id: str) -> tuple[str, str]:
        """Return a job's site and platform; of the default one's, that alone, and of none too.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            noted = cast("bytes | None", await redis.get(index_key(job_id)))
        return _parted(noted) if noted else (DEFAULT_SITE, "")

    async def keys_of(self, job_id: str) -> SiteKeys:
        """Return the keys of the job's site; those of the default one also where there is no job.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            return keys_named(cast("bytes | None", await redis.get(index_key(job_id))))
