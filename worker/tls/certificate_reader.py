"""Read what a certificate says, for people to compare and for verdicts to rest on."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_address
from typing import TypeVar, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact
from shared.text import printable

MOST_NAMES = 20
_MOST_COMPARED = 5000
_MOST_URLS = 3

E = TypeVar("E", bound=x509.ExtensionType)

PIN_CHANGED = Cause(
    code="tls.pin_changed",
    owner="caller",
    summary="{host} shows a certificate with SHA-256 {sha256}, not the pinned one"
    "[ ({pinned_sha256})][; the new one is by {issuer}, valid from {not_before} to {not_after}]",
    remedies=(
        "Find out on {host} whether its certificate was renewed; if so, pin the new one, "
        "and if not, somebody is in between.",
    ),
    field="options.tls.fingerprintSha256",
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The parts of an X.509 certificate (RFC 5280) that a verdict can depend on.

    Everything in it is the platform's own word, made safe to show. `subject` and `issuer` are
    common names, or the whole names where there is none. A key or a hash that can't be read is
    "unknown", with 0 bits; `signature_hash` is empty where the algorithm has none of its own.
    """

    subject: str
    issuer: str
    issuer_organization: str
    all_names: tuple[str, ...]
    """DNS names and addresses that it is valid for, some thousands at most."""
    not_before: datetime
    not_after: datetime
    fingerprint_sha256: str
    key_type: str
    key_bits: int
    signature_hash: str
    usages: tuple[str, ...]
    """Extended key usages as dotted numbers (RFC 5280 4.2.1.12); none stands for any."""
    is_authority: bool
    """Whether it may issue others: CA in its basic constraints."""
    issuer_urls: tuple[str, ...]
    """Where its issuer's certificate is said to be (RFC 5280 4.2.2.1). Never fetched."""
    subject_der: bytes
    issuer_der: bytes

    @property
    def names(self) -> tuple[str, ...]:
        """The first names that it is valid for, few enough to show."""
        return self.all_names[:MOST_NAMES]

    @property
    def is_self_issued(self) -> bool:
        """Whether it names itself as its issuer (RFC 5280 6.1); the signature is not looked at."""
        return self.subject_der == self.issuer_der

    @property
    def facts(self) -> dict[str, Fact]:
        """The certificate as evidence."""
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": self.names,
            "not_before": self.not_before.isoformat(),
            "not_after": self.not_after.isoformat(),
            "sha256": self.fingerprint_sha256,
            "key_type": self.key_type,
            "key_bits": self.key_bits,
            "signature_hash": self.signature_hash,
        }


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a DER certificate in lower-case hexadecimal."""
    return sha256(der).hexdigest()


def read_certificate(der: bytes) -> Certificate:
    """Return what a DER certificate says. No signature is verified, nothing is fetched.

    Raises:
        ValueError: it is no certificate that can be read.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError("the certificate can't be read") from error
    constraints = _extension(extensions, x509.BasicConstraints)
    usages = _extension(extensions, x509.ExtendedKeyUsage)
    key_type, key_bits = _key(certificate)
    return Certificate(
        subject=_shown(certificate.subject),
        issuer=_shown(certificate.issuer),
        issuer_organization=_organization(certificate.issuer),
        all_names=_names(_extension(extensions, x509.SubjectAlternativeName)),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint_sha256=fingerprint(der),
        key_type=key_type,
        key_bits=key_bits,
        signature_hash=_signature_hash(certificate),
        usages=tuple(usage.dotted_string for usage in usages or ()),
        is_authority=bool(constraints and constraints.ca),
        issuer_urls=_urls(_extension(extensions, x509.AuthorityInformationAccess)),
        subject_der=certificate.subject.public_bytes(),
        issuer_der=certificate.issuer.public_bytes(),
    )


@dataclass(frozen=True, slots=True)
class Outline:
    """The little of a certificate that a warning needs; reading it takes 10 µs."""

    not_after: datetime
    issuer: str
    issuer_organization: str


def read_outline(der: bytes) -> Outline:
    """Return the outline of a DER certificate.

    Raises:
        ValueError: it is no certificate that can be read.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        raise ValueError("the certificate can't be read") from error
    issuer = certificate.issuer
    return Outline(certificate.not_valid_after_utc, _shown(issuer), _organization(issuer))


def is_valid_for(names: tuple[str, ...], host: str) -> bool:
    """Return whether `host`, a name or an address, is one of `names` (RFC 9525 6.3)."""
    if is_address(host):
        return str(ip_address(host)) in names
    host = host.lower()
    _, _, parent = host.partition(".")
    # A star stands for one whole label, and never right above the top level.
    star = f"*.{parent}" if "." in parent else host
    return any(name.lower() in (host, star) for name in names)


def is_address(host: str) -> bool:
    """Return whether `host` is an address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _shown(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return printable(found[0].value if found else name.rfc4514_string())


def _organization(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    return printable(found[0].value) if found else ""


def _extension(extensions: x509.Extensions, kind: type[E]) -> E | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _names(alternatives: x509.SubjectAlternativeName | None) -> tuple[str, ...]:
    if alternatives is None:
        return ()
    names = cast("list[object]", alternatives.get_values_for_type(x509.DNSName))
    addresses = cast("list[object]", alternatives.get_values_for_type(x509.IPAddress))
    return tuple(printable(name, 253) for name in [*names, *addresses][:_MOST_COMPARED])


def _urls(access: x509.AuthorityInformationAccess | None) -> tuple[str, ...]:
    issuers = (
        a for a in access or () if a.access_method == AuthorityInformationAccessOID.CA_ISSUERS
    )
    places = [a.access_location for a in issuers]
    urls = [printable(p.value) for p in places if isinstance(p, x509.UniformResourceIdentifier)]
    return tuple(urls[:_MOST_URLS])


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return "unknown", 0
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECDSA", key.key_size
    if isinstance(key, dsa.DSAPublicKey):
        return "DSA", key.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519", 256
    return ("Ed448", 456) if isinstance(key, ed448.Ed448PublicKey) else ("unknown", 0)


def _signature_hash(certificate: x509.Certificate) -> str:
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return "unknown"
    return algorithm.name if algorithm else ""
