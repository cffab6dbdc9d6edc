"""Find out why a name has no address, by asking the name servers themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from secrets import token_hex

import dns.exception
import dns.name
import dns.rcode

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Facts, Failed, Finding
from shared.diagnosis.outcomes import shown as in_words
from worker.deadline import Deadline
from worker.dns import client as dns_client
from worker.dns.causes import (
    AAAA_UNANSWERED,
    CNAME_CHAIN_BROKEN,
    DNS_REFUSED,
    DNS_TIMEOUT,
    DNSSEC_BOGUS,
    FILTERED,
    INTERMITTENT,
    NODATA,
    NXDOMAIN,
    RESOLVER_FAILED,
    RESOLVER_UNREACHABLE,
    SERVFAIL,
    SPLIT_HORIZON,
    TELLING_FIRST,
    TRUNCATED_TCP_BLOCKED,
    UNDETERMINED,
    WILDCARD,
    ZONE_SILENT,
)
from worker.dns.client import Reply, ask
from worker.dns.resolver_config import LONGEST_NAME, ResolverConfig, hosts_entry
from worker.tcp.egress import egress_towards

MOST_ALIASES = 8  # of a chain; resolvers give up after 8 to 16
_OTHER_TYPES = ("MX", "TXT", "NS", "SRV")
# RFC 8914 4: what a resolver says when DNSSEC fails, and when a policy filters a name.
_BOGUS_CODES = frozenset({6, 7, 8, 9, 10, 11, 12, 25})
_FILTER_CODES = frozenset({4, 15, 16, 17})
_ROOT = "."
CONTROL_S = 0.4
_SILENCE = (DNS_TIMEOUT, RESOLVER_UNREACHABLE)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the name servers say about one name: its addresses by server, and why there are none."""

    answering: Mapping[str, tuple[str, ...]]
    findings: Sequence[Finding]

    def explains(self, plain: Cause) -> bool:
        """Return whether this can explain that the system's resolver said `plain`."""
        if self.answering or plain in (NXDOMAIN, NODATA):
            return True
        return any(finding.cause not in (NXDOMAIN, NODATA) for finding in self.findings)


def why_not_found(host: str, plain: Failed, deadline: Deadline) -> Failed | None:
    """Return why `host` has no address; `plain` is what the system's resolver said.

    All name servers of /etc/resolv.conf are asked for the names that `host` may stand for, until
    one of them explains `plain`. None means that there is no better cause than `plain`. If the time
    runs out, what has been found until then counts.

    Raises:
        TimeoutError: there is no time for a query, so no server can be called silent.
    """
    deadline.remaining_s()
    config = ResolverConfig.read()
    names = config.names_asked(host)
    for name in names:
        seen = _look_at(name, config.name_servers, deadline)
        if seen.explains(plain.cause):
            break
    facts: dict[str, Fact] = {"looked_up": names} if len(names) > 1 else {}
    if seen.answering:
        return _contradicted(plain, seen, name, facts, deadline)
    if _knows_better(plain, seen.findings[0]):
        return None
    first, *others = seen.findings
    return Failed(first.cause, *others, **{**plain.finding.facts, **facts, **first.facts})


def _look_at(name: str, servers: Sequence[str], deadline: Deadline) -> _Seen:
    replies = ask(servers, name, "A", deadline)
    found = {reply.server: _addresses(reply, name, deadline) for reply in replies}
    findings = [_why(reply, name, deadline) for reply in replies if not found[reply.server]]
    answering = {server: addresses for server, addresses in found.items() if addresses}
    return _Seen(answering, _ordered(findings))


def wildcard(host: str, addresses: Sequence[str], deadline: Deadline) -> Finding | None:
    """Return a finding if every sibling name of `host` resolves to its `addresses` too."""
    _, _, zone = host.removesuffix(".").partition(".")
    if "." not in zone or hosts_entry(host):
        return None
    made_up = f"conncheck-{token_hex(6)}.{zone}."
    if len(made_up) > LONGEST_NAME:
        return None
    replies = ask(ResolverConfig.read().name_servers, made_up, "A", deadline)
    same = [reply for reply in replies if set(reply.addresses) & set(addresses)]
    if not same:
        return None
    return Finding(WILDCARD, {"zone": zone, "addresses": same[0].addresses})


def answered_in_part(host: str, deadline: Deadline) -> tuple[Sequence[str], Finding] | None:
    """Return the IPv4 addresses of `host` if only the queries for the IPv6 ones are unanswered.

    The system's resolver waits for both, so it may take longer than a test.
    """
    config = ResolverConfig.read()
    name = config.names_asked(host)[0]
    replies = ask(config.name_servers, name, "A", deadline)
    answering = {reply.server: reply.addresses for reply in replies if reply.addresses}
    found = _without_aaaa(name, answering, deadline) if answering else None
    return (next(iter(answering.values())), found) if found else None


def _without_aaaa(
    name: str, answering: Mapping[str, tuple[str, ...]], deadline: Deadline
) -> Finding | None:
    """Return a finding if a server that knows IPv4 addresses fails at the query for IPv6 ones."""
    replies = ask(list(answering), name, "AAAA", deadline)
    fine = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
    for reply in replies:
        if deadline.is_over or reply.rcode in fine:
            continue
        facts: dict[str, Fact] = {
            "resolvers": reply.server,
            "addresses": answering[reply.server],
        }
        known = {"rcode": dns.rcode.to_text(dns.rcode.Rcode(reply.rcode))} if reply.message else {}
        return Finding(AAAA_UNANSWERED, {**facts, **known})
    return None


def _contradicted(
    plain: Failed, seen: _Seen, name: str, facts: Facts, deadline: Deadline
) -> Failed:
    """Return what it means that one name server does know an address."""
    known: dict[str, Fact] = {
        **plain.finding.facts,
        **facts,
        "answering": tuple(seen.answering),
        "addresses": next(iter(seen.answering.values())),
    }
    if not seen.findings:
        is_open = plain.cause in (DNS_TIMEOUT, RESOLVER_FAILED)
        if is_open and (found := _without_aaaa(name, seen.answering, deadline)):
            return Failed(found.cause, **{**known, **found.facts})
        return Failed(UNDETERMINED, **known, system=_said_by_the_system(plain.cause))
    first, *others = seen.findings
    if first.cause in _SILENCE:
        return Failed(first.cause, *others, **{**known, **first.facts})
    return Failed(SPLIT_HORIZON, *seen.findings, **known, refusing=first.facts["resolvers"])


def _said_by_the_system(cause: Cause) -> str:
    if cause is NXDOMAIN:
        return "that it does not exist"
    return "that it has no address" if cause is NODATA else "that it failed"


def _knows_better(plain: Failed, finding: Finding) -> bool:
    """Return whether the system's resolver had an answer and our own queries had none."""
    return finding.cause in _SILENCE and plain.cause in (NXDOMAIN, NODATA)


def _ordered(findings: Sequence[Finding]) -> list[Finding]:
    """Return one finding per cause with all its resolvers, the most specific first."""
    merged: dict[Cause, Finding] = {}
    for finding in findings:
        before = merged.get(finding.cause, finding)
        servers = [str(one.facts["resolvers"]) for one in (before, finding)]
        resolvers = in_words(tuple(dict.fromkeys(servers)))
        merged[finding.cause] = Finding(finding.cause, {**before.facts, "resolvers": resolvers})
    return sorted(merged.values(), key=lambda finding: TELLING_FIRST.index(finding.cause))


def _addresses(reply: Reply, name: str, deadline: Deadline) -> tuple[str, ...]:
    """Return the addresses of both families that the name server returns."""
    if reply.is_cut_off:
        return ()
    if reply.rcode != dns.rcode.NOERROR or reply.addresses:
        return reply.addresses
    (other,) = ask([reply.server], name, "AAAA", deadline)
    return other.addresses


def _why(reply: Reply, name: str, deadline: Deadline) -> Finding:
    """Return why there is no address in `reply`."""
    facts: dict[str, Fact] = {"resolvers": reply.server}
    egress = egress_towards(reply.server)
    if egress and not ip_address(egress).is_loopback:  # loopback: a forwarder on this machine
        facts["egress"] = egress
    if reply.message is None:
        return _unanswered(reply, name, facts, deadline)
    facts["rcode"] = dns.rcode.to_text(dns.rcode.Rcode(reply.rcode))
    if reply.extended:
        facts["extended"] = reply.extended
    if reply.is_cut_off:
        return Finding(TRUNCATED_TCP_BLOCKED, {**facts, "error": reply.error})
    if _FILTER_CODES & set(reply.extended_codes):
        return Finding(FILTERED, facts)
    return _by_rcode(reply, name, facts, deadline)


def _unanswered(reply: Reply, name: str, facts: dict[str, Fact], deadline: Deadline) -> Finding:
    if not reply.error:
        return _silence(reply.server, name, facts, deadline)
    if reply.error.startswith("E"):
        return Finding(RESOLVER_UNREACHABLE, {**facts, "error": reply.error})
    return Finding(RESOLVER_FAILED, {**facts, "rcode": reply.error})


def _silence(server: str, name: str, facts: dict[str, Fact], deadline: Deadline) -> Finding:
    """Return whether the resolver is silent, or only has no answer to this query."""
    if _control(server, deadline) < 0:
        return Finding(DNS_TIMEOUT, facts)
    (again,) = ask([server], name, "A", deadline)
    if again.message is None:
        return Finding(DNS_TIMEOUT if deadline.is_over else ZONE_SILENT, facts)
    if again.addresses:
        return _intermittent("no answer", again, facts)
    return _why(again, name, deadline)


def _control(server: str, deadline: Deadline) -> int:
    """Return the response code of a query that every resolver can answer; -1 without an answer."""
    (reply,) = ask([server], _ROOT, "NS", deadline.at_most(CONTROL_S))
    return reply.rcode


def _intermittent(failure: str, again: Reply, facts: dict[str, Fact]) -> Finding:
    return Finding(INTERMITTENT, {**facts, "rcode": failure, "addresses": again.addresses})


def _by_rcode(reply: Reply, name: str, facts: dict[str, Fact], deadline: Deadline) -> Finding:
    if reply.rcode == dns.rcode.SERVFAIL:
        return _server_failure(reply, name, facts, deadline)
    if reply.rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) and reply.aliases:
        return _broken_chain(reply, name, facts, deadline)
    if reply.rcode == dns.rcode.NXDOMAIN:
        return Finding(NXDOMAIN, {**facts, **_closest_zone(reply, name)})
    if reply.rcode == dns.rcode.NOERROR:
        return _without_address(reply, name, facts, deadline)
    cause = DNS_REFUSED if reply.rcode == dns.rcode.REFUSED else RESOLVER_FAILED
    return Finding(cause, facts)


def _closest_zone(reply: Reply, name: str) -> dict[str, Fact]:
    """Return the zone that denies the name, and the part of the name that is missing in it."""
    zone, asked = reply.zone, dns.name.from_text(name)
    if zone is None or not asked.is_subdomain(zone) or asked == zone:
        return {}
    _, missing = asked.split(len(zone) + 1)
    if zone == dns.name.root:
        return {"top_level": dns_client.shown(missing)}
    return {"zone": dns_client.shown(zone), "missing": dns_client.shown(missing)}


def _without_address(
    reply: Reply, name: str, facts: dict[str, Fact], deadline: Deadline
) -> Finding:
    others = [ask([reply.server], name, rdtype, deadline)[0] for rdtype in _OTHER_TYPES]
    types = tuple(dict.fromkeys(rdtype for other in others for rdtype in other.types))
    return Finding(NODATA, {**facts, "types": types} if types else facts)


def _server_failure(reply: Reply, name: str, facts: dict[str, Fact], deadline: Deadline) -> Finding:
    if _BOGUS_CODES & set(reply.extended_codes):
        return Finding(DNSSEC_BOGUS, facts)
    (unchecked,) = ask([reply.server], name, "A", deadline, unchecked=True)
    if unchecked.addresses:
        return _bogus_or_intermittent(unchecked, name, facts, deadline)
    (alias,) = ask([reply.server], name, "CNAME", deadline)
    if alias.aliases:
        return _broken_chain(alias, name, facts, deadline)
    control = _control(reply.server, deadline)
    if control == dns.rcode.NOERROR:
        return Finding(SERVFAIL, {**facts, "control": _ROOT})
    return Finding(SERVFAIL, {**facts, "failing_control": _ROOT} if control > 0 else facts)


def _bogus_or_intermittent(
    unchecked: Reply, name: str, facts: dict[str, Fact], deadline: Deadline
) -> Finding:
    """Return whether it was the validation that failed, or the resolver that fails at times.

    Without the validation there was an answer; with it there must be none, again and again.
    """
    for _ in range(2):
        (again,) = ask([unchecked.server], name, "A", deadline)
        if again.addresses:
            return _intermittent("SERVFAIL", again, facts)
    return Finding(DNSSEC_BOGUS, {**facts, "addresses": unchecked.addresses})


def _broken_chain(reply: Reply, name: str, facts: dict[str, Fact], deadline: Deadline) -> Finding:
    """Follow the aliases one by one, and return where they end."""
    known = dict(reply.aliases)
    chain = [dns_client.shown(dns.name.from_text(name))]
    fault = ""
    while not fault:
        target = known.get(chain[-1].lower()) or _alias_of(chain[-1], reply.server, deadline)
        if target is None:
            fault = _dead_end(chain[-1], reply.server, deadline)
            break
        if target.lower() in (link.lower() for link in chain):
            fault = "forms a loop"
        elif len(chain) > MOST_ALIASES:
            fault = f"goes on after {MOST_ALIASES} aliases"
        chain.append(target)
    told = {"chain": " -> ".join(chain), "alias": chain[-2], "fault": fault}
    return Finding(CNAME_CHAIN_BROKEN, {**facts, **told})


def _alias_of(name: str, server: str, deadline: Deadline) -> str | None:
    (reply,) = ask([server], f"{name}.", "CNAME", deadline)
    return reply.aliases[0][1] if reply.aliases else None


def _dead_end(name: str, server: str, deadline: Deadline) -> str:
    (reply,) = ask([server], f"{name}.", "A", deadline)
    if reply.message is None:
        return "gets no answer"
    ends = {dns.rcode.NXDOMAIN: "does not exist", dns.rcode.NOERROR: "has no address"}
    return ends.get(dns.rcode.Rcode(reply.rcode), "cannot be looked up")
