"""Why no connection came about, and which of several reasons is told first."""

from shared.diagnosis.causes import Cause
from shared.policy.target_policy import NETWORK_BLOCKED, PORT_BLOCKED
from worker.tcp.address_guard import ADDRESS_BLOCKED, NETWORK_DENIED, OWN_SERVICE, TOO_OFTEN

_OPEN_PORT = "[Use port {open_port} in the endpoint: it answers on {address}.]"

REFUSED = Cause(
    code="tcp.refused",
    owner="platform",
    summary="{where} refused the connection on port {port}[, but port {open_port} answers]"
    "[, but port {other_port} answers]",
    remedies=(
        _OPEN_PORT,
        "Check that {product}'s API is running on {host} and listens on port {port}"
        "[; its usual port is {usual_port}].",
    ),
    field="endpoint",
)
NO_ANSWER = Cause(
    code="tcp.timeout_filtered",
    owner="network",
    summary="{where} did not answer on port {port} within {waited_s} s"
    "[, but port {open_port} answers]"
    "[, but port {other_port} answers]",
    remedies=(
        _OPEN_PORT,
        "Open {port}/tcp[ from {egress}] to {address} in the firewalls in between.",
        "Check that {address} is the right address and that {host} is running.",
    ),
    field="endpoint",
)
NO_ROUTE = Cause(
    code="tcp.no_route",
    owner="network",
    summary="There is no route to {where}[: the router {sender} says so]",
    remedies=(
        "Add a route or a VPN from this service[ ({egress})] to {address}.",
        "Check that {host} is switched on, and that no firewall rejects the connection.",
    ),
    field="endpoint",
)
NO_NEIGHBOUR = Cause(
    code="tcp.no_neighbour",
    owner="platform",
    summary="No machine has the address {address} in the network of this service, where it belongs",
    remedies=(
        "Switch {host} on, and check that its network cable or virtual switch is connected.",
        "Check that {address} is the right address.",
    ),
    field="endpoint",
)
ROUTING_LOOP = Cause(
    code="tcp.routing_loop",
    owner="network",
    summary="Packets to {where} go round in circles until {sender} drops them",
    remedies=("Correct the routes to {address} on {sender} and the routers next to it.",),
)
BLACKHOLE = Cause(
    code="tcp.blackhole_route",
    owner="us",
    summary="A blackhole route on this service's own machine swallows what goes to {where}",
    remedies=("Remove the blackhole route for {address} (`ip route get {address}` shows it).",),
)
PROHIBITED = Cause(
    code="tcp.admin_prohibited",
    owner="network",
    summary="A firewall rejects connections to {where} port {port}[: {sender} says so]",
    remedies=(
        "Allow {port}/tcp[ from {egress}] to {address} in the firewall[ {sender}] that rejects it.",
        _OPEN_PORT,
    ),
)
PROHIBITED_HERE = Cause(
    code="tcp.prohibited_here",
    owner="us",
    summary="A rule of this service's own machine forbids connections to {where} port {port}",
    remedies=(
        "Allow {port}/tcp to {address} in the firewall and the routes of this service's machine.",
    ),
)
RESET = Cause(
    code="tcp.reset_on_connect",
    owner="platform",
    summary="{where} reset the connection on port {port} before anything was sent",
    remedies=(
        "Allow this service[ ({egress})] in the access list on {host}.",
        "Look for a load balancer without healthy backends in front of {host}.",
    ),
)
CLOSED_WITHOUT_DATA = Cause(
    code="tcp.closed_without_data",
    owner="platform",
    summary="{where} accepts connections on port {port} and closes them before anything was sent",
    remedies=(
        "Check that the load balancer in front of {host} has a healthy backend.",
        "Allow this service[ ({egress})] in the access list on {host}.",
    ),
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
VANTAGE_NO_IPV6 = Cause(
    code="self.vantage_no_ipv6",
    owner="us",
    summary="This service has no way into the IPv6 internet, so it can't test {host}",
    remedies=(
        "Give the platform's IPv4 address or a name that has one.",
        "Give this service's machine an IPv6 address and route.",
    ),
    field="endpoint",
)
PARTIAL = Cause(
    code="tcp.partial_backends",
    owner="platform",
    severity="warning",
    summary="{failed_count} of {tried_count} addresses of {host} fail on port {port}: {failed}",
    remedies=(
        "Start the platform on {failed_addresses}, or remove the record from the DNS.",
        "Open {port}/tcp to {failed_addresses} in the firewalls in between.",
    ),
)
V6_FAILS = Cause(
    code="tcp.v6_fails_v4_ok",
    owner="network",
    severity="warning",
    summary="{host} answers on port {port} over IPv4 but not over IPv6: {failed}",
    remedies=(
        "Mend the IPv6 route to {failed_addresses}, or let the platform listen on it.",
        "Remove the AAAA record of {host}.",
    ),
)
V4_FAILS = Cause(
    code="tcp.v4_fails_v6_ok",
    owner="network",
    severity="warning",
    summary="{host} answers on port {port} over IPv6 but not over IPv4: {failed}",
    remedies=(
        "Mend the IPv4 route to {failed_addresses}, or let the platform listen on it.",
        "Remove the A record of {host}.",
    ),
)
SYN_LOST = Cause(
    code="tcp.slow_syn_retransmit",
    owner="network",
    severity="warning",
    summary="{address} accepted the connection on port {port} after {took_s} s only, because the "
    "first packet was lost ({retransmitted} sent again)",
    remedies=(
        "Look for packet loss on the way to {address}.",
        "Look for a full accept queue on {host}: its service takes connections too slowly.",
    ),
)
HIGH_RTT = Cause(
    code="tcp.high_rtt",
    owner="network",
    severity="warning",
    summary="A packet to {address} and back takes {rtt_ms} ms",
    remedies=("Test from a place that is nearer to {host}, or look for a congested link.",),
)

TELLING_FIRST = (
    REFUSED,
    RESET,
    PROHIBITED,
    ROUTING_LOOP,
    NO_ANSWER,
    NO_NEIGHBOUR,
    EXHAUSTED,
    UNEXPECTED,
    PROHIBITED_HERE,
    BLACKHOLE,
    NO_ROUTE,
    TOO_OFTEN,
    PORT_BLOCKED,
    NETWORK_BLOCKED,
    OWN_SERVICE,
    NETWORK_DENIED,
    ADDRESS_BLOCKED,
)
"""Where addresses fail differently, the first of these is the cause and the others contribute: an
answer comes before a silence, and what the network did before what our own side did."""
