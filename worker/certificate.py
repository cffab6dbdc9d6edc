"""Read what a certificate says, for people to compare."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import cast

from cryptography import x509
from cryptography.x509.oid import NameOID

from shared.causes import Cause
from shared.outcomes import Fact
from shared.text import printable

MOST_NAMES = 20

PIN_CHANGED = Cause(
    code="tls.pin_changed",
    owner="caller",
    summary="{host} shows a certificate with SHA-256 {sha256}, not the pinned one",
    remedies=(
        "Find out on {host} whether its certificate was renewed; if so, pin the new one, "
        "and if not, somebody is in between.",
    ),
    field="options.tls.fingerprintSha256",
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """The parts of an X.509 certificate (RFC 5280) that a verdict can depend on."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    fingerprint_sha256: str

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
        }


def fingerprint(der: bytes) -> str:
    """Return the SHA-256 of a DER certificate in lower-case hexadecimal."""
    return sha256(der).hexdigest()


def read_certificate(der: bytes) -> Certificate:
    """Return what a DER certificate says.

    Raises:
        ValueError: it is no certificate that can be read.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = _names(certificate)
    except (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise ValueError("the certificate can't be read") from error
    return Certificate(
        subject=_common_name(certificate.subject),
        issuer=_common_name(certificate.issuer),
        names=names,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        fingerprint_sha256=fingerprint(der),
    )


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return printable(found[0].value if found else name.rfc4514_string())


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    names = cast("list[object]", extension.value.get_values_for_type(x509.DNSName))
    addresses = cast("list[object]", extension.value.get_values_for_type(x509.IPAddress))
    return tuple(printable(name) for name in [*names, *addresses][:MOST_NAMES])
