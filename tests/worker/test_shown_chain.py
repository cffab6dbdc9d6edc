import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.worker.certificates import Authority, forbidden_certificate
from worker.certificate import fingerprint
from worker.shown_chain import facts_of_chain


@pytest.mark.parametrize(
    ("key", "named"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA 2048 bits"),
        (ec.generate_private_key(ec.SECP384R1()), "ECDSA secp384r1"),
    ],
)
def test_a_key_is_named_by_its_kind_and_size(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, named: str
) -> None:
    """A weak key is seen before it is pinned."""
    issued = Authority().issue("a.example.com", key=key)

    facts = facts_of_chain([issued.der])

    assert facts["0.key"] == named
    assert facts["0.serial_number"] == f"{issued.certificate.serial_number:x}"


@pytest.mark.parametrize("der", [forbidden_certificate()[1], b"", b"\x30\x80", b"\xff" * 100])
def test_of_one_that_can_not_be_read_the_sha256_is_known(der: bytes) -> None:
    """A pin compares bytes, and needs nothing else of them."""
    assert facts_of_chain([der]) == {"certificates": 1, "0.sha256": fingerprint(der)}
