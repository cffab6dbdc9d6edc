from collections.abc import Sequence
from datetime import timedelta
from time import thread_time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from tests.certificates.crafted import (
    A_DAY,
    NOW,
    Authority,
    Issued,
    Validity,
    self_signed,
    weak_key,
)
from tests.network.loopback import NAME, said
from worker.tls.certificate_causes import (
    CHAIN_EXPIRED,
    CN_ONLY,
    EXPIRED,
    HOSTNAME_MISMATCH,
    INCOMPLETE_CHAIN,
    IP_NOT_IN_SAN,
    NOT_TRUSTED,
    NOT_YET_VALID,
    PRIVATE_CA,
    SELF_SIGNED,
    SIGNATURE_INVALID,
    WEAK_KEY_OR_HASH,
    WRONG_EKU,
    cause_of,
)
from worker.tls.chain import Chain, chain_of
from worker.tls.chain_judgement import Judgement
from worker.tls.interception import TLS_INTERCEPTION

PAST = Validity(not_after=NOW - 10 * A_DAY - timedelta(hours=1))
FUTURE = Validity(not_before=NOW + A_DAY)
URL = "http://pki.example/middle.der"


def chain(issued: Issued, *above: Authority, given: Authority | None = None) -> Chain:
    sent = [one.certificate.public_bytes(Encoding.DER) for one in above]
    return chain_of((issued.der, *sent), given.pem if given else "")


def faults(judged: Chain, verify_code: int, host: str = NAME) -> Sequence[Cause]:
    """Return the causes; every sentence about them must be sayable."""
    found = Judgement(host, verify_code, NOW).faults(judged)
    for finding in found:
        said(Failed(finding.cause, **finding.facts))
    return [finding.cause for finding in found]


def test_every_fault_of_a_certificate_is_named_the_trust_first() -> None:
    """OpenSSL stops at the first; who mends one after the other needs a day for each."""
    issued = self_signed("other.example", validity=PAST)

    assert faults(chain(issued), 18) == [SELF_SIGNED, EXPIRED, HOSTNAME_MISMATCH]


def test_every_fault_of_an_issued_certificate_is_named() -> None:
    """The order is written in one place, and this is it."""
    issued = Authority("mitmproxy").issue(
        validity=FUTURE, key=weak_key(), usage=ExtendedKeyUsageOID.CLIENT_AUTH
    )

    assert faults(chain(issued), 20) == [
        PRIVATE_CA,
        NOT_YET_VALID,
        WEAK_KEY_OR_HASH,
        WRONG_EKU,
        HOSTNAME_MISMATCH,
        TLS_INTERCEPTION,
    ]


def test_a_complete_chain_lacks_nothing_but_trust() -> None:
    """Its authority is unknown here; sending more would not help."""
    root = Authority("Root")
    middle = Authority("Middle", above=root)

    assert faults(chain(middle.issue(NAME), middle, root), 19) == [PRIVATE_CA]
    assert faults(chain(middle.issue(NAME), middle), 20) == [PRIVATE_CA]


def test_a_chain_lacks_an_issuer_where_something_says_so() -> None:
    """The code is the same as for an unknown authority, which need not be sent."""
    middle = Authority("Middle", above=Authority("Root"))

    assert faults(chain(middle.issue(NAME, issuer_url=URL)), 20) == [INCOMPLETE_CHAIN]
    assert faults(chain(middle.issue(NAME), Authority("Stranger")), 20) == [INCOMPLETE_CHAIN]
    ours = Authority("Root")
    assert faults(chain(middle.issue(NAME), given=ours), 20) == [INCOMPLETE_CHAIN]
    assert faults(chain(middle.issue(NAME)), 20) == [PRIVATE_CA]


def test_a_missing_issuer_is_told_with_the_address_that_the_certificate_gives() -> None:
    """Who has to install it can fetch it there; we never do."""
    judged = chain(Authority("Middle").issue(NAME, issuer_url=URL))
    (finding,) = Judgement(NAME, 20, now=NOW).faults(judged)

    text = said(Failed(finding.cause, **finding.facts))

    assert "Middle" in text
    assert URL in text


def test_an_authority_with_a_new_key_is_told() -> None:
    """It was set up anew under its old name, and callers have its old certificate."""
    assert faults(chain(Authority("Ours").issue(NAME)), 7) == [SIGNATURE_INVALID]


def test_an_expired_issuer_is_told_beside_a_good_certificate() -> None:
    """The date of the leaf would send people astray."""
    middle = Authority("Middle", PAST, above=Authority("Root"))

    assert faults(chain(middle.issue(NAME), middle), 10) == [CHAIN_EXPIRED]


def test_an_issuer_of_tomorrow_is_told_beside_a_good_certificate() -> None:
    """It was made by a machine with a wrong clock, and the leaf's date would hide that."""
    middle = Authority("Middle", FUTURE, above=Authority("Root"))
    (finding,) = Judgement(NAME, 9, now=NOW).faults(chain(middle.issue(NAME), middle))

    assert finding.cause is NOT_YET_VALID
    assert finding.facts["early_subject"] == "Middle"


def test_issuers_are_not_judged_where_openssl_found_a_way_without_them() -> None:
    """An expired cross certificate in the chain harms nobody, the wrong name does."""
    middle = Authority("Middle", PAST, above=Authority("Root"))

    assert faults(chain(middle.issue("other.example"), middle), 62) == [HOSTNAME_MISMATCH]


@pytest.mark.parametrize(
    ("names", "host", "is_good"),
    [
        (("*.example.com",), "a.example.com", True),
        (("*.example.com",), "A.EXAMPLE.com", True),
        (("*.example.com",), "example.com", False),
        (("*.example.com",), "b.a.example.com", False),
        (("*.com",), "example.com", False),
        (("a*.example.com",), "ab.example.com", False),
        (("a.example.com",), "b.example.com", False),
        (("10.0.0.7",), "10.0.0.7", True),
        (("2001:db8::7",), "2001:db8::7", True),
        (("2001:db8::7",), "2001:DB8:0::7", True),
    ],
)
def test_names_are_judged_as_openssl_does(names: tuple[str, ...], host: str, is_good: bool) -> None:
    """RFC 9525 6.3: a star stands for one whole label."""
    found = faults(chain(Authority().issue(*names)), 62, host)

    assert (found == []) is is_good


def test_an_address_and_a_common_name_are_told_apart_from_a_wrong_name() -> None:
    """The remedies differ: use the name, or issue it again."""
    authority = Authority()

    assert faults(chain(authority.issue(NAME)), 64, "10.0.0.7") == [IP_NOT_IN_SAN]
    assert faults(chain(authority.issue(common_name=NAME)), 62) == [CN_ONLY]
    assert faults(chain(authority.issue(common_name="other")), 62) == [HOSTNAME_MISMATCH]


def test_the_nearest_name_is_proposed() -> None:
    """Of twenty names people overlook the one that differs in a letter."""
    judged = chain(Authority().issue("www.example.org", "claud.example.com", "x.example.net"))
    (finding,) = Judgement(NAME, 62, now=NOW).faults(judged)

    assert finding.facts["nearest"] == "claud.example.com"


def test_comparing_thousands_of_hostile_names_costs_little() -> None:
    """A certificate holds as many as fit into 100 KiB, and each may be 253 characters long."""
    names = [f"{number}{'cloud.example.' * 17}com" for number in range(380)]
    judged = chain(Authority().issue(*names))
    began_s = thread_time()

    assert faults(judged, 62) == [HOSTNAME_MISMATCH]
    assert thread_time() - began_s < 0.5


def test_a_verify_code_without_a_name_of_ours_stays_itself() -> None:
    """The number is what an operator can look up."""
    assert cause_of(12) is NOT_TRUSTED
    assert faults(chain(Authority().issue(NAME)), 12) == []
