"""Read certificates; only this module loads the library that does it."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.utils import CryptographyDeprecationWarning

from shared.text import printable
from worker.tcp.connection import fingerprint
from worker.tls.certificate import (
    NEGATIVE_PATH_LENGTH,
    NO_EXTENSIONS_ALLOWED,
    TWICE,
    UNREADABLE_BEGIN,
    UNREADABLE_END,
    UNREADABLE_EXTENSION,
    VERSION,
    Breach,
    Certificate,
    Name,
    Outline,
)
from worker.tls.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    OBJECT_ID,
    OCTET_STRING,
    SEQUENCE,
    SET,
    Element,
    elements,
    inside,
    moment,
    object_id,
    text,
    whole,
)
from worker.tls.names import Entry, Kind

# Certificates with negative serial numbers and the like are in use: the library warns of each on
# stderr, which is no place for what a platform sends.
warnings.filterwarnings("ignore", category=CryptographyDeprecationWarning)

_MOST_COMPARED = 5000
_MOST_URLS = 3

_COMMON_NAME, _ORGANIZATION = "2.5.4.3", "2.5.4.10"
_VAGUE = ("ca", "root", "root ca", "rootca")  # vCenter's own authority is called CA
_SHORT = {_COMMON_NAME: "CN", _ORGANIZATION: "O", "2.5.4.11": "OU", "2.5.4.6": "C", "2.5.4.7": "L"}
_KEY_ID, _SUBJECT_KEY_ID, _ALTERNATIVES = "2.5.29.35", "2.5.29.14", "2.5.29.17"
_CONSTRAINTS, _KEY_USAGE, _USAGES = "2.5.29.19", "2.5.29.15", "2.5.29.37"
_NAME_CONSTRAINTS, _ACCESS = "2.5.29.30", "1.3.6.1.5.5.7.1.1"
_CA_ISSUERS = "1.3.6.1.5.5.7.48.2"
# What OpenSSL parses of every certificate: X509v3 extensions that it caches (v3_purp.c).
_CACHED = frozenset(
    {
        *(_KEY_ID, _SUBJECT_KEY_ID, _ALTERNATIVES, _CONSTRAINTS, _KEY_USAGE, _USAGES),
        *(_NAME_CONSTRAINTS, "2.5.29.31", "2.16.840.1.113730.1.1", "1.3.6.1.5.5.7.1.14"),
        *("1.3.6.1.5.5.7.1.7", "1.3.6.1.5.5.7.1.8"),
    }
)
# RFC 5280 4.2.1.3, the first bit first.
_KEY_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
T = TypeVar("T")

# GeneralName of RFC 5280 4.2.1.6.
_EMAIL, _DNS, _URI, _IP = 0x81, 0x82, 0x86, 0x87
# Context tags of RFC 5280 4.1, 4.2.1.1 and 4.2.1.10.
_VERSION, _EXTENSIONS, _OWN_KEY_ID = 0xA0, 0xA3, 0x80
_PERMITTED, _EXCLUDED = 0xA0, 0xA1

_Subtrees = tuple[tuple[Entry, ...], tuple[Entry, ...]]
_UNCONSTRAINED: tuple[bool | None, int | None] = (None, None)
_ANY_NAMES: _Subtrees = ((), ())


@dataclass(slots=True)
class _Extensions:
    """The extensions of a certificate, and the rules that they break."""

    values: dict[str, bytes] = field(default_factory=dict)
    critical: list[str] = field(default_factory=list)
    breaches: list[Breach] = field(default_factory=list)

    def add(self, extension: Element) -> None:
        """Take up one of them (RFC 5280 4.1)."""
        oid_part, *flags, value = elements(extension.under(SEQUENCE))
        oid = object_id(oid_part.under(OBJECT_ID))
        if oid in self.values:
            self._break(TWICE, oid)
            return
        self.values[oid] = value.under(OCTET_STRING)
        if flags and flags[0].tag == BOOLEAN and flags[0].content != b"\0":
            self.critical.append(oid)

    def read(self, oid: str, how: Callable[[bytes], T], default: T) -> T:
        """Return what `how` makes of an extension; `default` without one that can be read."""
        value = self.values.get(oid)
        if value is None:
            return default
        try:
            return how(value)
        except ValueError:
            self._break(UNREADABLE_EXTENSION, oid)
            return default

    def _break(self, rule: str, oid: str) -> None:
        breach = Breach(rule, oid, is_fatal=oid in _CACHED)
        if breach not in self.breaches:
            self.breaches.append(breach)


@dataclass(frozen=True, slots=True)
class _Body:
    """The parts of a TBSCertificate (RFC 5280 4.1), as they are in DER."""

    version: int
    issuer: Element
    validity: Element
    subject: Element
    key: Element
    extensions: tuple[Element, ...]


def read_certificate(der: bytes) -> Certificate:
    """Return the content of a DER certificate. No signature is verified, nothing is fetched.

    What breaks a rule of RFC 5280 is read around, and told as a breach.

    Raises:
        ValueError: it is no certificate that can be read.
    """
    body = _body(der)
    extensions, validity = _Extensions(), tuple(elements(body.validity.under(SEQUENCE)))
    for extension in body.extensions:
        extensions.add(extension)
    subject, issuer = _name(body.subject), _name(body.issuer)
    is_authority, path_length = extensions.read(_CONSTRAINTS, _constraints, _UNCONSTRAINED)
    permitted, excluded = extensions.read(_NAME_CONSTRAINTS, _subtrees, _ANY_NAMES)
    key_type, key_bits, signature_hash = _key_and_hash(der)
    dates = [_date(part) for part in validity]
    not_before, not_after = dates
    return Certificate(
        subject=_shown(subject),
        issuer=_shown(issuer),
        issuer_organization=_organization(issuer),
        entries=extensions.read(_ALTERNATIVES, _entries, ()),
        not_before=not_before,
        not_after=not_after,
        fingerprint_sha256=fingerprint(der),
        key_type=key_type,
        key_bits=key_bits,
        signature_hash=signature_hash,
        usages=extensions.read(_USAGES, _object_ids, ()),
        key_usages=extensions.read(_KEY_USAGE, _key_usages, ()),
        is_authority=is_authority,
        path_length=path_length,
        permitted=permitted,
        excluded=excluded,
        critical=tuple(extensions.critical),
        subject_key_id=extensions.read(_SUBJECT_KEY_ID, _octets, b""),
        authority_key_id=extensions.read(_KEY_ID, _key_id, b""),
        issuer_urls=extensions.read(_ACCESS, _urls, ()),
        version=body.version,
        breaches=(*extensions.breaches, *_breaches(body, not_before, not_after, path_length)),
        subject_name=_compared(subject),
        issuer_name=_compared(issuer),
        der=der,
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
    issuer = tuple((one.oid.dotted_string, str(one.value)) for one in certificate.issuer)
    return Outline(certificate.not_valid_after_utc, _shown(issuer), _organization(issuer))


def key_fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 2.4) in hexadecimal.

    Raises:
        ValueError: it is no certificate that can be read.
    """
    return fingerprint(whole(_body(der).key))


def is_signed_by(certificate: Certificate, issuer: Certificate) -> bool | None:
    """Return whether the key of `issuer` has signed `certificate`; None if that is unknown."""
    try:
        signed = x509.load_der_x509_certificate(certificate.der)
        key_holder = x509.load_der_x509_certificate(issuer.der)
        # The names are compared here as well, more strictly than RFC 5280 7.1 does.
        signed.verify_directly_issued_by(key_holder)
    except InvalidSignature:
        return False
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
        return None
    return True


def _body(der: bytes) -> _Body:
    signed, *_ = inside(der)
    parts = list(elements(signed.under(SEQUENCE)))
    version = 1
    if parts and parts[0].tag == _VERSION:
        (number,) = elements(parts.pop(0).content)
        version += int.from_bytes(number.under(INTEGER)[:4], signed=True)
    _serial, _algorithm, issuer, validity, subject, key, *further = parts
    extensions = next((part.content for part in further if part.tag == _EXTENSIONS), None)
    listed = inside(extensions) if extensions is not None else ()
    return _Body(version, issuer, validity, subject, key, listed)


def _breaches(
    body: _Body, not_before: datetime | None, not_after: datetime | None, path_length: int | None
) -> Iterator[Breach]:
    if not_before is None:
        yield Breach(UNREADABLE_BEGIN, is_fatal=True)
    if not_after is None:
        yield Breach(UNREADABLE_END, is_fatal=True)
    if path_length is not None and path_length < 0:
        yield Breach(NEGATIVE_PATH_LENGTH, _CONSTRAINTS, is_fatal=True)
    if not 1 <= body.version <= 3:
        yield Breach(VERSION)
    elif body.extensions and body.version != 3:
        yield Breach(NO_EXTENSIONS_ALLOWED)


def _date(part: Element) -> datetime | None:
    try:
        return moment(part)
    except ValueError:
        return None


def _name(part: Element) -> Name:
    found: list[tuple[str, str]] = []
    for relative in elements(part.under(SEQUENCE)):
        for attribute in elements(relative.under(SET)):
            kind, value = elements(attribute.under(SEQUENCE))
            found.append((object_id(kind.under(OBJECT_ID)), text(value)))
    return tuple(found)


def _compared(name: Name) -> Name:
    return tuple((kind, " ".join(value.split()).casefold()) for kind, value in name)


def _shown(name: Name) -> str:
    common = next((value for kind, value in name if kind == _COMMON_NAME), None)
    if common is not None and common.casefold() in _VAGUE and _organization(name):
        return printable(f"{common} ({_organization(name)})")
    if common is not None:
        return printable(common)
    return printable(",".join(f"{_SHORT.get(k, k)}={value}" for k, value in reversed(name)))


def _organization(name: Name) -> str:
    return printable(next((value for kind, value in name if kind == _ORGANIZATION), ""))


def _octets(value: bytes) -> bytes:
    (only,) = elements(value)
    return only.under(OCTET_STRING)


def _object_ids(value: bytes) -> tuple[str, ...]:
    return tuple(object_id(part.under(OBJECT_ID)) for part in inside(value))


def _key_usages(value: bytes) -> tuple[str, ...]:
    (only,) = elements(value)
    bits = "".join(f"{byte:08b}" for byte in only.under(BIT_STRING)[1:])
    return tuple(name for name, bit in zip(_KEY_USAGES, bits, strict=False) if bit == "1")


def _key_id(value: bytes) -> bytes:
    return next((part.content for part in inside(value) if part.tag == _OWN_KEY_ID), b"")


def _constraints(value: bytes) -> tuple[bool | None, int | None]:
    parts = inside(value)
    is_authority = any(part.tag == BOOLEAN and part.content != b"\0" for part in parts)
    lengths = [part.content[:4] for part in parts if part.tag == INTEGER]
    return is_authority, int.from_bytes(lengths[0], signed=True) if lengths else None


def _entries(value: bytes) -> tuple[Entry, ...]:
    found = (_entry(part) for part in inside(value)[:_MOST_COMPARED])
    return tuple(entry for entry in found if entry)


def _subtrees(value: bytes) -> _Subtrees:
    found: dict[int, list[Entry]] = {_PERMITTED: [], _EXCLUDED: []}
    for trees in inside(value):
        if trees.tag not in found:
            raise ValueError("neither permitted nor excluded names")
        for tree in list(elements(trees.content))[:_MOST_COMPARED]:
            base, *_ = elements(tree.under(SEQUENCE))
            entry = _entry(base)
            if entry:
                found[trees.tag].append(entry)
    return tuple(found[_PERMITTED]), tuple(found[_EXCLUDED])


def _entry(part: Element) -> Entry | None:
    """Return a GeneralName that can mean a host (RFC 5280 4.2.1.6), in a name or a constraint."""
    if part.tag == _IP:
        return Entry("IP", _address(part.content))
    kinds: dict[int, Kind] = {_DNS: "DNS", _URI: "URI", _EMAIL: "email"}
    kind = kinds.get(part.tag)
    return Entry(kind, printable(text(part), 253)) if kind else None


def _address(content: bytes) -> str:
    """Return an address or, as in constraints, a network: an address and its mask."""
    half = len(content) // 2
    with suppress(ValueError):
        if len(content) in (8, 32):
            prefix = f"{int.from_bytes(content[half:]):b}".count("1")
            return f"{ip_address(content[:half])}/{prefix}"
        return str(ip_address(content))
    return printable(content[:32].hex())


def _urls(value: bytes) -> tuple[str, ...]:
    found: list[str] = []
    for access in inside(value):
        method, place = elements(access.under(SEQUENCE))
        if object_id(method.under(OBJECT_ID)) == _CA_ISSUERS and place.tag == _URI:
            found.append(printable(text(place)))
    return tuple(found[:_MOST_URLS])


def _key_and_hash(der: bytes) -> tuple[str, int, str]:
    try:
        certificate = x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion):
        return "unknown", 0, "unknown"
    return *_key(certificate), _signature_hash(certificate)


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
