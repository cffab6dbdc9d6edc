"""Find the site of a job by its id, and how the job began; only the API reads it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self, cast

from shared.diagnosis.entries import Queued
from shared.site_name import DEFAULT_SITE
from shared.store.gate import RedisGate
from shared.store.jobs.job_stream import Command
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from shared.store.store_clock import StoreClock

SITES_IN_USE = "conncheck:sites"
"""Sorted set of the sites beside the default one that may have jobs, by until when (epoch)."""
_NAME = re.compile("[a-z0-9-]{1,32}")
LONGEST_RUN_S = 1800
"""From the last moment that a job may begin to its last entry; it may be begun a second time."""


def index_key(job_id: str) -> str:
    """Return the key of what is noted of the job; the jobs of the default site have none."""
    return f"conncheck:site-of:{job_id}"


class NotedJob(NamedTuple):
    """What the API notes of a job of another site than the default one."""

    site: str
    first_entry: bytes
    """The text of the job's first entry: who can write at the site may have replaced that."""

    @classmethod
    def of(cls, noted: bytes) -> Self:
        """Return what an index says; a site's name has no space."""
        site, _, first_entry = noted.partition(b" ")
        return cls(site.decode(), first_entry)


@dataclass(frozen=True, slots=True)
class SiteIndex:
    """Leads from the ids of jobs to their sites, for as long as there is something to find."""

    _gate: RedisGate
    _result_ttl_s: int
    _clock: StoreClock

    def adding(self, job_id: str, queued: Queued, start_by: datetime) -> Sequence[Command]:
        """Return the commands that note a new job; none for one of the default site."""
        if queued.site == DEFAULT_SITE:
            return ()
        over_by = int(start_by.timestamp()) + LONGEST_RUN_S
        until = str(over_by + self._result_ttl_s)
        noted = f"{queued.site} {queued.model_dump_json()}"
        return (
            ("SET", index_key(job_id), noted, "EXAT", until),
            ("ZADD", SITES_IN_USE, "GT", str(over_by), queued.site),
            ("EXPIREAT", SITES_IN_USE, until, "NX"),  # GT alone gives no time to live
            ("EXPIREAT", SITES_IN_USE, until, "GT"),
        )

    async def sites_in_use(self) -> Sequence[str]:
        """Return the sites, other than the default one, whose jobs may not be over.

        They may be declared no more. What is no name of a site is left out.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        now = await self._clock.now()
        async with self._gate.turn() as redis:
            found = await redis.zrangebyscore(SITES_IN_USE, now.timestamp(), "+inf")
        names = [site.decode("utf-8", "replace") for site in cast("list[bytes]", found)]
        return [name for name in names if _NAME.fullmatch(name)]

    async def noted(self, job_id: str) -> NotedJob | None:
        """Return what is noted of a job; None for one of the default site, and where there is none.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        async with self._gate.turn() as redis:
            found = cast("bytes | None", await redis.get(index_key(job_id)))
        return NotedJob.of(found) if found else None

    async def of_site(self, site: str, job_ids: Sequence[str]) -> Sequence[str]:
        """Return those of the jobs that the API has created for `site`.

        What a site lists under its prefix may name the jobs of others, as those of a batch that
        both test. The default site's workers are trusted with all of Redis.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        if site == DEFAULT_SITE or not job_ids:
            return job_ids
        async with self._gate.turn() as redis:
            found = cast("list[bytes | None]", await redis.mget(map(index_key, job_ids)))
        noted = zip(job_ids, found, strict=True)
        return [job_id for job_id, text in noted if text and NotedJob.of(text).site == site]

    async def keys_of(self, job_id: str) -> SiteKeys:
        """Return the keys of the job's site; those of the default one also where there is no job.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        noted = await self.noted(job_id)
        return SiteKeys.of(noted.site) if noted else DEFAULT_KEYS
