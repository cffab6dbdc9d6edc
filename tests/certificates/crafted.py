"""Certificates with the faults that a judgement has to tell apart."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import (
    AuthorityInformationAccessOID,
    ExtendedKeyUsageOID,
    NameOID,
    ObjectIdentifier,
)

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
NOW = datetime.now(UTC).replace(microsecond=0)
A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Validity:
    """From when to when a certificate is valid."""

    not_before: datetime = NOW - 30 * A_DAY
    not_after: datetime = NOW + 365 * A_DAY


@dataclass(frozen=True)
class Issued:
    """A certificate, its key, and the certificates that are sent with it."""

    certificate: x509.Certificate
    key: Key
    sent_with: Sequence[x509.Certificate] = ()

    @property
    def der(self) -> bytes:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> str:
        """The certificate alone."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def server_context(self, der: bytes | None = None) -> ssl.SSLContext:
        """Return a context for a server that shows this certificate, or `der` in its place."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")  # to be weaker than what the worker accepts
        with TemporaryDirectory() as directory:
            chain, key = Path(directory, "chain.pem"), Path(directory, "key.pem")
            shown = [der or self.der, *(part.public_bytes(Encoding.DER) for part in self.sent_with)]
            chain.write_text("".join(ssl.DER_cert_to_PEM_cert(part) for part in shown))
            key.write_bytes(
                self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            )
            context.load_cert_chain(chain, key)
        return context


class Authority:
    """An authority, or one below another; it may be out of date itself."""

    def __init__(
        self,
        name: str = "Test Authority",
        validity: Validity = Validity(),
        above: "Authority | None" = None,
        key: SigningKey | None = None,
        *,
        may_issue: bool = True,
        path_length: int | None = None,
    ) -> None:
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        signer = above or self
        constraints = x509.BasicConstraints(may_issue, path_length)
        builder = _builder(name, validity).add_extension(constraints, critical=True)
        builder = builder.issuer_name(signer.subject if above else _name(name))
        self.certificate = builder.public_key(self._key.public_key()).sign(signer._key, SHA256())  # noqa: SLF001 -- another of its kind

    @property
    def subject(self) -> x509.Name:
        """The authority's name."""
        return self.certificate.subject

    @property
    def pem(self) -> str:
        """The authority's certificate."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        *names: str,
        common_name: str = "leaf",
        validity: Validity = Validity(),
        key: Key | None = None,
        usage: ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
        issuer_url: str = "",
        public_key: rsa.RSAPublicKey | None = None,
    ) -> Issued:
        """Return a certificate for `names`, DNS names or addresses.

        `issuer_url` is where the authority's own is said to be; a `public_key` of somebody else
        stands in the certificate in place of the key's own.
        """
        key = key or ec.generate_private_key(ec.SECP256R1())
        shown = public_key or key.public_key()
        builder = _for(names, common_name, validity, shown, usage).issuer_name(self.subject)
        if issuer_url:
            builder = builder.add_extension(_issuer_at(issuer_url), critical=False)
        return Issued(builder.sign(self._key, SHA256()), key)


def signed_with_sha1(issued: Issued, signer: rsa.RSAPrivateKey) -> Issued:
    """Return what an authority with the RSA key `signer` issued, signed with SHA-1 instead.

    The library signs nothing with SHA-1 any more, so the certificate is put together by hand.
    """
    sha256, sha1 = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    signed = issued.certificate.tbs_certificate_bytes.replace(sha256, sha1)
    signature = signer.sign(signed, PKCS1v15(), SHA1())  # noqa: S303 -- it shall be refused
    der = issued.der.replace(sha256, sha1).replace(issued.certificate.signature, signature)
    return Issued(x509.load_der_x509_certificate(der), issued.key)


def self_signed(
    *names: str, validity: Validity = Validity(), key: SigningKey | None = None
) -> Issued:
    """Return a certificate that vouches for itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = _for(names, "leaf", validity, key.public_key(), ExtendedKeyUsageOID.SERVER_AUTH)
    return Issued(builder.issuer_name(_name("leaf")).sign(key, SHA256()), key)


def forbidden_certificate() -> tuple[Issued, bytes]:
    """Return a certificate, and in DER what became of it: two extensions of one kind.

    RFC 5280 4.2 forbids them; OpenSSL does not mind.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("leaf", Validity()).issuer_name(_name("leaf")).public_key(key.public_key())
    for oid in ("2.5.29.98", "2.5.29.99"):
        novel = x509.UnrecognizedExtension(ObjectIdentifier(oid), b"\x05\x00")
        builder = builder.add_extension(novel, critical=False)
    issued = Issued(builder.sign(key, SHA256()), key)
    return issued, issued.der.replace(b"\x55\x1d\x62", b"\x55\x1d\x63")


def rsa_key() -> rsa.RSAPrivateKey:
    """Return a key of today's usual size."""
    return rsa.generate_private_key(65537, 2048)


def weak_key() -> rsa.RSAPrivateKey:
    """Return a key that was good enough in 2005."""
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 -- it shall be refused


def _for(
    names: Sequence[str],
    common_name: str,
    validity: Validity,
    key: ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey,
    usage: ObjectIdentifier,
) -> x509.CertificateBuilder:
    builder = _builder(common_name, validity).public_key(key)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if not names:
        return builder
    alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
    return builder.add_extension(alternatives, critical=False)


def _builder(common_name: str, validity: Validity) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
    )


def _issuer_at(url: str) -> x509.AuthorityInformationAccess:
    place = x509.UniformResourceIdentifier(url)
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)]
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def of_version_6(der: bytes) -> bytes:
    """Return the certificate as one of version 6: RFC 5280 4.1.2.1 ends at 3; OpenSSL takes it."""
    version_3, version_6 = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05"
    assert der.count(version_3) == 1
    return der.replace(version_3, version_6)
