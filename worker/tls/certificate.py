"""The parts of a certificate that verdicts and people need."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import accumulate

from shared.diagnosis.outcomes import Fact
from shared.policy.addresses import is_address

MOST_NAMES = 20
MOST_CHARACTERS = 600  # of these names together: usual ones have 20 to 30


@dataclass(frozen=True, slots=True)
class Certificate:
    """The parts of an X.509 certificate (RFC 5280) that a verdict can depend on.

    All values come from the platform, made safe to show. `subject` and `issuer` are Common Names,
    or the whole names if there is none. A key or a hash that cannot be parsed is "unknown", with 0
    bits; `signature_hash` is empty if the algorithm has no separate hash.
    """

    subject: str
    issuer: str
    issuer_organization: str
    all_names: tuple[str, ...]
    """DNS names and addresses that it is valid for; a few thousand at most."""
    not_before: datetime
    not_after: datetime
    fingerprint_sha256: str
    key_type: str
    key_bits: int
    signature_hash: str
    usages: tuple[str, ...]
    """Extended key usages as dotted numbers (RFC 5280 4.2.1.12); empty means any."""
    is_authority: bool
    """Whether it may issue certificates: CA in its basic constraints."""
    issuer_urls: tuple[str, ...]
    """URLs that it gives for its issuer's certificate (RFC 5280 4.2.2.1). Never fetched."""
    subject_der: bytes
    issuer_der: bytes

    @property
    def names(self) -> tuple[str, ...]:
        """The first names that it is valid for, few and short enough to show and to keep."""
        names = self.all_names[:MOST_NAMES]
        lengths = accumulate(len(name) for name in names)
        fitting = sum(length <= MOST_CHARACTERS for length in lengths)
        return names[: max(1, fitting)]

    @property
    def is_self_issued(self) -> bool:
        """Whether it names itself as its issuer (RFC 5280 6.1); the signature is not checked."""
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


@dataclass(frozen=True, slots=True)
class Outline:
    """The few parts of a certificate that warnings need; reading them takes 10 µs."""

    not_after: datetime
    issuer: str
    issuer_organization: str

    @property
    def expires_in(self) -> timedelta:
        """How long it is still valid; negative once it has expired."""
        return self.not_after - datetime.now(UTC)


def is_valid_for(names: tuple[str, ...], host: str) -> bool:
    """Return whether `host`, a name or an address, is one of `names` (RFC 9525 6.3)."""
    if is_address(host):
        return str(ip_address(host)) in names
    host = host.lower()
    _, _, parent = host.partition(".")
    # A wildcard matches exactly one label, and never the one below the top-level domain.
    star = f"*.{parent}" if "." in parent else host
    return any(name.lower() in (host, star) for name in names)
