from shared.comparison.compare import differences_between
from shared.comparison.marks import Mark, marks
from tests.shared.comparison.sites import SiteJob


def marked(**jobs: SiteJob) -> frozenset[Mark]:
    """Return what is marked of the jobs of sites."""
    return marks(differences_between({site: one.job() for site, one in jobs.items()}))


def test_nothing_is_marked_where_sites_are_alike() -> None:
    """A mark on each cell would say nothing."""
    failing = SiteJob().failing("tcp_connect", "tcp.refused")
    sign_in = SiteJob().failing("authenticate", "auth.invalid_credentials")

    assert not marked(default=SiteJob(), fra1=SiteJob())
    assert not marked(default=failing, fra1=failing)
    assert not marked(default=sign_in, fra1=SiteJob("product_identify"))


def test_the_failure_is_marked_and_not_the_success() -> None:
    """Even where most sites fail, the success is what is expected."""
    failing = SiteJob().failing("tcp_connect", "tcp.refused")

    assert marked(default=SiteJob(), fra1=failing, par1=failing) == {
        ("tcp_connect", "fra1"),
        ("tcp_connect", "par1"),
    }


def test_what_most_sites_see_is_not_marked() -> None:
    """It is the one that differs that is looked for."""
    other = SiteJob().seeing("dns_lookup", addresses=("8.8.8.8",))

    assert marked(default=SiteJob(), fra1=other, par1=SiteJob()) == {("dns_lookup", "fra1")}
    assert marked(default=SiteJob(), fra1=other) == {
        ("dns_lookup", "default"),
        ("dns_lookup", "fra1"),
    }


def test_the_slow_sites_are_marked() -> None:
    """Each is slow in its own way, and none of them is the usual one."""
    slow, slower = SiteJob().taking("tcp_connect", 200), SiteJob().taking("tcp_connect", 300)

    assert marked(default=SiteJob(), fra1=slow, sin1=slower) == {
        ("tcp_connect", "fra1"),
        ("tcp_connect", "sin1"),
    }
