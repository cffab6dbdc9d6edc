"""Tests of what the API publishes of its sites."""

from importlib.metadata import version
from pathlib import Path
from typing import cast

from api.sites.publisher import SitePublisher
from shared.sealing import new_key_pair
from shared.sites.published_site import PublishedSite
from shared.sites.site_entry import SiteEntry
from shared.sites.sites_file import SitesFile
from shared.sites.watched_sites import WatchedSites
from shared.store.gate import RedisGate
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from tests.shared.conftest import Backend

_, OWN_KEY = new_key_pair()
_, FRA1_KEY = new_key_pair()
_, NEXT_KEY = new_key_pair()


def published(backend: Backend, keys: SiteKeys) -> PublishedSite | None:
    """Return what can be read of a site."""
    return PublishedSite.read(cast("bytes", backend.sync.get(keys.entry) or b""))


def test_each_site_finds_its_own_entry_under_its_own_prefix(real: Backend, tmp_path: Path) -> None:
    """A site's password opens nothing else, and its operators compare keys on their machine."""
    fra1 = SiteEntry.model_validate(
        {
            "name": "fra1",
            "title": "Frankfurt",
            "sealingPublicKey": FRA1_KEY,
            "nextSealingPublicKey": NEXT_KEY,
            "egress": ["203.0.113.7"],
        }
    )
    file = tmp_path / "sites.json"
    SitesFile(sites=(fra1,)).write(file)

    real.run(
        lambda redis: SitePublisher(
            RedisGate(redis), WatchedSites(file), OWN_KEY, signing_public_key="signed"
        ).publish()
    )

    assert published(real, SiteKeys.of("fra1")) == PublishedSite(
        name="fra1",
        title="Frankfurt",
        version=version("conncheck"),
        sealing_public_keys=(FRA1_KEY, NEXT_KEY),
        signing_public_key="signed",
        egress=("203.0.113.7",),
        silence_s=30,
    )
    default = published(real, DEFAULT_KEYS)
    assert default
    assert default.sealing_public_keys == (OWN_KEY,)


def test_what_is_published_is_forgotten_with_its_site(real: Backend) -> None:
    """A machine that was removed learns so; and no key of ours lasts for ever."""
    real.run(lambda redis: SitePublisher(RedisGate(redis), WatchedSites(), OWN_KEY).publish())

    assert 0 < real.sync.ttl(DEFAULT_KEYS.entry) <= 60
