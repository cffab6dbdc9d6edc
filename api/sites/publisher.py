"""Publish the declared sites, so that `conncheck site check` can compare keys on their machines."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from shared.sites.published_site import PublishedSite
from shared.sites.watched_sites import WatchedSites
from shared.store.cancelling import is_cancelled
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.published_sites import publish_sites

PUBLISH_S: Final = 10.0
"""Also the time after which a change of the file is published."""


@dataclass(frozen=True, slots=True)
class SitePublisher:
    """Publishes all sites again and again."""

    gate: RedisGate
    sites: WatchedSites
    sealing_public_key: str
    """That of `default`."""
    signing_public_key: str | None = None

    async def run(self) -> None:
        """Publish until cancelled."""
        while not is_cancelled():
            with suppress(StoreUnreachableError):  # the reaper logs it
                await self.publish()
            await asyncio.sleep(PUBLISH_S)

    async def publish(self) -> None:
        """Publish once.

        Raises:
            StoreUnreachableError: the outcome is unknown.
        """
        await publish_sites(
            self.gate,
            [
                PublishedSite.of(
                    entry,
                    version=version("conncheck"),
                    sealing_public_key=self.sealing_public_key,
                    signing_public_key=self.signing_public_key,
                )
                for entry in self.sites.sites()
            ],
        )
