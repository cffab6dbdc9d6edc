"""Find all faults of a certificate chain, beyond the first one that OpenSSL reports."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.diagnosis.outcomes import Fact, Finding
from worker.tls.certificate import Certificate
from worker.tls.certificate_causes import (
    CERTIFICATE_INVALID,
    CHAIN_EXPIRED,
    CRITICAL_EXTENSION,
    EXPIRED,
    NOT_YET_VALID,
    WEAK_KEY_OR_HASH,
    WRONG_CA_FLAG,
    WRONG_EKU,
)
from worker.tls.chain import Chain
from worker.tls.interception import interception
from worker.tls.issuer_judgement import issuer_faults, rule_facts
from worker.tls.known_issuers import default_certificate
from worker.tls.name_judgement import constraint_faults, name_faults
from worker.tls.object_ids import named

# OpenSSL checks the name only after the chain led to a trusted authority.
_NAME_CODES = (62, 64)
_INVALID_PURPOSE = 26

_SAFE_BITS = {"RSA": 2048, "DSA": 2048, "ECDSA": 224}  # OpenSSL's security level 2
_BROKEN_HASHES = ("md5", "sha1")
# RFC 5280 4.2.1.12, and what OpenSSL accepts in its place: server gated crypto of the 1990s.
_ANY_USE = "2.5.29.37.0"
_SERVER_AUTH = {"1.3.6.1.5.5.7.3.1", "1.3.6.1.4.1.311.10.3.3", "2.16.840.1.113730.4.1"}
_SERVER_KEY_USAGES = {"digitalSignature", "keyEncipherment", "keyAgreement"}  # OpenSSL's KU_TLS
# X509_supported_extension of OpenSSL's v3_purp.c.
_KNOWN_CRITICAL = {
    *("2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.32", "2.5.29.33"),
    *("2.5.29.36", "2.5.29.37", "2.5.29.54", "2.16.840.1.113730.1.1"),
    *("1.3.6.1.5.5.7.1.7", "1.3.6.1.5.5.7.1.8", "1.3.6.1.5.5.7.1.14"),
}
_MOST_SHOWN = 3

# Why a certificate may not issue others. Sentences, so that they can be translated.
NO_CONSTRAINTS = "that certificate has no basic constraints (CA:TRUE)"
NO_AUTHORITY = "its basic constraints say CA:FALSE"
NO_CERT_SIGN = "its key usage does not include keyCertSign"
CA_FAULTS = (NO_CONSTRAINTS, NO_AUTHORITY, NO_CERT_SIGN)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The circumstances that a chain is judged by, in addition to its content."""

    host: str
    verify_code: int
    """The fault at which OpenSSL stopped; later faults are not reported."""
    now: datetime

    def faults(self, chain: Chain) -> tuple[Finding, ...]:
        """Return all faults, the primary one first.

        The order is that of this function. The issuer comes first: until an authority vouches for
        the certificate, its dates and names are unverified. Then comes whether it may be used at
        all, and last the name, which the caller can change.
        """
        return (
            *issuer_faults(chain, self.verify_code),
            *self._dates(chain),
            *self._strength(chain),
            *self._uses(chain),
            *self._authorities(chain),
            *self._extensions(chain),
            *constraint_faults(chain, self._judged_issuers(chain)),
            *name_faults(chain.leaf, self.host),
            *default_certificate(chain.leaf),
            *self._rules(chain),
            *interception(chain.leaf),
        )

    def _dates(self, chain: Chain) -> Iterator[Finding]:
        leaf, issuers = chain.leaf, self._judged_issuers(chain)
        for one in (leaf, *issuers):
            if one.not_before and one.not_before > self.now:
                facts: dict[str, Fact] = {"early_subject": one.subject}
                facts |= {"date": _minute(one.not_before), "our_clock": _minute(self.now)}
                yield Finding(NOT_YET_VALID, facts)
                break
        if leaf.not_after and leaf.not_after < self.now:
            yield Finding(EXPIRED, {**self._end(leaf.not_after), "issuer": leaf.issuer})
        for one in issuers:
            if one.not_after and one.not_after < self.now:
                facts = {"expired_subject": one.subject, **chain.place_facts(one, "given_expired")}
                sent: dict[str, Fact] = {"sent_expired": one.subject} if one in chain.rest else {}
                yield Finding(CHAIN_EXPIRED, {**self._end(one.not_after), **facts, **sent})
                return

    def _end(self, not_after: datetime) -> dict[str, Fact]:
        days = (self.now - not_after).days
        if not days:  # "0 days ago" would leave open when
            return {"date": _minute(not_after)}
        return {"date": f"{not_after:%Y-%m-%d}", "days": days}

    def _judged_issuers(self, chain: Chain) -> tuple[Certificate, ...]:
        """Return the issuers that are known, unless OpenSSL has built a chain without them."""
        return () if self.verify_code in _NAME_CODES else chain.whole_path[1:]

    def _strength(self, chain: Chain) -> Iterator[Finding]:
        for certificate in (chain.leaf, *self._judged_issuers(chain)):
            if _is_weak(certificate):
                facts: dict[str, Fact] = {
                    "key_type": certificate.key_type,
                    "key_bits": certificate.key_bits,
                    "signature_hash": certificate.signature_hash or certificate.key_type,
                    "weak_subject": certificate.subject,
                }
                yield Finding(WEAK_KEY_OR_HASH, facts)
                return

    def _uses(self, chain: Chain) -> Iterator[Finding]:
        leaf = chain.leaf
        if not self._is_for_servers(leaf):
            yield Finding(WRONG_EKU, {"usages": _shown(leaf.usages)})
        elif leaf.key_usages and not _SERVER_KEY_USAGES & set(leaf.key_usages):
            yield Finding(WRONG_EKU, {"key_usages": leaf.key_usages})
        for one in self._judged_issuers(chain):
            if not self._is_for_servers(one):
                limited: dict[str, Fact] = {"usage_subject": one.subject}
                yield Finding(WRONG_EKU, {**limited, "issuer_usages": _shown(one.usages)})
                return

    def _is_for_servers(self, certificate: Certificate) -> bool:
        # OpenSSL does not take anyExtendedKeyUsage for serverAuth; others do.
        any_use = {_ANY_USE} if self.verify_code != _INVALID_PURPOSE else set[str]()
        usages = set(certificate.usages)
        return not usages or bool(usages & (_SERVER_AUTH | any_use))

    def _authorities(self, chain: Chain) -> Iterator[Finding]:
        """Yield a finding for the first issuer that may not issue the certificate below it."""
        issuers = self._judged_issuers(chain)
        for number, one in enumerate(issuers):
            where: dict[str, Fact] = {"issuer_subject": one.subject, "kept_in": chain.kept_in(one)}
            fault = _ca_fault(one)
            if fault:
                yield Finding(WRONG_CA_FLAG, {**where, "ca_fault": fault})
                return
            below = [other for other in issuers[:number] if not other.is_self_issued]
            if one.path_length is not None and 0 <= one.path_length < len(below):
                excess = below[len(below) - one.path_length - 1]
                limit: dict[str, Fact] = {"limited_by": one.subject, "path_length": one.path_length}
                where = {"issuer_subject": excess.subject, "kept_in": chain.kept_in(excess)}
                yield Finding(WRONG_CA_FLAG, {**where, **limit})
                return

    def _extensions(self, chain: Chain) -> Iterator[Finding]:
        judged = () if self.verify_code in _NAME_CODES else (chain.leaf, *chain.whole_path[1:])
        for one in judged:
            unknown = next((oid for oid in one.critical if oid not in _KNOWN_CRITICAL), None)
            if unknown:
                facts: dict[str, Fact] = {"critical_subject": one.subject}
                facts |= {"kept_in": chain.kept_in(one), "extension": named(unknown)}
                yield Finding(CRITICAL_EXTENSION, facts)
                return

    def _rules(self, chain: Chain) -> Iterator[Finding]:
        """Yield a rule that is broken, which other clients than OpenSSL reject."""
        found = (rule_facts(chain, one, is_fatal=False) for one in chain.path)
        facts = next(filter(None, found), None)
        if facts:
            yield Finding(CERTIFICATE_INVALID, facts)


def judged_now(host: str, verify_code: int) -> Judgement:
    """Return a judgement by this machine's clock."""
    return Judgement(host, verify_code, datetime.now(UTC))


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _is_weak(certificate: Certificate) -> bool:
    if 0 < certificate.key_bits < _SAFE_BITS.get(certificate.key_type, 0):
        return True
    # The signature of a root authority over itself is never verified.
    return certificate.signature_hash in _BROKEN_HASHES and not certificate.is_self_issued


def _ca_fault(issuer: Certificate) -> str:
    if issuer.is_authority is False:
        return NO_AUTHORITY
    if issuer.key_usages:
        return "" if "keyCertSign" in issuer.key_usages else NO_CERT_SIGN
    # A root of version 1 cannot have basic constraints, and OpenSSL accepts it.
    is_old_root = issuer.version == 1 and issuer.is_self_issued
    return NO_CONSTRAINTS if issuer.is_authority is None and not is_old_root else ""


def _shown(usages: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(named(usage) for usage in usages[:_MOST_SHOWN])
