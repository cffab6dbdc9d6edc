from shared.comparison.causes import CERTIFICATES_DIFFER
from shared.comparison.compare import differences_between
from shared.comparison.difference import Difference
from tests.shared.comparison.sites import KNOWN, SiteJob, cause_of

OTHER = {"sha256": "bb" * 32, "key_sha256": "22" * 32}


def found_in(other: SiteJob) -> Difference | None:
    """Return what is said of the certificate of another site."""
    found = differences_between({"default": SiteJob().job(), "fra1": other.job()})
    return next((one for one in found if one.finding.cause is CERTIFICATES_DIFFER), None)


def summary(found: Difference | None) -> str:
    assert found
    return found.finding.summary(KNOWN)


def test_other_authorities_leave_two_reasons_open() -> None:
    """Which of them it is the certificates alone do not prove."""
    found = found_in(SiteJob().seeing("tls_handshake", issuer="Proxy CA", **OTHER))

    assert summary(found) == (
        "db.example.com shows different certificates: Example CA aaaaaaaaaaaaaaaa (default), "
        "Proxy CA bbbbbbbbbbbbbbbb (fra1); different authorities issued them (Example CA, Proxy "
        "CA): either TLS inspection on the way, or another server or load balancer"
    )
    assert found
    assert found.sides[1].evidence == {**OTHER, "issuer": "Proxy CA"}


def test_one_authority_speaks_for_several_servers() -> None:
    """A product that inspects has an authority of its own."""
    found = found_in(SiteJob().seeing("tls_handshake", **OTHER))

    assert "the same authority issued them (Example CA)" in summary(found)


def test_a_known_interceptor_is_named_with_its_site() -> None:
    """It is the sentence that ends most meetings."""
    inspected = SiteJob().seeing("tls_handshake", issuer="Zscaler Root", **OTHER)
    warning = cause_of("proxy.tls_interception")
    found = found_in(inspected.finding("tls_handshake", warning, interceptor="Zscaler"))

    assert "; Zscaler inspects TLS on the way from fra1" in summary(found)
    assert "different authorities" not in summary(found)
    assert found
    assert found.finding.remedies(KNOWN)[0] == (
        "Exempt db.example.com from the TLS inspection by Zscaler on the way from fra1."
    )


def test_a_certificate_that_was_renewed_with_its_key_is_no_difference() -> None:
    """The servers of a name are renewed one after the other."""
    assert found_in(SiteJob().seeing("tls_handshake", sha256="bb" * 32)) is None


def test_an_expired_certificate_beside_its_renewal_is_one() -> None:
    """One server was forgotten, and one site meets it."""
    forgotten = SiteJob().failing(
        "tls_handshake", "tls.expired", sha256="bb" * 32, key_sha256="11" * 32, issuer="Example CA"
    )

    assert "their key is the same (SHA-256 1111111111111111)" in summary(found_in(forgotten))


def test_a_worker_that_does_not_tell_the_certificate_proves_nothing() -> None:
    """An older version, or a handshake that never came so far."""
    older = SiteJob().seeing("tls_handshake", sha256="", key_sha256="", issuer="")

    assert found_in(older) is None
