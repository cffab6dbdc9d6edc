import pytest

from tests.certificates.written import (
    Written,
    alternatives,
    authority,
    authority_key_id,
    common_name,
    constraints,
    dns,
    subject_key_id,
    written,
)
from tests.network.loopback import NAME
from worker.tls.certificate_causes import (
    CERTIFICATE_INVALID,
    INCOMPLETE_CHAIN,
    NOT_TRUSTED,
    PRIVATE_CA,
    SELF_SIGNED,
    SIGNATURE_INVALID,
)
from worker.tls.chain import GIVEN, OWN, SENT, SENT_AND_GIVEN, chain_of
from worker.tls.issuer_judgement import issuer_faults

NO_ISSUER, SELF_SIGNED_LEAF, SELF_SIGNED_ABOVE = 20, 18, 19
TWICE = (subject_key_id(b"a"), subject_key_id(b"a"))
ROOT = authority("Root")


def leaf(*extensions: bytes, above: Written | None = ROOT) -> Written:
    return written(alternatives(dns(NAME)), *extensions, above=above)


def judged(*sent: Written, given: Written | None = None, code: int = NO_ISSUER) -> list[object]:
    """Return the causes and where the certificates are kept."""
    chain = chain_of([one.der for one in sent], given.pem if given else "")
    found = issuer_faults(chain, code)
    return [part for one in found for part in (one.cause, one.facts.get("kept_in"))]


def test_an_invalid_certificate_is_told_with_its_place() -> None:
    """OpenSSL finds no issuer then, which is not what is to be mended."""
    bad = authority("Bad", constraints(), *TWICE)

    assert judged(leaf(*TWICE)) == [CERTIFICATE_INVALID, OWN]
    assert judged(leaf(above=bad), bad) == [CERTIFICATE_INVALID, SENT]
    assert judged(leaf(above=bad), given=bad) == [CERTIFICATE_INVALID, GIVEN]
    assert judged(leaf(above=bad), bad, given=bad) == [CERTIFICATE_INVALID, SENT_AND_GIVEN]


def test_an_invalid_certificate_that_has_no_part_in_the_chain_is_not_blamed() -> None:
    """A bundle may contain anything."""
    bad = authority("Bad", constraints(), *TWICE)

    assert judged(leaf(), ROOT, given=bad, code=SELF_SIGNED_ABOVE) == [PRIVATE_CA, None]


def test_a_key_that_has_not_signed_is_told_with_its_place() -> None:
    """An authority that was set up anew keeps its name."""
    other = authority("Root")

    assert judged(leaf(), given=other) == [SIGNATURE_INVALID, GIVEN]
    assert judged(leaf(), other) == [SIGNATURE_INVALID, SENT]
    assert judged(leaf(), ROOT, given=other, code=SELF_SIGNED_ABOVE) == [SIGNATURE_INVALID, GIVEN]


def test_a_key_identifier_that_differs_is_no_wrong_signature() -> None:
    """The key has signed; that would be a false accusation."""
    ours = authority("Ours", constraints(), subject_key_id(b"a"))

    assert judged(leaf(authority_key_id(b"b"), above=ours), given=ours) == [NOT_TRUSTED, GIVEN]


def test_one_right_issuer_among_wrong_ones_is_enough() -> None:
    """A bundle may hold the old and the new authority under one name."""
    chain = chain_of([leaf().der], authority("Root").pem + ROOT.pem)

    assert [one.cause for one in issuer_faults(chain, NO_ISSUER)] == [NOT_TRUSTED]


@pytest.mark.parametrize("code", [SELF_SIGNED_LEAF, NO_ISSUER])
def test_a_self_signed_certificate_is_told_with_the_one_that_was_given(code: int) -> None:
    """An appliance makes a new one when it is set up again."""
    old = written(alternatives(dns(NAME)), subject=common_name("leaf"))
    chain = chain_of([leaf(above=None).der], old.pem)

    (finding,) = issuer_faults(chain, code)

    assert finding.cause is SELF_SIGNED
    assert finding.facts == {"given": ("leaf",)}


def test_an_issuer_that_nobody_has_is_missing() -> None:
    """Neither the server sends it, nor has the caller given it."""
    assert judged(leaf(), given=authority("Other")) == [INCOMPLETE_CHAIN, None]


@pytest.mark.parametrize("code", [10, 34, 62])
def test_where_openssl_found_a_way_the_issuers_are_not_blamed(code: int) -> None:
    """The fault is another one."""
    assert judged(leaf(), code=code) == []
