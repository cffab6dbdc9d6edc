import pytest

from shared.comparison.causes import (
    ALL_FAIL_ALIKE,
    ALL_PASS,
    FAIL_DIFFERENTLY,
    JUDGED_DIFFERENTLY,
    NOT_COMPARABLE,
    UNREACHABLE_FROM,
)
from shared.comparison.compare import differences_between
from shared.comparison.difference import Difference, Side
from tests.shared.comparison.sites import KNOWN, SiteJob, cause_of, not_started

EGRESS = {"fra1": ["203.0.113.7"]}


def summary(difference: Difference) -> str:
    return difference.finding.summary(KNOWN)


def remedies(difference: Difference) -> tuple[str, ...]:
    return difference.finding.remedies(KNOWN)


def test_what_passes_everywhere_is_said_to_pass() -> None:
    """It is the answer that a portal waits for."""
    (found,) = differences_between({"default": SiteJob().job(), "fra1": SiteJob().job()})

    assert found.finding.cause is ALL_PASS
    assert summary(found) == "The test passes from every site that was tested: default, fra1"
    assert found.sides == (Side(("default", "fra1")),)


def test_who_presented_the_key_pair_and_who_was_not_tested_is_said() -> None:
    """A comparison that signs in once must not look as if each site had."""
    jobs = {
        "default": SiteJob().job(),
        "fra1": SiteJob("product_identify").job(),
        "sin1": not_started("expired"),
        "par1": None,
    }

    (found,) = differences_between(jobs)

    assert summary(found) == (
        "The test passes from every site that was tested: default, fra1; not tested: sin1, par1; "
        "the key pair was presented from default only"
    )


def test_one_site_proves_nothing() -> None:
    """There is nothing to compare it with."""
    cancelled = SiteJob().failing("authenticate", "policy.just_rejected").job()
    jobs = {"default": SiteJob().job(), "fra1": not_started("cancelled"), "sin1": cancelled}

    assert differences_between(jobs) == []


def test_what_fails_alike_is_not_a_matter_of_sites() -> None:
    """Nobody should look for a firewall of one site."""
    jobs = {
        site: SiteJob().failing("tcp_connect", "tcp.refused").job() for site in ("default", "fra1")
    }

    (found,) = differences_between(jobs)

    assert found.finding.cause is ALL_FAIL_ALIKE
    assert found.step == "tcp_connect"
    assert "(default, fra1)" in summary(found)
    assert "at tcp_connect (tcp.refused)" in summary(found)


def test_a_site_that_cannot_connect_is_named_with_what_it_needs() -> None:
    """Whoever opens the firewall needs both ends and the port."""
    jobs = {
        "default": SiteJob().job(),
        "fra1": SiteJob().failing("tcp_connect", "tcp.timeout_filtered").job(),
    }

    (found,) = differences_between(jobs, EGRESS)

    assert found.finding.cause is UNREACHABLE_FROM
    assert summary(found) == (
        "From fra1 the test fails at tcp_connect (tcp.timeout_filtered); from default this step "
        "passes"
    )
    assert remedies(found)[0] == (
        "Allow 203.0.113.7 (fra1) to reach 192.0.2.7 on 8443/tcp; from default this works."
    )
    assert len(remedies(found)) == 2
    assert [side.sites for side in found.sides] == [("fra1",), ("default",)]


def test_a_name_that_one_site_does_not_know_leads_to_its_name_servers() -> None:
    """No firewall helps there."""
    jobs = {
        "default": SiteJob().job(),
        "fra1": SiteJob().failing("dns_lookup", "dns.nxdomain").job(),
    }

    (found,) = differences_between(jobs, EGRESS)

    assert remedies(found)[0] == (
        "Compare the name servers of fra1 with those of default, which find db.example.com."
    )


def test_each_way_to_fail_is_a_difference_of_its_own() -> None:
    """Two sites can have two firewalls."""
    jobs = {
        "default": SiteJob().job(),
        "fra1": SiteJob().failing("tcp_connect", "tcp.timeout_filtered").job(),
        "par1": SiteJob().failing("tls_handshake", "tls.expired").job(),
        "sin1": SiteJob().failing("tcp_connect", "tcp.timeout_filtered").job(),
    }

    found = [one for one in differences_between(jobs) if one.finding.cause is UNREACHABLE_FROM]

    assert [(one.step, one.sides[0].sites, one.sides[1].sites) for one in found] == [
        ("tcp_connect", ("fra1", "sin1"), ("default", "par1")),
        ("tls_handshake", ("par1",), ("default",)),
    ]


def test_sites_that_all_fail_in_their_own_way_are_not_alike() -> None:
    """A reader who fixes the first fault meets the second."""
    jobs = {
        "default": SiteJob().failing("tcp_connect", "tcp.refused").job(),
        "fra1": SiteJob().failing("tcp_connect", "tcp.timeout_filtered").job(),
    }

    (found,) = differences_between(jobs)

    assert found.finding.cause is FAIL_DIFFERENTLY
    assert "tcp.refused (default), tcp.timeout_filtered (fra1)" in summary(found)


def test_a_rejection_from_one_site_alone_points_to_its_address() -> None:
    """The same key pair was accepted a moment before."""
    jobs = {
        "default": SiteJob().job(),
        "fra1": SiteJob().failing("authenticate", "auth.invalid_credentials").job(),
    }

    (found,) = differences_between(jobs, EGRESS)

    assert found.finding.cause is JUDGED_DIFFERENTLY
    assert "from fra1 authenticate fails (auth.invalid_credentials), from default it passes" in (
        summary(found)
    )
    assert remedies(found)[0].startswith("Allow 203.0.113.7 (fra1) in the platform's rules")


def test_a_sign_in_that_breaks_off_is_no_judgement() -> None:
    """The network failed; the key pair was not judged."""
    jobs = {
        "default": SiteJob().job(),
        "fra1": SiteJob().failing("authenticate", "http.reset").job(),
    }

    (found,) = differences_between(jobs)

    assert found.finding.cause is UNREACHABLE_FROM


def test_a_step_that_no_other_site_was_asked_for_proves_no_difference() -> None:
    """A wrong secret is wrong from everywhere."""
    jobs = {
        "default": SiteJob().failing("authenticate", "auth.invalid_credentials").job(),
        "fra1": SiteJob("product_identify").job(),
    }

    (found,) = differences_between(jobs)

    assert found.finding.cause is NOT_COMPARABLE
    assert "was not part of the test from fra1" in summary(found)
    assert remedies(found)[1].startswith(
        "Sign in from each site (signIn=all) to compare authenticate"
    )


def test_a_key_pair_that_was_withheld_was_not_judged() -> None:
    """It would look as if the platform had rejected it from there."""
    withheld = (cause_of("auth.invalid_credentials"), cause_of("policy.just_rejected"))
    jobs = {
        "default": SiteJob().job(),
        "fra1": SiteJob().job(),
        "sin1": SiteJob().finding("authenticate", *withheld).job(),
    }

    (found,) = differences_between(jobs)

    assert found.finding.cause is ALL_PASS
    assert found.finding.facts["untested"] == ("sin1",)


@pytest.mark.parametrize("others", [("fra1",), ("fra1", "sin1")])
def test_a_key_pair_that_was_withheld_does_not_pass(others: tuple[str, ...]) -> None:
    """All others pass, because they were not asked to sign in: nobody has a key pair that works."""
    withheld = (cause_of("auth.invalid_credentials"), cause_of("policy.just_rejected"))
    jobs = {
        "default": SiteJob().finding("authenticate", *withheld).job(),
        **{site: SiteJob("product_identify").job() for site in others},
    }

    (found,) = differences_between(jobs)

    assert found.finding.cause is NOT_COMPARABLE
    assert summary(found).startswith(
        "From default the test fails at authenticate (auth.invalid_credentials)"
    )


def test_a_site_without_a_network_of_its_own_is_a_difference() -> None:
    """It is the site's fault, and it is found nowhere else."""
    jobs = {
        "default": SiteJob().job(),
        "fra1": SiteJob().failing("tcp_connect", "self.vantage_offline").job(),
    }

    (found,) = differences_between(jobs)

    assert found.finding.cause is UNREACHABLE_FROM


def test_a_limit_of_ours_says_nothing_about_the_platform() -> None:
    """The service refused to connect, not the platform."""
    jobs = {
        "default": SiteJob().job(),
        "fra1": SiteJob().failing("tcp_connect", "policy.network_denied").job(),
        "sin1": SiteJob().failing("authenticate", "self.internal_error").job(),
    }

    assert differences_between(jobs) == []
