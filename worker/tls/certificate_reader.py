"""Read certificates; only this module loads the library that does it."""

from typing import TypeVar, cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from shared.text import printable
from worker.tcp.connection import fingerprint
from worker.tls.certificate import Certificate, Outline

_MOST_COMPARED = 5000
_MOST_URLS = 3

E = TypeVar("E", bound=x509.ExtensionType)


def read_certificate(der: bytes) -> Certificate:
    """Return the content of a DER certificate. No signature is verified, nothing is fetched.

    Raises:
        ValueError: it is no certificate that can be read.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        extensions = certificate.extensions
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError("the certificate cannot be parsed") from error
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


def read_outline(der: bytes) -> Outline:
    """Return the outline of a DER certificate.

    Raises:
        ValueError: it is no certificate that can be read.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        raise ValueError("the certificate cannot be parsed") from error
    issuer = certificate.issuer
    return Outline(certificate.not_valid_after_utc, _shown(issuer), _organization(issuer))


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
