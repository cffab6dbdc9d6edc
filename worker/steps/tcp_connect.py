"""Open the TCP connection that all later steps use."""

import errno
from collections.abc import Mapping, Sequence

from shared.causes import Cause
from shared.endpoint import Endpoint
from shared.outcomes import Failed, Passed
from worker.address_guard import AddressGuard
from worker.connection import AddressRefusedError, Connection, TargetAddress
from worker.deadline import Deadline

PER_ADDRESS_S = 3.0
MOST_ADDRESSES = 6

REFUSED = Cause(
    code="tcp.refused",
    owner="platform",
    summary="{where} refused the connection on port {port}",
    remedies=(
        "Check that {product}'s API is running on {host} and listens on port {port}"
        "[; its usual port is {usual_port}].",
    ),
    field="endpoint",
)
NO_ANSWER = Cause(
    code="tcp.timeout_filtered",
    owner="network",
    summary="{where} did not answer on port {port} within {waited_s} s",
    remedies=(
        "Open {port}/tcp towards {address} in the firewalls between this service and {host}.",
        "Check that {address} is the right address and that {host} is running.",
    ),
    field="endpoint",
)
NO_ROUTE = Cause(
    code="tcp.no_route",
    owner="network",
    summary="There is no route to {where}",
    remedies=(
        "Add a route or a VPN from this service to {address}.",
        "Check that {host} is switched on, and that no firewall rejects the connection.",
    ),
    field="endpoint",
)
PROHIBITED = Cause(
    code="tcp.admin_prohibited",
    owner="network",
    summary="A firewall rejects connections to {where} port {port}",
    remedies=("Allow {port}/tcp towards {address} in the firewall that rejects it.",),
)
RESET = Cause(
    code="tcp.reset_on_connect",
    owner="platform",
    summary="{where} reset the connection on port {port} while it was opened",
    remedies=("Look for an access list on {host} or a load balancer without backends.",),
)
EXHAUSTED = Cause(
    code="tcp.local_exhaustion",
    owner="us",
    summary="This service has no socket left to reach {host} with ({error})",
    remedies=("Test again in a minute; the operators can lower CONNCHECK_WORKER_SLOTS.",),
)
UNEXPECTED = Cause(
    code="tcp.failed",
    owner="network",
    summary="The connection to {where} port {port} failed with {error}",
    remedies=("Check the network between this service and {host}.",),
)
ADDRESS_BLOCKED = Cause(
    code="policy.address_blocked",
    owner="us",
    summary="{where} is a {kind} address, which this service does not connect to",
    remedies=(
        "Ask the operators to add {address} to CONNCHECK_ALLOWED_NETWORKS if it shall be tested.",
        "Correct the endpoint if another address was meant.",
    ),
    field="endpoint",
)

_CAUSE_BY_ERRNO = {
    errno.ECONNREFUSED: REFUSED,
    errno.ECONNRESET: RESET,
    errno.EACCES: PROHIBITED,
    errno.EPERM: PROHIBITED,
    errno.EHOSTUNREACH: NO_ROUTE,
    errno.ENETUNREACH: NO_ROUTE,
    errno.EINVAL: NO_ROUTE,  # a blackhole route
    errno.ETIMEDOUT: NO_ANSWER,
    errno.EADDRNOTAVAIL: EXHAUSTED,
    errno.EMFILE: EXHAUSTED,
    errno.ENFILE: EXHAUSTED,
    errno.ENOBUFS: EXHAUSTED,
}
# Where addresses fail differently, the one that says most is told: an answer before a silence,
# and what the network did before what our own policy did.
_TELLING = (REFUSED, RESET, PROHIBITED, NO_ANSWER, EXHAUSTED, UNEXPECTED, NO_ROUTE, ADDRESS_BLOCKED)


def tcp_connect(
    endpoint: Endpoint, addresses: Sequence[TargetAddress], guard: AddressGuard, deadline: Deadline
) -> Passed[Connection]:
    """Return a connection to the first of `addresses` that accepts one.

    The addresses are tried one after another, MOST_ADDRESSES at most, each for PER_ADDRESS_S
    seconds and never past `deadline`. `guard` is asked about each when its socket is opened.

    Raises:
        Failed: with the most telling of the causes that the addresses failed with.
    """
    failures: dict[TargetAddress, Failed] = {}
    for address in addresses[:MOST_ADDRESSES]:
        connection, limit = Connection(address, guard), deadline.at_most(PER_ADDRESS_S)
        try:
            connection.open(limit)
        except (OSError, AddressRefusedError) as error:
            failures[address] = _failure(endpoint, address, error, limit.waited_s)
        else:
            tried = tuple(str(failed.ip) for failed in failures)
            return Passed(connection, address=str(address.ip), failed_addresses=tried)
    raise _most_telling(failures)


def _failure(
    endpoint: Endpoint,
    address: TargetAddress,
    error: OSError | AddressRefusedError,
    waited_s: float,
) -> Failed:
    shown = str(address.ip)
    where = shown if endpoint.host == shown else f"{endpoint.server_name} ({shown})"
    if isinstance(error, AddressRefusedError):
        return Failed(ADDRESS_BLOCKED, where=where, address=shown, kind=error.kind)
    code = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno or 0
    name = errno.errorcode.get(code, type(error).__name__)
    cause = _CAUSE_BY_ERRNO.get(code, UNEXPECTED)
    if code == errno.EADDRNOTAVAIL and address.ip.version == 6:
        cause = NO_ROUTE  # IPv6 is switched off here
    return Failed(cause, where=where, address=shown, error=name, waited_s=waited_s)


def _most_telling(failures: Mapping[TargetAddress, Failed]) -> Failed:
    return min(failures.values(), key=lambda failed: _TELLING.index(failed.cause))
