"""The parts of a certificate that verdicts and people need."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from shared.diagnosis.outcomes import Fact
from worker.tls.names import Entry

MOST_NAMES = 20
MOST_CHARACTERS = 600  # of these names together: usual ones have 20 to 30
_MOST_IGNORED = 5

Name = tuple[tuple[str, str], ...]
"""The object identifiers and values of a distinguished name, compared as RFC 5280 7.1 says."""

# Sentences, so that they can be translated.
TWICE = "it has an extension twice"
UNREADABLE_EXTENSION = "an extension of it cannot be read"
UNREADABLE_BEGIN = "its notBefore date has no valid form"
UNREADABLE_END = "its notAfter date has no valid form"
NEGATIVE_PATH_LENGTH = "its path length is negative"
VERSION = "its version is not 1, 2 or 3"
NO_EXTENSIONS_ALLOWED = "it has extensions, which need version 3"
RULES = (
    TWICE,
    UNREADABLE_EXTENSION,
    UNREADABLE_BEGIN,
    UNREADABLE_END,
    NEGATIVE_PATH_LENGTH,
    VERSION,
    NO_EXTENSIONS_ALLOWED,
)


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule of RFC 5280 that a certificate breaks."""

    rule: str
    """One of RULES."""
    extension: str = ""
    """The object identifier of the extension that it is about, if it is about one."""
    is_fatal: bool = False
    """Whether OpenSSL rejects the certificate for it, as its own or as an issuer's."""


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
    entries: tuple[Entry, ...]
    """The alternative names for hosts, of whatever type; a few thousand at most."""
    not_before: datetime | None
    """From when it is valid; None if the date cannot be read."""
    not_after: datetime | None
    """Until when it is valid; None if the date cannot be read."""
    fingerprint_sha256: str
    key_type: str
    key_bits: int
    signature_hash: str
    usages: tuple[str, ...]
    """Extended key usages as dotted numbers (RFC 5280 4.2.1.12); empty means any."""
    key_usages: tuple[str, ...]
    """The names of its key usages (RFC 5280 4.2.1.3); empty means any."""
    is_authority: bool | None
    """What its basic constraints say of it (CA); None if it has none."""
    path_length: int | None
    """How many authorities may be below it (RFC 5280 4.2.1.9); None means any number."""
    permitted: tuple[Entry, ...]
    """The names for which it may vouch alone, by type (RFC 5280 4.2.1.10); empty means any."""
    excluded: tuple[Entry, ...]
    """The names for which it may not vouch."""
    critical: tuple[str, ...]
    """The object identifiers of its critical extensions."""
    subject_key_id: bytes
    authority_key_id: bytes
    """The key that has signed it, as it says (RFC 5280 4.2.1.1); empty if it does not say."""
    issuer_urls: tuple[str, ...]
    """URLs that it gives for its issuer's certificate (RFC 5280 4.2.2.1). Never fetched."""
    version: int
    breaches: tuple[Breach, ...]
    subject_name: Name
    issuer_name: Name
    der: bytes

    @property
    def all_names(self) -> tuple[str, ...]:
        """The DNS names and addresses that it is valid for: entries without a flaw."""
        return tuple(entry.text for entry in self.entries if not entry.flaw)

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
        return self.subject_name == self.issuer_name

    @property
    def facts(self) -> dict[str, Fact]:
        """The certificate as evidence; what cannot be read is left out."""
        dates = {"not_before": self.not_before, "not_after": self.not_after}
        flawed = [entry for entry in self.entries if entry.flaw][:_MOST_IGNORED]
        ignored: dict[str, Fact] = {
            "ignored_names": tuple(str(entry) for entry in flawed),
            "ignored_because": tuple(entry.flaw for entry in flawed),
        }
        return {
            "subject": self.subject,
            "issuer": self.issuer,
            "names": self.names,
            **(ignored if flawed else {}),
            **{name: date.isoformat() for name, date in dates.items() if date},
            "sha256": self.fingerprint_sha256,
            "key_type": self.key_type,
            "key_bits": self.key_bits,
            "signature_hash": self.signature_hash,
        }

    def may_be_issued_by(self, other: "Certificate") -> bool:
        """Return whether names and key identifiers fit (RFC 5280 4.2.1.1)."""
        ids = self.authority_key_id, other.subject_key_id
        return self.issuer_name == other.subject_name and (not all(ids) or ids[0] == ids[1])


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
