"""Have no site present a key pair that another site's platform has just rejected."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from shared.diagnosis.catalogue import catalogue
from shared.outage_log import OutageLog
from shared.rejection_secrets import issued, secrets_of
from shared.reporting.fold import fold
from shared.sealing import NoSealingKeyError, Sealers
from shared.signing import Signer
from shared.store.cancelling import is_cancelled
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_store import JobStore
from shared.store.limits.rejection_reports import RejectionReport
from shared.store.limits.rejections import KEPT_S, platform_of
from shared.store.limits.shared_rejections import SharedRejections

_log = logging.getLogger(__name__)

LOOK_S = 0.5
ISSUE_S = 30.0
"""How often the secrets are issued anew, for a Redis that has lost them and for new keys."""


class RejectionSharing:
    """Issues the secrets, and copies rejections; each process of the API does it.

    A site's workers are believed only as far as a job of theirs goes: it was a test of that
    platform, at that site, it is over, and it ended so. Of each job one report counts.
    """

    def __init__(
        self,
        rejections: SharedRejections,
        jobs: JobStore,
        signer: Signer | None,
        sealers: Sealers,
        sites: Callable[[], Sequence[str]],
    ) -> None:
        self._rejections = rejections
        self._jobs = jobs
        self._signer = signer
        self._sealers = sealers
        self._sites = sites
        self._issued_at_s = float("-inf")
        self._issued_to: Sequence[str] = ()
        self._most_pairs = 0
        """An account has a hash with each secret; with more, a worker would tell of others."""
        self._outage = OutageLog(_log, "rejections")

    async def run(self) -> None:
        """Share until cancelled."""
        while not is_cancelled():
            try:
                await self.look()
                self._outage.back()
            except StoreUnreachableError as error:
                self._outage.away(type(error).__name__)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Share once, if there is more than one site and a key to sign for them.

        Raises:
            StoreUnreachableError: some of what was told may be lost.
        """
        sites = self._sites()
        if self._signer and len(sites) > 1:
            await self._issue(self._signer, sites)
            await self._copy(sites)

    async def _issue(self, signer: Signer, sites: Sequence[str]) -> None:
        now_s = asyncio.get_running_loop().time()
        if sites == self._issued_to and now_s - self._issued_at_s < ISSUE_S:
            return
        now, overlap = await self._jobs.clock.now(), timedelta(seconds=KEPT_S)
        self._most_pairs = len(secrets_of(signer, now, overlap))
        texts: dict[str, str] = {}
        for site in sites:
            try:
                texts[site] = issued(signer, self._sealers.at(site), site, now, overlap)
            except NoSealingKeyError:  # it was removed a moment ago
                continue
        await self._rejections.issue(texts)
        self._issued_at_s, self._issued_to = now_s, sites

    async def _copy(self, sites: Sequence[str]) -> None:
        seen: set[str] = set()
        for site, report in await self._rejections.take(sites):
            is_new = report.job not in seen
            seen.add(report.job)
            platform = is_new and await self._platform_of(site, report)
            if platform and await self._rejections.is_first_of(report.job):
                others = [other for other in sites if other != site]
                one = report.model_copy(update={"pairs": report.pairs[: self._most_pairs]})
                await self._rejections.copy(one, platform, others)
            else:
                _log.warning("rejections job=%s site=%s outcome=not_copied", report.job, site)

    async def _platform_of(self, site: str, report: RejectionReport) -> str:
        """Return the platform that a report may be about; empty if it is not to be believed.

        Most of what a stolen worker tells is refused before its job is read.
        """
        if not await self._jobs.index.of_site(site, [report.job]):
            return ""
        if await self._rejections.has_copied(report.job):
            return ""
        entries = [entry for _, entry in await self._jobs.reader.story(report.job)]
        job = fold(entries)
        if job is None or job.site != site or job.status != "finished":
            return ""
        last = job.made[-1].cause if job.made else None
        known = catalogue().get(report.cause)
        was_rejected = bool(known and known.is_rejection and last == report.cause)
        if not (was_rejected if report.cause else job.success):
            return ""
        return platform_of(job.product_type, job.endpoint)
