"""Find why a certificate is not valid for a host, and which authority may not vouch for it."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from ipaddress import ip_address, ip_network

from shared.diagnosis.outcomes import Fact, Finding
from shared.policy.addresses import is_address
from worker.tls.certificate import Certificate
from worker.tls.certificate_causes import (
    CN_ONLY,
    HOSTNAME_MISMATCH,
    IP_NOT_IN_SAN,
    NAME_CONSTRAINT,
)
from worker.tls.chain import Chain
from worker.tls.known_issuers import default_certificate
from worker.tls.names import Entry, is_valid_for, why_not

_ALTERNATIVES = "2.5.29.17"
_MOST_COMPARED = 200
_MOST_ENTRIES = 1000
_MOST_SHOWN = 3


def name_faults(leaf: Certificate, host: str) -> Iterator[Finding]:
    """Yield a finding if the certificate is not valid for `host`, with the reason if it shows."""
    names = leaf.all_names
    advisable = [name for name in names[:_MOST_COMPARED] if _may_be_reached(name)]
    if any(default_certificate(leaf)):
        advisable = []  # its names are placeholders
    are_unknown = any(breach.extension == _ALTERNATIVES for breach in leaf.breaches)
    if are_unknown or is_valid_for(names, host):
        return
    facts: dict[str, Fact] = {"valid_for": leaf.names[:_MOST_SHOWN]} if names else {}
    facts |= _meant(leaf, host)
    if is_address(host):
        by_name = next((name for name in advisable if not is_address(name)), None)
        yield Finding(IP_NOT_IN_SAN, {**facts, **({"nearest": by_name} if by_name else {})})
    elif not _has_hosts(leaf) and is_valid_for((leaf.subject,), host):
        yield Finding(CN_ONLY)
    else:
        yield Finding(HOSTNAME_MISMATCH, {**facts, **_nearest(advisable, host)})


def constraint_faults(chain: Chain, issuers: Sequence[Certificate]) -> Iterator[Finding]:
    """Yield a finding if an issuer may not vouch for a name of the leaf (RFC 5280 4.2.1.10)."""
    entries = list(chain.leaf.entries[:_MOST_ENTRIES])
    if not any(entry.kind == "DNS" for entry in entries):
        entries.append(Entry("DNS", chain.leaf.subject))  # OpenSSL judges the Common Name then
    for issuer in issuers:
        if found := _outside(issuer, entries):
            yield Finding(NAME_CONSTRAINT, {"constrained": issuer.subject, **found})
            return


def _may_be_reached(name: str) -> bool:
    """Return whether a name may mean this host for others: advice must not lead elsewhere."""
    if is_address(name):
        return not ip_address(name).is_loopback
    last = name.rpartition(".")[2].casefold()
    # Kubernetes' services are names inside of the cluster: kubernetes.default.svc.
    is_inside = last == "svc" or name.casefold().endswith(".cluster.local")
    return "." in name and not is_inside and last not in ("localhost", "localdomain")


def _has_hosts(leaf: Certificate) -> bool:
    return any(entry.kind in ("DNS", "IP") for entry in leaf.entries)


def _meant(leaf: Certificate, host: str) -> dict[str, Fact]:
    """Return the entry that was meant for `host`, and why it does not count."""
    entries = (*leaf.entries[:_MOST_ENTRIES], Entry("CN", leaf.subject))
    for entry in entries:
        flaw = why_not(entry, host)
        if flaw:
            kind = "IP" if is_address(host) else "DNS"
            return {"entry": str(entry), "flaw": flaw, "right_entry": f"{kind}:{host}"}
    return {}


def _nearest(names: Sequence[str], host: str) -> dict[str, Fact]:
    """Return the name that is most like `host`, spelled out where it is a wildcard."""
    spelled = [one for name in names if (one := _spelled_out(name, host))]
    nearest = (*get_close_matches(host, spelled, 1, 0.5), *spelled)[:1]
    return {"nearest": nearest[0]} if nearest else {}


def _spelled_out(name: str, host: str) -> str:
    """Return a name that `name` is valid for; empty if it is a wildcard and `host` is below it."""
    base = name.removeprefix("*.")
    if base == name:
        return name
    return "" if host.endswith(f".{base}") else f"{host.partition('.')[0]}.{base}"


def _outside(issuer: Certificate, entries: Sequence[Entry]) -> dict[str, Fact] | None:
    permitted, excluded = issuer.permitted[:_MOST_COMPARED], issuer.excluded[:_MOST_COMPARED]
    for entry in entries:
        against = [one for one in excluded if _is_within(entry, one)]
        if against:
            return {"outside": str(entry), "excluded": str(against[0])}
        alike = [one for one in permitted if one.kind == entry.kind]
        if alike and not any(_is_within(entry, one) for one in alike):
            shown = tuple(str(one) for one in alike[:_MOST_SHOWN])
            return {"outside": str(entry), "permitted": shown}
    return None


def _is_within(entry: Entry, constraint: Entry) -> bool:
    """Return whether a constraint covers an entry: a name and those below it, or a network."""
    if entry.kind != constraint.kind:
        return False
    if entry.kind == "IP":
        try:
            return ip_address(entry.text) in ip_network(constraint.text, strict=False)
        except ValueError:
            return False
    name, base = entry.text.lower(), constraint.text.lower()
    if entry.kind == "DNS":
        return not base or name == base or name.endswith("." + base.removeprefix("."))
    host = name.partition("://")[2].partition("/")[0] or name.rpartition("@")[2]
    return base in (name, host) or (base.startswith(".") and host.endswith(base))
