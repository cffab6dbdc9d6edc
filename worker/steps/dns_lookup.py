"""Find the addresses of the endpoint's host, once, for all later steps."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from shared.endpoint import Endpoint
from shared.diagnosis.outcomes import Failed, Finding, Passed
from worker.tcp.connection import TargetAddress
from worker.deadline import Deadline
from worker.dns.causes import (
    HOSTS_OVERRIDE,
    LOOPBACK_ANSWER,
    NO_ADDRESS,
    NO_ANSWER,
    NXDOMAIN,
    RESOLVER_FAILED,
    SEARCH_SUFFIX,
    SINKHOLE,
    SLOW,
)
from worker.investigations.dns_lookup import why_not_found
from worker.investigations.investigator import Unexplained
from worker.dns.resolver_config import ResolverConfig, hosts_entry

LOOKUP_S = 7.0  # the C library asks a second name server after 5 s
SLOW_S = 1.5

# getaddrinfo(3). EAI_AGAIN stands for SERVFAIL, REFUSED and silence alike.
_CAUSE_BY_CODE = {
    socket.EAI_NONAME: NXDOMAIN,
    socket.EAI_NODATA: NO_ADDRESS,
    socket.EAI_AGAIN: RESOLVER_FAILED,
}


@dataclass(frozen=True, slots=True)
class _Found:
    """What the resolver found, the name that it found it by, and how long it took."""

    addresses: Sequence[str]
    found_as: str
    took_s: float


def dns_lookup(endpoint: Endpoint, deadline: Deadline) -> Passed[Sequence[TargetAddress]]:
    """Return the addresses of `endpoint` in the system resolver's order.

    An address is its own answer; nothing is asked for it.

    Raises:
        Failed: SINKHOLE, or NXDOMAIN, NO_ADDRESS, RESOLVER_FAILED or, after LOOKUP_S, NO_ANSWER,
            of which a look at the name servers can tell more.
    """
    host, port = endpoint.host, endpoint.port or 0
    doubts: Sequence[Finding] = ()
    try:
        addresses = [TargetAddress.parse(host, port)]
    except ValueError:
        found = _ask_resolver(host, deadline.at_most(LOOKUP_S))
        doubts = _doubts(host, found)
        addresses = [TargetAddress.parse(text, port) for text in found.addresses]
    return Passed(addresses, *doubts, addresses=tuple(str(address.ip) for address in addresses))


def _ask_resolver(host: str, deadline: Deadline) -> _Found:
    """Return what getaddrinfo(3) finds; it knows no time limit, so a thread of its own waits."""
    answer: SimpleQueue[_Found | OSError] = SimpleQueue()
    Thread(target=_look_up, args=(host, answer), daemon=True).start()
    try:
        found = answer.get(timeout=deadline.remaining_s())
    except Empty:
        plain = Failed(NO_ANSWER, waited_s=deadline.waited_s)
        raise Unexplained(plain, partial(why_not_found, host, plain)) from None
    if isinstance(found, OSError):
        cause = _CAUSE_BY_CODE.get(found.errno or 0, RESOLVER_FAILED)
        plain = Failed(cause, code=found.errno or 0)
        raise Unexplained(plain, partial(why_not_found, host, plain))
    return found


def _look_up(host: str, answer: "SimpleQueue[_Found | OSError]") -> None:
    began_s = monotonic()  # here, so that a busy worker is not taken for a slow name server
    try:
        # The name that was found in the end comes with the answer, at no further query.
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
        # dict keeps the order and drops repetitions; a scope (%eth0) is not part of an address.
        unique = dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found)
        answer.put(_Found(list(unique), found[0][3], monotonic() - began_s))
    except OSError as error:
        answer.put(error)


def _doubts(host: str, found: _Found) -> Sequence[Finding]:
    """Return what is odd about an answer, from what is at hand: nobody is asked for it.

    Raises:
        Failed: SINKHOLE, where there is no address in it that anybody could mean.
    """
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
    """Return that the search list had to help, if it had; aliases can look the same."""
    if not found_as.startswith(f"{name}."):
        return []
    if found_as.removeprefix(f"{name}.") not in ResolverConfig.read().search:
        return []
    return [Finding(SEARCH_SUFFIX, {"found_as": found_as})]
