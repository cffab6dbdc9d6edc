import subprocess
import sys
from datetime import UTC
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.certificates.crafted import (
    Authority,
    Key,
    forbidden_certificate,
    of_version_6,
    rsa_key,
    self_signed,
)
from tests.certificates.written import (
    NAME_CONSTRAINTS,
    alternatives,
    dns,
    extension,
    oid,
    sequence,
    tlv,
    written,
)
from worker.tcp.connection import fingerprint
from worker.tls.certificate import MOST_NAMES, TWICE, UNREADABLE_EXTENSION, Breach
from worker.tls.certificate_reader import read_certificate, read_outline


def test_what_a_verdict_depends_on_is_read() -> None:
    """People compare these values with what they see on the platform."""
    issued = Authority("Our Authority").issue("a.example.com", "10.0.0.7", common_name="cloud")

    certificate = read_certificate(issued.der)

    assert certificate.subject == "cloud"
    assert certificate.issuer == "Our Authority"
    assert certificate.names == ("a.example.com", "10.0.0.7")
    assert certificate.not_before == issued.certificate.not_valid_before_utc
    assert certificate.not_after == issued.certificate.not_valid_after_utc
    assert certificate.not_after.tzinfo is UTC


@pytest.mark.parametrize(
    ("key", "kind", "bits"),
    [
        (rsa_key(), "RSA", 2048),
        (ec.generate_private_key(ec.SECP384R1()), "ECDSA", 384),
        (ed25519.Ed25519PrivateKey.generate(), "Ed25519", 256),
    ],
    ids=["rsa", "ecdsa", "ed25519"],
)
def test_the_key_is_read_with_its_size(key: Key, kind: str, bits: int) -> None:
    """A size is weak or not by its kind: 256 bits are few for RSA and many for ECDSA."""
    certificate = read_certificate(Authority().issue("a.example.com", key=key).der)

    assert (certificate.key_type, certificate.key_bits) == (kind, bits)
    assert certificate.signature_hash == "sha256"


def test_the_outline_is_the_same_as_the_whole() -> None:
    """It is read on every good handshake, so it reads no more than a warning needs."""
    issued = Authority("Ours").issue("a.example.com")
    whole, outline = read_certificate(issued.der), read_outline(issued.der)

    assert (outline.not_after, outline.issuer) == (whole.not_after, whole.issuer)
    assert outline.issuer_organization == whole.issuer_organization == ""


def test_the_fingerprint_is_that_of_openssl() -> None:
    """`openssl x509 -fingerprint -sha256` shows the SHA-256 of the DER form."""
    issued = self_signed("a.example.com")

    assert read_certificate(issued.der).fingerprint_sha256 == sha256(issued.der).hexdigest()
    assert fingerprint(b"") == sha256(b"").hexdigest()


def test_the_facts_are_json_values() -> None:
    """They go into the job's stream as they are."""
    issued = self_signed("a.example.com")
    certificate = read_certificate(issued.der)

    facts = certificate.facts

    assert facts["names"] == ("a.example.com",)
    assert facts["not_after"] == issued.certificate.not_valid_after_utc.isoformat()
    assert facts["sha256"] == certificate.fingerprint_sha256


def test_a_certificate_without_alternative_names_has_no_names() -> None:
    """The CN is no name to be valid for any more."""
    certificate = read_certificate(Authority().issue(common_name="a.example.com").der)

    assert certificate.names == ()


def test_control_characters_of_a_hostile_certificate_are_not_shown() -> None:
    """A CN is the platform's text and ends up in terminals and pages."""
    certificate = read_certificate(Authority().issue(common_name="a\x1b[31m\x00b").der)

    assert certificate.subject == "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b"


def test_of_endless_names_a_handful_is_read() -> None:
    """A certificate may carry ten thousand names; evidence must stay small."""
    names = [f"{number}.example.com" for number in range(MOST_NAMES * 10)]

    certificate = read_certificate(Authority().issue(*names).der)

    assert certificate.names == tuple(names[:MOST_NAMES])


@pytest.mark.parametrize("der", [b"", b"\x30\x03\x02\x01\x00", b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate_is_a_value_error(der: bytes) -> None:
    """The caller expects this one error and goes on without the certificate."""
    with pytest.raises(ValueError, match=r"."):
        read_certificate(der)


@pytest.mark.parametrize(
    "value",
    [
        sequence(tlv(0xA2, sequence(dns("example.com")))),
        sequence(tlv(0xA0, sequence())),
        sequence(dns("example.com")),
    ],
    ids=["neither permitted nor excluded", "a constraint without a name", "no constraint at all"],
)
def test_a_constraint_without_its_parts_is_told_as_unreadable(value: bytes) -> None:
    """A hostile server must not turn a fault of its certificate into one of this service."""
    certificate = read_certificate(written(extension(NAME_CONSTRAINTS, value)).der)

    assert certificate.breaches == (Breach(UNREADABLE_EXTENSION, NAME_CONSTRAINTS, is_fatal=True),)


def test_an_extension_without_a_value_is_no_certificate() -> None:
    """Its reader promises a ValueError for all that it cannot read."""
    with pytest.raises(ValueError, match="values"):
        read_certificate(written(sequence(oid("2.5.29.99"))).der)


def test_a_certificate_that_the_standard_forbids_is_read_with_its_breach() -> None:
    """The library gives up where an extension is there twice; people need to know which."""
    _, der = forbidden_certificate()

    certificate = read_certificate(der)

    assert certificate.subject == "leaf"
    assert certificate.breaches == (Breach(TWICE, "2.5.29.99"),)


@pytest.mark.parametrize("serial", [b"\x87\x65\x43\x21", b"\x00"], ids=["negative", "zero"])
def test_an_odd_serial_number_is_read_without_a_word_on_stderr(serial: bytes) -> None:
    """The library warns of it, and the command's stderr is no place for that."""
    der = written(alternatives(dns("a.example.com")), serial=serial).der
    program = (
        "import sys; from worker.tls.certificate_reader import read_certificate, read_outline;"
        "der = sys.stdin.buffer.read();"
        "print(read_certificate(der).names, read_outline(der).issuer)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], input=der, capture_output=True, check=True
    )

    assert done.stdout == b"('a.example.com',) leaf\n"
    assert done.stderr == b""


@pytest.mark.parametrize("der", [b"", b"rubbish", of_version_6(self_signed("x.example").der)])
def test_of_what_can_not_be_read_there_is_no_outline(der: bytes) -> None:
    """One kind of error, so that a step can go on without the outline."""
    with pytest.raises(ValueError, match=r"."):
        read_outline(der)
