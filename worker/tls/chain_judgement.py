"""Find all faults of a certificate chain, beyond the first one that OpenSSL reports."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

from shared.diagnosis.outcomes import Fact, Finding
from shared.policy.addresses import is_address
from worker.tls.certificate import Certificate, is_valid_for
from worker.tls.certificate_causes import (
    CHAIN_EXPIRED,
    CN_ONLY,
    EXPIRED,
    HOSTNAME_MISMATCH,
    INCOMPLETE_CHAIN,
    IP_NOT_IN_SAN,
    NOT_YET_VALID,
    PRIVATE_CA,
    SELF_SIGNED,
    SIGNATURE_INVALID,
    WEAK_KEY_OR_HASH,
    WRONG_CA_FLAG,
    WRONG_EKU,
)
from worker.tls.chain import Chain
from worker.tls.interception import interception

_UNKNOWN_ISSUER = (2, 20, 21)
# OpenSSL checks the name only after the chain led to a trusted authority.
_NAME_CODES = (62, 64)

_SAFE_BITS = {"RSA": 2048, "DSA": 2048, "ECDSA": 224}  # OpenSSL's security level 2
_BROKEN_HASHES = ("md5", "sha1")
_SERVER_AUTH, _ANY_USE = "1.3.6.1.5.5.7.3.1", "2.5.29.37.0"  # RFC 5280 4.2.1.12
_MOST_COMPARED = 200
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Judgement:
    """The circumstances that a chain is judged by, in addition to its content."""

    host: str
    verify_code: int
    """The fault at which OpenSSL stopped; later faults are not reported."""
    has_own_authorities: bool
    """Whether the caller provided an authority, which then did not issue the certificate."""
    now: datetime

    def faults(self, chain: Chain) -> tuple[Finding, ...]:
        """Return all faults, the primary one first.

        The order is that of this function. The issuer comes first: until an authority vouches for
        the certificate, its dates and names are unverified. Then comes whether it may be used at
        all, and last the name, which the caller can change.
        """
        return (
            *self._trust(chain),
            *self._dates(chain),
            *self._strength(chain),
            *self._uses(chain),
            *self._name(chain.leaf),
            *interception(chain.leaf),
        )

    def _trust(self, chain: Chain) -> Iterator[Finding]:
        leaf, last = chain.leaf, chain.path[-1]
        if self.verify_code == 18 or (leaf.is_self_issued and self.verify_code in _UNKNOWN_ISSUER):
            yield Finding(SELF_SIGNED)
        elif self.verify_code in _UNKNOWN_ISSUER and self._is_issuer_missing(chain):
            urls: dict[str, Fact] = {"issuer_url": leaf.issuer_urls[0]} if leaf.issuer_urls else {}
            yield Finding(INCOMPLETE_CHAIN, {"missing": leaf.issuer, **urls})
        elif self.verify_code == 19 or self.verify_code in _UNKNOWN_ISSUER:
            yield Finding(PRIVATE_CA, {"authority": last.issuer})
        elif self.verify_code == 7:
            yield Finding(SIGNATURE_INVALID, {"authority": last.issuer})

    def _is_issuer_missing(self, chain: Chain) -> bool:
        """Return whether an intermediate is missing rather than the authority unknown.

        A server need not send the root certificate, so its absence proves nothing. But public
        authorities always give a URL for their certificates; a server that sends unrelated issuers
        has mixed them up; and a caller who provided an authority most often meant the one above.
        """
        if len(chain.path) > 1:
            return False
        return bool(chain.leaf.issuer_urls or chain.rest or self.has_own_authorities)

    def _dates(self, chain: Chain) -> Iterator[Finding]:
        leaf, issuers = chain.leaf, self._judged_issuers(chain)
        early = next((c for c in (leaf, *issuers) if c.not_before > self.now), None)
        if early:
            date, clock = f"{early.not_before:%Y-%m-%d}", f"{self.now:%Y-%m-%d %H:%M} UTC"
            facts: dict[str, Fact] = {"early_subject": early.subject, "our_clock": clock}
            yield Finding(NOT_YET_VALID, {**facts, "date": date})
        if leaf.not_after < self.now:
            yield Finding(EXPIRED, {**self._end(leaf), "issuer": leaf.issuer})
        over = next((c for c in issuers if c.not_after < self.now), None)
        if over:
            yield Finding(CHAIN_EXPIRED, {**self._end(over), "expired_subject": over.subject})

    def _end(self, certificate: Certificate) -> dict[str, Fact]:
        days = (self.now - certificate.not_after).days
        return {"date": f"{certificate.not_after:%Y-%m-%d}", "days": days}

    def _judged_issuers(self, chain: Chain) -> tuple[Certificate, ...]:
        """Return the issuers that were sent, unless OpenSSL has built a chain without them."""
        return () if self.verify_code in _NAME_CODES else chain.path[1:]

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
        usages = chain.leaf.usages
        if usages and not set(usages) & {_SERVER_AUTH, _ANY_USE}:
            yield Finding(WRONG_EKU, {"usages": usages[:_MOST_SHOWN]})
        for issuer in self._judged_issuers(chain):
            if not issuer.is_authority:
                yield Finding(WRONG_CA_FLAG, {"issuer_subject": issuer.subject})
                return

    def _name(self, leaf: Certificate) -> Iterator[Finding]:
        if is_valid_for(leaf.all_names, self.host):
            return
        names: dict[str, Fact] = {"valid_for": leaf.names[:_MOST_SHOWN]} if leaf.names else {}
        if is_address(self.host):
            by_name = next((name for name in leaf.all_names if not is_address(name)), None)
            yield Finding(IP_NOT_IN_SAN, {**names, **({"nearest": by_name} if by_name else {})})
        elif not leaf.all_names and is_valid_for((leaf.subject,), self.host):
            yield Finding(CN_ONLY)
        else:
            yield Finding(HOSTNAME_MISMATCH, {**names, **_nearest(leaf, self.host)})


def judged_now(host: str, verify_code: int, *, has_own_authorities: bool) -> Judgement:
    """Return a judgement by this machine's clock."""
    return Judgement(host, verify_code, has_own_authorities, datetime.now(UTC))


def _is_weak(certificate: Certificate) -> bool:
    if 0 < certificate.key_bits < _SAFE_BITS.get(certificate.key_type, 0):
        return True
    # The signature of a root authority over itself is never verified.
    return certificate.signature_hash in _BROKEN_HASHES and not certificate.is_self_issued


def _nearest(leaf: Certificate, host: str) -> dict[str, Fact]:
    names = leaf.all_names[:_MOST_COMPARED]
    nearest = (*get_close_matches(host, names, 1, 0.5), *names)[:1]
    return {"nearest": nearest[0]} if nearest else {}
