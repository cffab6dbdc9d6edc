"""Find the addresses of the endpoint's host, once, for all later steps."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from shared.endpoint import Endpoint
from worker.deadline import Deadline
from worker.dns.causes import (
    DNS_TIMEOUT,
    HOSTS_OVERRIDE,
    INTERMITTENT,
    LOOPBACK_ANSWER,
    NODATA,
    NXDOMAIN,
    RESOLVER_FAILED,
    SEARCH_SUFFIX,
    SINKHOLE,
    SLOW,
)
from worker.dns.resolver_config import ResolverConfig, hosts_entry
from worker.investigations.investigator import Unexplained
from worker.tcp.connection import TargetAddress

PART_S = 2.0
LOOKUP_S = 7.0  # the C library asks a second name server after 5 s
SLOW_S = 1.5

# getaddrinfo(3). EAI_AGAIN stands for SERVFAIL, REFUSED and silence alike.
_CAUSE_BY_CODE = {
    socket.EAI_NONAME: NXDOMAIN,
    socket.EAI_NODATA: NODATA,
    socket.EAI_AGAIN: RESOLVER_FAILED,
}


@dataclass(frozen=True, slots=True)
class _Found:
    """The addresses that the resolver found, the name they belong to, and the time it took."""

    addresses: Sequence[str]
    found_as: str
    took_s: float
    doubt: Finding | None = None


def dns_lookup(endpoint: Endpoint, deadline: Deadline) -> Passed[Sequence[TargetAddress]]:
    """Return the addresses of `endpoint` in the system resolver's order.

    An address needs no lookup.

    Raises:
        Failed: SINKHOLE; or NXDOMAIN, NODATA, RESOLVER_FAILED or, after LOOKUP_S, DNS_TIMEOUT,
            which an investigation of the name servers can explain further.
    """
    host, port = endpoint.host, endpoint.port or 0
    doubts: Sequence[Finding] = ()
    try:
        addresses = [TargetAddress.parse(host, port)]
    except ValueError:
        found = _ask_resolver(host, deadline)
        doubts = _doubts(host, found)
        addresses = [TargetAddress.parse(text, port) for text in found.addresses]
    return Passed(addresses, *doubts, addresses=tuple(str(address.ip) for address in addresses))


def _ask_resolver(host: str, deadline: Deadline) -> _Found:
    """Return what getaddrinfo(3) finds within LOOKUP_S.

    It has no time limit, so it runs in its own thread.
    """
    limit = deadline.at_most(LOOKUP_S)
    answer: SimpleQueue[_Found | OSError] = SimpleQueue()
    Thread(target=_look_up, args=(host, answer), daemon=True).start()
    try:
        found = answer.get(timeout=limit.remaining_s())
    except Empty:
        if in_part := _answered_in_part(host, deadline):
            return in_part
        plain = Failed(DNS_TIMEOUT, waited_s=limit.waited_s)
        raise Unexplained(plain, partial(_why_not_found, host, plain)) from None
    if isinstance(found, OSError):
        cause = _CAUSE_BY_CODE.get(found.errno or 0, RESOLVER_FAILED)
        plain = Failed(cause, code=found.errno or 0)
        raise Unexplained(plain, partial(_why_not_found, host, plain))
    return found


def _answered_in_part(host: str, deadline: Deadline) -> _Found | None:
    """Return the addresses that a longer lookup would find; None if it would not."""
    from worker.investigations.dns_lookup import answered_in_part  # as below

    found = None if deadline.is_over else answered_in_part(host, deadline.at_most(PART_S))
    if not found:
        return None
    addresses, doubt = found
    warning = Finding(replace(doubt.cause, severity="warning"), doubt.facts)
    return _Found(addresses, host, LOOKUP_S, warning)


def _why_not_found(host: str, plain: Failed, deadline: Deadline) -> Failed | None:
    # Here, because dnspython takes 60 ms to load, and only a failed lookup needs it.
    from worker.investigations.dns_lookup import why_not_found

    return why_not_found(host, plain, deadline)


def _look_up(host: str, answer: "SimpleQueue[_Found | OSError]") -> None:
    # Timed in the thread, so that a busy worker does not look like a slow name server.
    began_s = monotonic()
    try:
        answer.put(_looked_up(host, began_s))
    except OSError as error:
        if error.errno != socket.EAI_AGAIN or monotonic() - began_s > PART_S:
            answer.put(error)
            return
        answer.put(_looked_up_again(host, error))


def _looked_up_again(host: str, before: OSError) -> "_Found | OSError":
    """Return what a second lookup finds, with a warning; `before` if it finds nothing.

    A resolver of several, or one that gave up on a slow server above it, often knows it then.
    """
    try:
        found = _looked_up(host, monotonic())
    except OSError:
        return before
    facts: dict[str, Fact] = {
        "resolvers": ", ".join(ResolverConfig.read().name_servers),
        "rcode": "EAI_AGAIN",
        "addresses": tuple(found.addresses),
    }
    return replace(found, doubt=Finding(replace(INTERMITTENT, severity="warning"), facts))


def _looked_up(host: str, began_s: float) -> _Found:
    # The answer includes the canonical name, so no further query is needed.
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    # dict keeps the order and drops duplicates; a scope (%eth0) is not part of an address.
    unique = dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found)
    return _Found(list(unique), found[0][3], monotonic() - began_s)


def _doubts(host: str, found: _Found) -> Sequence[Finding]:
    """Return what is doubtful about an answer, without sending any query.

    Raises:
        Failed: SINKHOLE, if the answer has no usable address.
    """
    if found.doubt:
        return [found.doubt]
    doubts = [*_where_from(host, found)]
    if found.took_s > SLOW_S:
        servers = ResolverConfig.read().name_servers
        doubts.append(Finding(SLOW, {"took_s": round(found.took_s, 1), "name_servers": servers}))
    return doubts


def _where_from(host: str, found: _Found) -> Sequence[Finding]:
    name, shown = host.removesuffix(".").lower(), tuple(found.addresses)
    if name == "localhost" or name.endswith(".localhost"):  # RFC 6761 6.3
        return []
    entry = hosts_entry(host)
    if entry and set(shown) <= set(entry.addresses):
        return [Finding(HOSTS_OVERRIDE, {"line": entry.line, "addresses": shown})]
    answers = [ip_address(text) for text in shown]
    if all(address.is_unspecified for address in answers):
        raise Failed(SINKHOLE, addresses=shown)
    if all(address.is_loopback for address in answers):
        return [Finding(LOOPBACK_ANSWER, {"addresses": shown})]
    return _appended(name, found.found_as.removesuffix(".").lower())


def _appended(name: str, found_as: str) -> Sequence[Finding]:
    """Return a finding if the search list was needed; aliases can look the same."""
    if not found_as.startswith(f"{name}."):
        return []
    if found_as.removeprefix(f"{name}.") not in ResolverConfig.read().search:
        return []
    return [Finding(SEARCH_SUFFIX, {"found_as": found_as})]
