"""Causes of a failed connection, and their order of precedence."""

from shared.diagnosis.causes import Cause
from shared.policy.target_policy import NETWORK_BLOCKED, PORT_BLOCKED
from worker.tcp.address_guard import ADDRESS_BLOCKED, ADDRESS_RATE, NETWORK_DENIED, OWN_SERVICE

_OTHERS = (
    "[; refused by {refusing}][; no answer from {silent}][; no route to {unrouted}]"
    "[; failed in another way: {otherwise}][; not tested: {untested}]"
    "[; not tested, because this service has no IPv6: {without_ipv6}]"
    "[; {untried_count:more was|more were} not tried]"
)
_OPEN_PORT = "[Use port {open_port} in the endpoint: it answers on {address}.]"

TCP_REFUSED = Cause(
    code="tcp.refused",
    owner="platform",
    summary="{where} refused the connection on port {port}[, but port {open_port} answers]"
    f"[, but port {{other_port}} answers]{_OTHERS}",
    remedies=(
        _OPEN_PORT,
        "Check that {product} is running on {host} and listens on port {port}"
        "[; its usual port is {usual_port}].",
        "[Use the platform's own address: {loopback} is this service's own machine or container.]",
    ),
    field="endpoint",
)
TIMEOUT_FILTERED = Cause(
    code="tcp.timeout_filtered",
    owner="network",
    summary="{where} did not answer on port {port} within {waited_s} s"
    "[; {private} is a private address, which only its own network reaches]"
    "[, but port {open_port} answers]"
    f"[, but port {{other_port}} answers]{_OTHERS}",
    remedies=(
        _OPEN_PORT,
        "Open {port}/tcp[ from {source}| from {egress}] to {address} in the firewalls on the path.",
        "Check that {address} is the correct address, that {host} is running, and that its service "
        "still takes connections: a full accept queue is silent, too.",
    ),
    field="endpoint",
)
NO_ROUTE = Cause(
    code="tcp.no_route",
    owner="network",
    summary=f"There is no route to {{where}}[, as the router {{sender}} reports]{_OTHERS}",
    remedies=(
        "Add a route or a VPN from this service[ at site {at_site}][ ({egress})] to {address}.",
        "Check that {host} is switched on, and that no firewall rejects the connection.",
    ),
    field="endpoint",
)
NO_ROUTE_HERE = Cause(
    code="tcp.no_route_here",
    owner="us",
    summary=(
        f"This service's machine[ at site {{at_site}}] has no route to {{where}}, so it was not "
        f"tested{_OTHERS}"
    ),
    remedies=(
        "Add a route or a VPN to {address} on this service's machine[ at site {at_site}] (`ip "
        "route get {address}` shows what it has).",
        "Check that {address} is the correct address.",
    ),
    field="endpoint",
)
NO_NEIGHBOUR = Cause(
    code="tcp.no_neighbour",
    owner="platform",
    summary=(
        "No machine answers at {address}, although that address is in this service's own network[ "
        "at site {at_site}]"
    ),
    remedies=(
        "Switch on {host}, and check that its network cable or virtual switch is connected.",
        "Check that {address} is the correct address.",
    ),
    field="endpoint",
)
ROUTING_LOOP = Cause(
    code="tcp.routing_loop",
    owner="network",
    summary="Packets to {where} go round in a routing loop until {sender} drops them",
    remedies=("Correct the routes to {address} on {sender} and the routers next to it.",),
)
BLACKHOLE_ROUTE = Cause(
    code="tcp.blackhole_route",
    owner="us",
    summary=(
        "A blackhole route on this service's own machine[ at site {at_site}] discards packets to "
        "{where}"
    ),
    remedies=("Remove the blackhole route for {address} (`ip route get {address}` shows it).",),
)
ADMIN_PROHIBITED = Cause(
    code="tcp.admin_prohibited",
    owner="network",
    summary=(
        "A firewall rejects connections to {where} port {port}[, as {sender} reports]" + _OTHERS
    ),
    remedies=(
        "Allow {port}/tcp[ from {source}| from {egress}] to {address} in the firewall[ {sender}] "
        "that rejects it.",
        _OPEN_PORT,
    ),
)
HOST_REJECTS = Cause(
    code="tcp.host_rejects",
    owner="platform",
    summary=(
        "{where} itself rejects connections to port {port}, by ICMP: its own firewall, or the "
        f"device that forwards the port{_OTHERS}"
    ),
    remedies=(
        "Allow {port}/tcp[ from {source}| from {egress}] in the firewall of {host} itself "
        "(firewalld, nftables, iptables).",
        "If {host} is a node of Kubernetes, check that the service behind port {port} has ready "
        "endpoints.",
        _OPEN_PORT,
    ),
    field="endpoint",
)
PROHIBITED_HERE = Cause(
    code="tcp.prohibited_here",
    owner="us",
    summary=(
        "A rule on this service's own machine[ at site {at_site}] forbids connections to {where} "
        "port {port}"
    ),
    remedies=(
        "Allow {port}/tcp to {address} in the firewall and the routes of this service's machine[ "
        "at site {at_site}].",
    ),
)
RESET_ON_CONNECT = Cause(
    code="tcp.reset_on_connect",
    owner="platform",
    summary="{where} reset the connection on port {port} before any data was sent",
    remedies=(
        "Allow [{source}|this service ({egress})|this service] in the access list on {host}.",
        "Look for a load balancer without healthy backends in front of {host}.",
    ),
)
CLOSED_WITHOUT_DATA = Cause(
    code="tcp.closed_without_data",
    owner="platform",
    summary="{where} accepts connections on port {port} and closes them before any data is sent",
    remedies=(
        "Check that the load balancer in front of {host} has a healthy backend.",
        "Allow [{source}|this service ({egress})|this service] in the access list on {host}.",
    ),
)
UNACKNOWLEDGED = Cause(
    code="tcp.unacknowledged",
    owner="network",
    summary=(
        "{host} accepted the connection on port {port}, but did not acknowledge what was sent on "
        "it within {waited_s} s ({retransmitted:packet|packets} sent again)[; it had acknowledged "
        "{acknowledged_bytes:byte|bytes} before]"
    ),
    remedies=(
        "Look for a firewall, a VPN or a NAT on the path that lets the first packets through and "
        "drops the rest: both directions must take the same path.",
        "Check that the path carries packets of full size (MTU).",
        "Check whether the accept queue on {host} is full: its service takes no connections.",
    ),
)
ANSWER_LOST = Cause(
    code="tcp.answer_lost",
    owner="network",
    summary=(
        "The answer of {host} on port {port} was lost on the path: {out_of_order:packet|packets} "
        "of it arrived, and what comes before them did not within {waited_s} s"
    ),
    remedies=(
        "Check that the path carries packets of full size (MTU): lower the MTU of this service's "
        "interface[ at site {at_site}], or clamp the MSS on the VPN, tunnel or router on the path.",
        "Look for packet loss on the path from {host}.",
    ),
)
MTU_BLACKHOLE = Cause(
    code="tcp.mtu_blackhole",
    owner="network",
    summary=(
        "The path to {host} carries small packets only: port {port} answers in segments of "
        "{segment_bytes} bytes, and not in full ones (MTU)"
    ),
    remedies=(
        "Lower the MTU of this service's interface[ at site {at_site}], or clamp the MSS on the "
        "VPN, tunnel or router on the path to {address}.",
        'Allow ICMP "fragmentation needed" (ICMPv6 "packet too big") in the firewalls on the path.',
    ),
)
LOCAL_EXHAUSTION = Cause(
    code="tcp.local_exhaustion",
    owner="us",
    summary=(
        "This service[ at site {at_site}] has no free socket for a connection to {host} ({error})"
    ),
    remedies=(
        "Test again in a minute; the operators of this service can lower CONNCHECK_WORKER_SLOTS"
        "[ at site {at_site}].",
    ),
)
TCP_FAILED = Cause(
    code="tcp.failed",
    owner="network",
    summary="The connection to {where} port {port} failed with {error}",
    remedies=("Check the network between this service and {host}.",),
)
VANTAGE_NO_IPV6 = Cause(
    code="self.vantage_no_ipv6",
    owner="us",
    summary=(
        "This service[ at site {at_site}] has no IPv6 route to the internet, so it cannot test "
        "{host}"
    ),
    remedies=(
        "Use the platform's IPv4 address, or a name that has one.",
        "Give this service's machine[ at site {at_site}] an IPv6 address and route.",
    ),
    field="endpoint",
)
PARTIAL_BACKENDS = Cause(
    code="tcp.partial_backends",
    owner="platform",
    severity="warning",
    summary=(
        "{accepted_count} of {tried_count}[ {family}] addresses of {host} accept connections on "
        f"port {{port}}{_OTHERS}"
    ),
    remedies=(
        "Start the platform on {failed_addresses}, or remove the record from the DNS.",
        "Open {port}/tcp[ from {source}] to {failed_addresses} in the firewalls on the path.",
    ),
)
V6_FAILS_V4_OK = Cause(
    code="tcp.v6_fails_v4_ok",
    owner="network",
    severity="warning",
    summary="{host} answers on port {port} over IPv4 but not over IPv6" + _OTHERS,
    remedies=(
        "Fix the IPv6 route to {failed_addresses}, or make the platform listen there.",
        "Remove the AAAA record of {host}.",
    ),
)
V4_FAILS_V6_OK = Cause(
    code="tcp.v4_fails_v6_ok",
    owner="network",
    severity="warning",
    summary="{host} answers on port {port} over IPv6 but not over IPv4" + _OTHERS,
    remedies=(
        "Fix the IPv4 route to {failed_addresses}, or make the platform listen there.",
        "Remove the A record of {host}.",
    ),
)
SLOW_SYN_RETRANSMIT = Cause(
    code="tcp.slow_syn_retransmit",
    owner="network",
    severity="warning",
    summary=(
        "{address} accepted the connection on port {port} only after {took_s} s, because the "
        "first packet was lost ({retransmitted} sent again)"
    ),
    remedies=(
        "Look for packet loss on the path to {address}.",
        "Check whether the accept queue on {host} is full: its service accepts connections too "
        "slowly.",
    ),
)
HIGH_RTT = Cause(
    code="tcp.high_rtt",
    owner="network",
    severity="warning",
    summary="The round trip to {address} takes {rtt_ms} ms",
    remedies=("Test from a place closer to {host}, or look for a congested link.",),
)

TELLING_FIRST = (
    TCP_REFUSED,
    RESET_ON_CONNECT,
    HOST_REJECTS,
    ADMIN_PROHIBITED,
    ROUTING_LOOP,
    TIMEOUT_FILTERED,
    NO_NEIGHBOUR,
    LOCAL_EXHAUSTION,
    TCP_FAILED,
    PROHIBITED_HERE,
    BLACKHOLE_ROUTE,
    NO_ROUTE,
    NO_ROUTE_HERE,
    ADDRESS_RATE,
    PORT_BLOCKED,
    NETWORK_BLOCKED,
    OWN_SERVICE,
    NETWORK_DENIED,
    ADDRESS_BLOCKED,
)
"""If addresses fail differently, the first of these is the cause and the others contribute: an
answer comes before silence, and a fault of the network before one of our own side."""
