from collections.abc import Callable
from pathlib import Path

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.endpoint import parse_endpoint
from shared.sealing import new_key_pair
from shared.sites.site_choice import MOST_NAMED, SITE_BLOCKED, SITE_UNKNOWN, SiteChoice
from shared.sites.site_entry import SiteEntry
from shared.sites.site_rules import SiteRules
from shared.sites.sites_file import SitesFile
from shared.sites.watched_sites import WatchedSites

RULES = SiteRules.parse("fra1=10.20.0.0/16")
HERE, IN_FRA1 = parse_endpoint("10.30.1.1"), parse_endpoint("https://10.20.1.1:8443")


def only(*names: str) -> Callable[[str], bool]:
    """Return what a token may use that names its sites."""
    return names.__contains__


def every(_: str) -> bool:
    return True


def choice(tmp_path: Path, *names: str, rules: SiteRules = RULES) -> SiteChoice:
    path = tmp_path / "sites.json"
    declared = (SiteEntry(name=name, sealing_public_key=new_key_pair()[1]) for name in names)
    SitesFile(sites=tuple(declared)).write(path)
    return SiteChoice(WatchedSites(path, rules))


@pytest.fixture
def two(tmp_path: Path) -> SiteChoice:
    """Give the choice between the default site and two others."""
    return choice(tmp_path, "fra1", "sin1")


def refusal(
    two: SiteChoice, named: str | None, may_use: Callable[[str], bool]
) -> tuple[Cause, dict[str, object]]:
    with pytest.raises(Failed) as raised:
        two.site_for(IN_FRA1, named, may_use)
    return raised.value.cause, dict(raised.value.finding.facts)


def test_the_named_site_counts_more_than_a_rule(two: SiteChoice) -> None:
    """Whoever names a site wants to know how the platform looks from there."""
    assert two.site_for(IN_FRA1, "sin1", every) == "sin1"
    assert two.site_for(IN_FRA1, "default", every) == "default"


def test_without_a_name_the_rule_decides_else_it_is_the_default_site(two: SiteChoice) -> None:
    """Callers that know nothing of sites are tested from the right one."""
    assert two.site_for(IN_FRA1, None, every) == "fra1"
    assert two.site_for(HERE, None, every) == "default"


def test_a_mistyped_site_is_told_the_nearest_that_the_token_may_use(two: SiteChoice) -> None:
    """It is no secret to whoever may test from there, and the others are."""
    assert refusal(two, "fra-1", every) == (
        SITE_UNKNOWN,
        {"sites": ("default", "fra1", "sin1"), "similar": ("fra1",)},
    )


def test_a_site_of_others_looks_like_one_that_does_not_exist(two: SiteChoice) -> None:
    """A token of one customer must not find out where the others have their networks."""
    there, nowhere = (refusal(two, name, only("default")) for name in ("sin1", "sin2"))

    assert there == nowhere == (SITE_BLOCKED, {"sites": ("default",)})


def test_a_rule_that_leads_to_a_site_of_others_does_not_name_it(two: SiteChoice) -> None:
    """The endpoint is the caller's own; the site is not."""
    cause, facts = refusal(two, None, only("default"))

    assert (cause, facts) == (SITE_BLOCKED, {"host": "10.20.1.1", "sites": ("default",)})


def test_a_site_of_the_token_that_is_not_declared_any_more_is_unknown(two: SiteChoice) -> None:
    """The token's entry outlives the site's."""
    cause, facts = refusal(two, "tokyo", only("tokyo"))

    assert (cause, facts) == (SITE_UNKNOWN, {})


def test_a_refusal_names_only_some_of_very_many_sites(tmp_path: Path) -> None:
    """It is read by people, and stored for each row of a batch."""
    many = choice(tmp_path, *(f"site-{n}" for n in range(3 * MOST_NAMED)), rules=SiteRules())

    _, facts = refusal(many, "site-", every)

    assert len(facts["sites"]) == MOST_NAMED  # type: ignore[arg-type]
