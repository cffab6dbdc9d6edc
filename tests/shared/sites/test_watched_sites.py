from ipaddress import ip_network
from pathlib import Path

import pytest

from shared.endpoint import parse_endpoint
from shared.sealing import new_key_pair
from shared.sites.site_entry import DEFAULT_ENTRY, SiteEntry
from shared.sites.site_rules import SiteRules
from shared.sites.sites_file import SitesFile
from shared.sites.watched_sites import WatchedSites

FRA1, SIN1 = (
    SiteEntry(name=name, sealing_public_key=new_key_pair()[1]) for name in ("fra1", "sin1")
)
RULES = SiteRules.parse("fra1=10.20.0.0/16")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "sites.json"
    SitesFile(sites=(FRA1,)).write(found)
    return found


def test_a_site_is_known_from_the_next_call_on(path: Path) -> None:
    """An API that has to be restarted for a site would end its streams."""
    watched = WatchedSites(path)

    assert (watched.site("fra1"), watched.site("sin1")) == (FRA1, None)
    SitesFile(sites=(FRA1, SIN1)).write(path)
    assert watched.site("sin1") == SIN1
    assert watched.sites() == (DEFAULT_ENTRY, FRA1, SIN1)


def test_without_a_file_there_is_the_default_site() -> None:
    """An installation that knows nothing of sites goes on as before."""
    watched = WatchedSites()

    assert watched.sites() == (DEFAULT_ENTRY,)
    assert watched.site_for(parse_endpoint("10.20.1.1")) is DEFAULT_ENTRY


def test_the_rules_choose_among_the_declared_sites(path: Path) -> None:
    """What no rule matches is tested from the default site."""
    watched = WatchedSites(path, RULES)

    assert watched.site_for(parse_endpoint("10.20.1.1")) == FRA1
    assert watched.site_for(parse_endpoint("10.30.1.1")).name == "default"


def test_a_rule_for_a_site_that_is_not_declared_is_refused(path: Path) -> None:
    """Its endpoints would be tested from elsewhere, where they can't be reached."""
    rules = SiteRules.parse("fra1=10.20.0.0/16; tokyo=10.30.0.0/16")

    with pytest.raises(ValueError, match=r"site tokyo, but .*sites\.json does not declare it"):
        WatchedSites(path, rules)
    with pytest.raises(ValueError, match="site fra1, but CONNCHECK_SITES_FILE is not set"):
        WatchedSites(None, rules)


def test_a_site_that_a_rule_names_stays_until_the_rule_goes(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who deletes an entry by mistake must not send its key pairs to another place."""
    watched = WatchedSites(path, RULES)

    SitesFile(sites=(SIN1,)).write(path)

    assert watched.site_for(parse_endpoint("10.20.1.1")) == FRA1
    assert watched.site("sin1") is None
    assert caplog.text.count("unchanged=true") == 1


def test_reports_know_the_public_addresses_of_a_site(path: Path) -> None:
    """Whoever opens a firewall needs them; without any, there is nothing to say."""
    seen = FRA1.model_copy(update={"egress": (ip_network("203.0.113.7"),)})
    SitesFile(sites=(seen, SIN1)).write(path)

    watched = WatchedSites(path)

    assert watched.facts_of("fra1") == {"site": "fra1", "site_egress": ("203.0.113.7",)}
    assert [watched.facts_of(name) for name in ("sin1", "none", "default")] == [{}, {}, {}]
