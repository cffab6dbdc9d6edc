from shared.comparison.causes import NAMES_DIFFER
from shared.comparison.compare import differences_between
from shared.comparison.difference import Difference
from tests.shared.comparison.sites import KNOWN, SiteJob, cause_of


def found_with(**addresses: tuple[str, ...]) -> list[Difference]:
    """Return what is said of sites for which the host has these `addresses`."""
    jobs = {s: SiteJob().seeing("dns_lookup", addresses=a).job() for s, a in addresses.items()}
    return [one for one in differences_between(jobs) if one.finding.cause is NAMES_DIFFER]


def test_different_addresses_are_named_with_their_sites() -> None:
    """Split DNS is the first suspect of whoever knows it, and nobody else's."""
    (found,) = found_with(default=("8.8.8.7",), fra1=("10.0.0.7",), par1=("8.8.8.7",))

    assert found.finding.summary(KNOWN) == (
        "db.example.com resolves to different addresses: 8.8.8.7 (default, par1), "
        "10.0.0.7 (fra1); internal addresses: 10.0.0.7"
    )
    assert [side.sites for side in found.sides] == [("default", "par1"), ("fra1",)]
    assert found.finding.remedies(KNOWN)[0].startswith("Make the name servers of default, par1 and")


def test_a_different_order_is_no_difference() -> None:
    """Name servers rotate what they answer."""
    assert not found_with(
        default=("198.51.100.1", "198.51.100.2"), fra1=("198.51.100.2", "198.51.100.1")
    )


def test_answers_that_overlap_prove_nothing() -> None:
    """A name with many addresses is answered with some of them, which change."""
    assert not found_with(
        default=("8.8.8.1", "8.8.8.2"), fra1=("8.8.8.2", "8.8.8.3"), par1=("8.8.8.3", "8.8.8.4")
    )


def test_an_address_of_nat64_is_the_one_inside_it() -> None:
    """A site with IPv6 alone reaches the same platform."""
    assert not found_with(default=("192.0.2.7",), fra1=("64:ff9b::c000:207",))
    assert not found_with(default=("192.0.2.7",), fra1=("::ffff:192.0.2.7",))


def test_a_hosts_file_is_named() -> None:
    """It is where the wrong address is, and no name server."""
    override = cause_of("dns.hosts_override")
    by_file = SiteJob().finding("dns_lookup", override, addresses=("8.8.4.4",))
    jobs = {"default": SiteJob().job(), "fra1": by_file.job()}

    found = differences_between(jobs)[1]

    assert found.finding.cause is NAMES_DIFFER
    assert "taken from a hosts file: fra1" in found.finding.summary(KNOWN)


def test_a_site_that_found_no_address_has_none_to_compare() -> None:
    """That it found none is said of the outcomes."""
    failed = SiteJob().failing("dns_lookup", "dns.nxdomain", addresses=("8.8.8.8",))
    jobs = {"default": SiteJob().job(), "fra1": failed.job()}

    assert NAMES_DIFFER not in [one.finding.cause for one in differences_between(jobs)]
