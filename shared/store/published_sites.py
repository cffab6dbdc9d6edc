"""Keep what the API publishes of its sites, each under its own prefix."""

from collections.abc import Sequence
from typing import Final

from shared.sites.published_site import PublishedSite
from shared.store.gate import RedisGate
from shared.store.site_keys import SiteKeys

PUBLISHED_S: Final = 60
"""How long it is known; a site that is no longer declared is forgotten then."""


async def publish_sites(gate: RedisGate, sites: Sequence[PublishedSite]) -> None:
    """Write what is published of each site, for PUBLISHED_S.

    Raises:
        StoreUnreachableError: the outcome is unknown.
    """
    async with gate.turn() as redis, redis.pipeline(transaction=False) as pipe:
        for site in sites:
            pipe.set(SiteKeys.of(site.name).entry, site.text(), ex=PUBLISHED_S)
        await pipe.execute()
