"""Compare the certificates that the host shows to each site."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.comparison.causes import CERTIFICATES_DIFFER
from shared.comparison.difference import Difference, Side, listed, names
from shared.comparison.grouping import grouped
from shared.comparison.seen import Seen, codes_of
from shared.diagnosis.outcomes import Fact, Facts, Finding
from shared.diagnosis.report import DetailedItem

_INTERCEPTION = "proxy.tls_interception"
_SHOWN_DIGITS = 16  # of 64: enough to find one certificate among those of a host


@dataclass(frozen=True, slots=True)
class _Shown:
    """The certificate that one site was shown; what an older worker does not tell is empty."""

    sha256: str
    key_sha256: str
    """The digest of its public key (SubjectPublicKeyInfo)."""
    issuer: str
    interceptor: str
    end: str | None
    """The cause that the handshake ended with, if any."""

    @property
    def label(self) -> str:
        """The certificate in a text: its issuer, and the beginning of its digest."""
        return f"{self.issuer} {self.sha256[:_SHOWN_DIGITS]}".strip()

    @property
    def facts(self) -> Facts:
        """The certificate as evidence."""
        told = {"sha256": self.sha256, "key_sha256": self.key_sha256, "issuer": self.issuer}
        return {name: fact for name, fact in told.items() if fact}


def certificates_compared(sites: Sequence[Seen]) -> Iterator[Difference]:
    """Yield that sites were shown different certificates.

    Certificates with the same key belong to the same owner. Where all of them lead to the same
    result, that is a renewal in progress, and no difference.
    """
    shown = {one.site: found for one in sites if (found := _shown(one))}
    who = [one for one in sites if one.site in shown]
    groups = grouped(who, lambda one: shown[one.site].sha256)
    if len(groups) < 2:
        return
    keys = {found.key_sha256 for found in shown.values()}
    same_key = next(iter(keys)) if len(keys) == 1 else ""
    if same_key and len({found.end for found in shown.values()}) == 1:
        return
    by_label = {shown[group[0].site].label: group for group in groups.values()}
    first, *rest = groups.values()
    facts: dict[str, Fact] = {
        "sites": names(first),
        "others": names(one for group in rest for one in group),
        "where": listed(by_label),
        **_why(shown, same_key),
    }
    sides = tuple(Side(names(group), shown[group[0].site].facts) for group in groups.values())
    yield Difference(Finding(CERTIFICATES_DIFFER, facts), "tls_handshake", sides)


def _why(shown: Mapping[str, _Shown], same_key: str) -> Facts:
    """Return what the certificates say about why they differ."""
    intercepted = tuple(site for site, found in shown.items() if found.interceptor)
    if intercepted and len(intercepted) < len(shown):
        by = tuple(dict.fromkeys(shown[site].interceptor for site in intercepted))
        return {"interceptor": by, "intercepted": intercepted}
    if same_key:
        return {"same_key": same_key[:_SHOWN_DIGITS]}
    issuers = tuple(dict.fromkeys(found.issuer for found in shown.values()))
    if not all(issuers):
        return {}
    return {"issuer": issuers[0]} if len(issuers) == 1 else {"issuers": issuers}


def _shown(site: Seen) -> _Shown | None:
    item = site.item("tls_handshake")
    sha256 = _text(item, "sha256")
    if item is None or not sha256:
        return None
    interceptor = _interceptor(item)
    key, issuer = _text(item, "key_sha256"), _text(item, "issuer")
    return _Shown(sha256, key, issuer, interceptor, item.cause)


def _text(item: DetailedItem | None, name: str) -> str:
    fact = item.evidence.get(name, "") if item else ""
    return fact if isinstance(fact, str) else ""


def _interceptor(item: DetailedItem) -> str:
    """Return the product that intercepts the site's connections, if one is recognized."""
    if _INTERCEPTION not in codes_of(item):
        return ""
    evidences = [item.evidence, *(one.evidence for one in item.contributing)]
    return next((str(one["interceptor"]) for one in evidences if "interceptor" in one), "")
