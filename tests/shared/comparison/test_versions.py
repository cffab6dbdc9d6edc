from shared.comparison.causes import VERSIONS_DIFFER
from shared.comparison.compare import differences_between
from shared.comparison.difference import Difference
from tests.shared.comparison.sites import KNOWN, SiteJob


def found_with(**versions: str) -> list[Difference]:
    """Return what is said of sites that were told these `versions`."""
    jobs = {s: SiteJob().seeing("product_identify", version=v).job() for s, v in versions.items()}
    return [one for one in differences_between(jobs) if one.finding.cause is VERSIONS_DIFFER]


def test_different_versions_are_named_with_their_sites() -> None:
    """A cluster that was upgraded in part answers each site differently."""
    (found,) = found_with(default="4.8", fra1="4.7", par1="4.8")

    assert found.finding.summary(KNOWN) == (
        "db.example.com reports different versions: 4.8 (default, par1), 4.7 (fra1)"
    )
    assert found.step == "product_identify"


def test_the_same_version_or_none_is_no_difference() -> None:
    """Not every product tells its version to each step."""
    assert not found_with(default="4.8", fra1="4.8")
    assert not found_with(default="4.8", fra1="")
