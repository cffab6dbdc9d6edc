"""Have a reaper at work for each site, as sites come and go."""

import asyncio
import logging
from functools import partial

from api.background import keep_at
from api.jobs.enqueuer import Enqueuer
from api.jobs.reaper import Reaper
from shared.silence import LOOK_S, Silence
from shared.site_name import DEFAULT_SITE
from shared.sites.watched_sites import WatchedSites
from shared.store.cancelling import is_cancelled
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_store import JobStore

_log = logging.getLogger(__name__)


class Reapers:
    """One reaper a site, each a task of its own: a site that hangs holds up no other.

    A site that is declared no more keeps its reaper until none of its jobs can be left.
    """

    def __init__(
        self,
        store: JobStore,
        enqueuer: Enqueuer,
        sites: WatchedSites,
    ) -> None:
        self._store = store
        self._enqueuer = enqueuer
        self._sites = sites
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Start and stop reapers until cancelled, then stop all."""
        try:
            while not is_cancelled():
                await self._follow()
                await asyncio.sleep(LOOK_S)
        finally:
            await self._stop([*self._tasks])

    async def _follow(self) -> None:
        wanted = {DEFAULT_SITE, *self._sites.names()}
        try:
            wanted |= {*await self._store.index.sites_in_use()}
        except StoreUnreachableError:
            wanted |= {*self._tasks}
        for site in sorted(wanted - self._tasks.keys()):
            store, silence = self._store.at(site), partial(self._silence_of, site)
            reaper = Reaper(store, self._enqueuer, silence)
            self._tasks[site] = asyncio.create_task(keep_at(reaper.run))
            _log.info("reaper site=%s started=true", site)
        await self._stop(sorted(self._tasks.keys() - wanted))

    def _silence_of(self, site: str) -> Silence:
        declared = self._sites.site(site)
        return Silence(declared.silent_after_s) if declared else Silence.of(site)

    async def _stop(self, sites: list[str]) -> None:
        tasks = [self._tasks.pop(site) for site in sites]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for site in sites:
            _log.info("reaper site=%s started=false", site)
