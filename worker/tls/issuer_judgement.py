"""Find why no trusted authority vouches for a chain, from its certificates and the caller's."""

from collections.abc import Iterator

from shared.diagnosis.outcomes import Fact, Finding
from worker.tls.certificate import Certificate
from worker.tls.certificate_causes import (
    CERTIFICATE_INVALID,
    INCOMPLETE_CHAIN,
    NOT_TRUSTED,
    PRIVATE_CA,
    SELF_SIGNED,
    SIGNATURE_INVALID,
)
from worker.tls.chain import Chain
from worker.tls.known_issuers import source_of
from worker.tls.object_ids import named
from worker.tls.verify_codes import REASONS

_BAD_SIGNATURE, _SELF_SIGNED, _SELF_SIGNED_IN_CHAIN, _KEY_IDS_DIFFER = 7, 18, 19, 30
# OpenSSL does not find an issuer, or rejects each that it finds without saying why.
_NO_ISSUER = (2, 20, 21)
_MOST_GIVEN_SHOWN = 3
_MOST_CHECKED = 5


def issuer_faults(chain: Chain, verify_code: int) -> Iterator[Finding]:
    """Yield why no authority vouches for the certificate; nothing if OpenSSL found another fault.

    A certificate that OpenSSL cannot accept is no issuer for it, which it reports like one that is
    missing (X509_check_issued). So both are looked for before anything is said to be missing.
    """
    invalid, leaf = list(_invalid(chain)), chain.leaf
    yield from invalid
    if verify_code == _SELF_SIGNED or (leaf.is_self_issued and verify_code in _NO_ISSUER):
        others = tuple(one.subject for one in chain.given if one.subject_name == leaf.subject_name)
        yield Finding(SELF_SIGNED, {"given": others[:1]} if others and not invalid else {})
    elif not invalid and verify_code in (_BAD_SIGNATURE, _SELF_SIGNED_IN_CHAIN, *_NO_ISSUER):
        yield _other_key(chain, verify_code) or _unknown(chain, verify_code)


def rule_facts(chain: Chain, certificate: Certificate, *, is_fatal: bool) -> dict[str, Fact] | None:
    """Return the facts of the first rule that a certificate breaks; None if it breaks none."""
    breach = next((one for one in certificate.breaches if one.is_fatal == is_fatal), None)
    if breach is None:
        return None
    extension: dict[str, Fact] = {"extension": named(breach.extension)} if breach.extension else {}
    where = chain.place_facts(certificate, "given_invalid")
    return {"invalid_subject": certificate.subject, "rule": breach.rule, **extension, **where}


def _invalid(chain: Chain) -> Iterator[Finding]:
    """Yield a finding if the leaf, or one that bears the name of an issuer, cannot be accepted."""
    names = {one.issuer_name for one in chain.whole_path}
    namesakes = (one for one in chain.issuers if one.subject_name in names)
    for certificate in (chain.leaf, *namesakes):
        facts = rule_facts(chain, certificate, is_fatal=True)
        if facts:
            yield Finding(CERTIFICATE_INVALID, facts)
            return


def _other_key(chain: Chain, verify_code: int) -> Finding | None:
    """Return a finding if an issuer of the right name has another key than the one that signed."""
    trusted = [one for one in chain.given if one.is_self_issued]
    judged = (one for one in chain.whole_path if one not in trusted)
    found = (_misfit(chain, certificate, verify_code) for certificate in judged)
    finding = next(filter(None, found), None)
    if finding is None and verify_code == _BAD_SIGNATURE:
        return Finding(SIGNATURE_INVALID, {"authority": chain.whole_path[-1].issuer})
    return finding


def _misfit(chain: Chain, certificate: Certificate, verify_code: int) -> Finding | None:
    """Return a finding if all that bear the name of the certificate's issuer do not fit."""
    # Here, because cryptography takes 40 ms to load, and a test without TLS does not need it.
    from worker.tls.certificate_reader import is_signed_by

    namesakes = [
        one
        for one in chain.issuers
        if one.subject_name == certificate.issuer_name and one.der != certificate.der
    ]
    verdicts = [(one, is_signed_by(certificate, one)) for one in namesakes[:_MOST_CHECKED]]
    if any(is_signer and certificate.may_be_issued_by(one) for one, is_signer in verdicts):
        return None
    for issuer, is_signer in verdicts:
        where: dict[str, Fact] = {"authority": issuer.subject, "kept_in": chain.kept_in(issuer)}
        if is_signer is False:
            return Finding(SIGNATURE_INVALID, where)
        if not certificate.may_be_issued_by(issuer):
            return _in_words(verify_code, _KEY_IDS_DIFFER, **where)
    return None


def _unknown(chain: Chain, verify_code: int) -> Finding:
    leaf, last = chain.leaf, chain.whole_path[-1]
    given = tuple(one.subject for one in chain.given)
    shown: dict[str, Fact] = {"given": given} if 0 < len(given) <= _MOST_GIVEN_SHOWN else {}
    if verify_code in _NO_ISSUER and _is_issuer_missing(chain):
        urls: dict[str, Fact] = {"issuer_url": leaf.issuer_urls[0]} if leaf.issuer_urls else {}
        return Finding(INCOMPLETE_CHAIN, {"missing": leaf.issuer, **urls, **shown})
    if last.is_self_issued and last in chain.given:
        return _in_words(verify_code, verify_code)
    source = source_of(last.issuer_name)
    where: dict[str, Fact] = {"ca_source": source} if source else {}
    return Finding(PRIVATE_CA, {"authority": last.issuer, **where, **shown})


def _in_words(verify_code: int, reason: int, **facts: Fact) -> Finding:
    return Finding(NOT_TRUSTED, {"reason": REASONS[reason], "verify_code": verify_code, **facts})


def _is_issuer_missing(chain: Chain) -> bool:
    """Return whether an intermediate is missing rather than the authority unknown.

    A server need not send the root certificate, so its absence proves nothing. But public
    authorities always give a URL for their certificates; a server that sends unrelated issuers has
    mixed them up; and a caller who provided an authority most often meant the one above.
    """
    if len(chain.whole_path) > 1:
        return False
    return bool(chain.leaf.issuer_urls or chain.rest or chain.given)
