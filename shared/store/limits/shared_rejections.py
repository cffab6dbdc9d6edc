"""The API's side of rejections: it issues the secrets, and copies what one site has told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from shared.rejection_secrets import EPOCH
from shared.store.bounded_reads import read_members
from shared.store.commands import commands
from shared.store.gate import RedisGate, is_unreadable
from shared.store.limits.rejection_reports import RejectionReport, reports_in
from shared.store.limits.rejections import KEPT_S
from shared.store.limits.sign_in_memory import REMEMBER, causes_key, rejected_key
from shared.store.site_keys import SiteKeys

MOST_AT_ONCE = 100
"""Reports that are taken from a site at a time, so that none holds up the others."""
ONCE_S = 3600  # longer than a job is run


@dataclass(frozen=True, slots=True)
class SharedRejections:
    """The memories of all sites."""

    _gate: RedisGate

    async def issue(self, texts: Mapping[str, str]) -> None:
        """Give each site's workers the secrets that are sealed for them.

        Raises:
            StoreUnreachableError: some sites may have the last ones still.
        """
        async with commands(self._gate) as pipe:
            for site, text in texts.items():
                pipe.set(SiteKeys.of(site).rejection_secrets, text, ex=2 * EPOCH)
            await pipe.execute()

    async def take(self, sites: Sequence[str]) -> Sequence[tuple[str, RejectionReport]]:
        """Return what the workers of each site have told, and forget it.

        Raises:
            StoreUnreachableError: what was told may be lost.
        """
        async with commands(self._gate) as pipe:
            for site in sites:
                read_members(pipe, "RPOP", SiteKeys.of(site).rejections, MOST_AT_ONCE)
            found = await pipe.execute(raise_on_error=False)
        return [
            (site, report)
            for site, texts in zip(sites, found, strict=True)
            if isinstance(texts, list)  # a site may have written something else there
            for report in reports_in(texts)
        ]

    async def has_copied(self, job_id: str) -> bool:
        """Return whether something was copied for this job already."""
        async with self._gate.turn() as redis:
            return bool(await redis.exists(_copied_key(job_id)))

    async def is_first_of(self, job_id: str) -> bool:
        """Return whether nothing was copied for this job yet, and note that something is."""
        async with self._gate.turn() as redis:
            told = redis.set(_copied_key(job_id), 1, nx=True, ex=ONCE_S)
            return bool(cast("object", await told))

    async def copy(self, report: RejectionReport, platform: str, sites: Sequence[str]) -> None:
        """Remember at `sites` what was rejected, or forget what was, if it was accepted.

        Nothing is remembered at a site whose keys hold something else.

        Raises:
            StoreUnreachableError: it may be remembered at some of them.
        """
        async with commands(self._gate) as pipe:
            for keys in map(SiteKeys.of, sites):
                for account, secret in report.pairs:
                    key = rejected_key(keys, platform, account)
                    told = [key, causes_key(key)]
                    if report.cause:
                        pipe.eval(REMEMBER.text, 2, *told, secret, KEPT_S, report.cause)
                    else:
                        pipe.delete(*told)
            for answer in await pipe.execute(raise_on_error=False):
                is_unreadable(answer)  # raises the other errors


def _copied_key(job_id: str) -> str:
    """Return the key that says that a report of the job was copied."""
    return f"conncheck:rejection-of:{job_id}"
