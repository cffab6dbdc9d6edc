"""Find the addresses of the endpoint's host, once, for all later steps."""

import socket
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from shared.causes import Cause
from shared.endpoint import Endpoint
from shared.outcomes import Failed, Passed
from worker.connection import TargetAddress
from worker.deadline import Deadline

LOOKUP_S = 5.0

NXDOMAIN = Cause(
    code="dns.nxdomain",
    owner="caller",
    summary="The name {host} does not exist in the DNS",
    remedies=(
        "Check the spelling of {host}, and write it with its whole domain.",
        "Create an A or AAAA record for {host}.",
    ),
    field="endpoint",
)
NO_ADDRESS = Cause(
    code="dns.nodata",
    owner="network",
    summary="The name {host} exists in the DNS but has no address",
    remedies=("Create an A or AAAA record for {host}.", "Check the spelling of {host}."),
    field="endpoint",
)
RESOLVER_FAILED = Cause(
    code="dns.resolver_failed",
    owner="network",
    summary="The name {host} could not be looked up: the resolver gave no answer to it",
    remedies=(
        "Check the spelling of {host}; if it is right, check the name servers of this service.",
        "Give the address of the platform instead of its name.",
    ),
    field="endpoint",
)
NO_ANSWER = Cause(
    code="dns.timeout",
    owner="network",
    summary="The name {host} could not be looked up within {waited_s} s",
    remedies=(
        "Check that this service reaches its name servers on port 53.",
        "Give the address of the platform instead of its name.",
    ),
)

# getaddrinfo(3). EAI_AGAIN stands for SERVFAIL, REFUSED and silence alike.
_CAUSE_BY_CODE = {
    socket.EAI_NONAME: NXDOMAIN,
    socket.EAI_NODATA: NO_ADDRESS,
    socket.EAI_AGAIN: RESOLVER_FAILED,
}


def dns_lookup(endpoint: Endpoint, deadline: Deadline) -> Passed[Sequence[TargetAddress]]:
    """Return the addresses of `endpoint` in the system resolver's order.

    An address is its own answer; nothing is asked for it.

    Raises:
        Failed: NXDOMAIN, NO_ADDRESS, RESOLVER_FAILED or, after LOOKUP_S, NO_ANSWER.
    """
    port = endpoint.port or 0
    try:
        addresses = [TargetAddress.parse(endpoint.host, port)]
    except ValueError:
        found = _ask_resolver(endpoint.host, deadline.at_most(LOOKUP_S))
        addresses = [TargetAddress.parse(text, port) for text in found]
    return Passed(addresses, addresses=tuple(str(address.ip) for address in addresses))


def _ask_resolver(host: str, deadline: Deadline) -> list[str]:
    """Return what getaddrinfo(3) finds; it knows no time limit, so a thread of its own waits."""
    answer: SimpleQueue[list[str] | OSError] = SimpleQueue()
    Thread(target=_look_up, args=(host, answer), daemon=True).start()
    try:
        found = answer.get(timeout=deadline.remaining_s())
    except Empty:
        raise Failed(NO_ANSWER, waited_s=deadline.waited_s) from None
    if isinstance(found, OSError):
        cause = _CAUSE_BY_CODE.get(found.errno or 0, RESOLVER_FAILED)
        raise Failed(cause, code=found.errno or 0)
    return found


def _look_up(host: str, answer: "SimpleQueue[list[str] | OSError]") -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        # dict keeps the order and drops repetitions; a scope (%eth0) is not part of an address.
        answer.put(list(dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found)))
    except OSError as error:
        answer.put(error)
