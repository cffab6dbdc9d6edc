"""Faults between the first packet and the connection."""

import socket
from collections.abc import Iterator
from pathlib import Path

from tests.network.name_server import knowing, resolving
from tests.network.namespaces import filter_packets, router
from tests.network.servers import Peer, full_backlog, reset_after_reading, serving
from tests.stand_ins.zstack import zstack_node
from tests.zoo.fault import Target, fault, healthy

# Whatever is sent to 10.9.0.2 arrives at the other end of the cable, where nobody wants it.
DROPPING = (
    "link add near type veth peer name far",
    "address add 10.9.0.1/24 dev near",
    "link set near up",
    "link set far up",
    "neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev near",
)
ON_LO = ("address add 10.9.0.1/32 dev lo", "address add fd09::1/128 dev lo nodad")
HOST = "cloud.example.com"
# The router would pass on what is for these.
BEYOND = (
    "link add on type veth peer name off",
    "link set on up",
    "link set off up",
    "route add 10.40.0.0/16 dev on",
    "route add 2001:db8::/32 dev on",
)
THERE, THERE_V6 = Target("http://10.40.0.7:8080"), Target("http://[2001:db8::7]:8080")


def hang_up(_: Peer) -> None:
    """Close at once."""


def reset(peer: Peer) -> None:
    """Reset at once."""
    peer.reset()


def greet(peer: Peer, greeting: bytes) -> None:
    """Say something, and wait."""
    peer.send(greeting)
    peer.hold()


@fault("tcp_connect", "tcp.refused")
def nothing_listens() -> Iterator[Target]:
    """Nothing listens on the port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Target(f"http://127.0.0.1:{bound.getsockname()[1]}")


@fault("tcp_connect", "tcp.refused", network=())
def the_api_is_on_another_port() -> Iterator[Target]:
    """The port is closed, and the API's usual one is open."""
    with zstack_node(port=8080):
        yield Target("http://127.0.0.1:8443")


@fault("tcp_connect", "tcp.timeout_filtered", network=DROPPING)
def packets_are_dropped() -> Iterator[Target]:
    """Packets to the address are dropped."""
    yield Target("http://10.9.0.2:8080")


@fault("tcp_connect", "tcp.timeout_filtered", network=())
def one_port_is_dropped() -> Iterator[Target]:
    """A firewall drops packets to the port, but not to the API's usual one."""
    filter_packets("input", "tcp dport 8443 drop")
    with zstack_node(port=8080):
        yield Target("http://127.0.0.1:8443")


@fault("tcp_connect", "tcp.timeout_filtered")
def the_accept_queue_is_full() -> Iterator[Target]:
    """The service accepts no connection any more, and its queue is full."""
    with full_backlog() as port:
        yield Target(f"http://127.0.0.1:{port}")


@fault("tcp_connect", "tcp.timeout_filtered", network=())
def the_router_drops() -> Iterator[Target]:
    """A router on the way drops packets to the port."""
    with router(*BEYOND, forward=["tcp dport 8080 drop"]):
        yield THERE


@fault("tcp_connect", "tcp.refused", network=())
def the_router_resets() -> Iterator[Target]:
    """A firewall on the way answers with a reset, as the host itself would."""
    with router(*BEYOND, forward=["tcp dport 8080 reject with tcp reset"]):
        yield THERE


@fault("tcp_connect", "tcp.admin_prohibited", network=())
def the_router_prohibits() -> Iterator[Target]:
    """A firewall on the way says that the connection is prohibited."""
    with router(*BEYOND, forward=["tcp dport 8080 reject with icmpx type admin-prohibited"]):
        yield THERE


@fault("tcp_connect", "tcp.admin_prohibited", network=())
def the_router_prohibits_over_ipv6() -> Iterator[Target]:
    """A firewall on the way says over IPv6 that the connection is prohibited."""
    with router(*BEYOND, forward=["tcp dport 8080 reject with icmpx type admin-prohibited"]):
        yield THERE_V6


@fault("tcp_connect", "tcp.admin_prohibited", network=())
def the_router_calls_the_port_unreachable() -> Iterator[Target]:
    """A firewall on the way says "port unreachable", as iptables' REJECT does."""
    with router(*BEYOND, forward=["tcp dport 8080 reject with icmpx type port-unreachable"]):
        yield THERE


@fault("tcp_connect", "tcp.host_rejects", network=())
def the_host_itself_rejects() -> Iterator[Target]:
    """The host's own firewall rejects the connection."""
    with router(incoming=["tcp dport 8080 reject with icmpx type port-unreachable"]):
        yield Target("http://10.9.0.254:8080")


@fault("tcp_connect", "tcp.no_route", network=())
def the_router_knows_no_route() -> Iterator[Target]:
    """A router on the way has no route to the network."""
    with router():
        yield THERE


@fault("tcp_connect", "tcp.no_route", network=())
def the_router_knows_no_route_over_ipv6() -> Iterator[Target]:
    """A router on the way has no IPv6 route to the network."""
    with router():
        yield THERE_V6


@fault("tcp_connect", "tcp.no_route", network=())
def the_router_calls_the_host_unreachable() -> Iterator[Target]:
    """A router on the way says that the host is unreachable."""
    with router(*BEYOND, forward=["tcp dport 8080 reject with icmpx type host-unreachable"]):
        yield THERE


@fault("tcp_connect", "tcp.routing_loop", network=())
def packets_grow_too_old() -> Iterator[Target]:
    """Packets pass more routers than they may, as they do where routers disagree."""
    Path("/proc/sys/net/ipv4/ip_default_ttl").write_text("1")
    with router(*BEYOND):
        yield THERE


@fault("tcp_connect", "tcp.no_neighbour", network=())
def the_host_is_switched_off() -> Iterator[Target]:
    """No machine in our own network has the address."""
    with router():
        yield Target("http://10.9.0.77:8080")


@fault("tcp_connect", "tcp.no_route_here", network=())
def there_is_no_route() -> Iterator[Target]:
    """This service's machine has no route to the network."""
    yield THERE


@fault("tcp_connect", "tcp.no_route_here", network=("route add unreachable 10.40.0.0/16",))
def the_network_is_unreachable_here() -> Iterator[Target]:
    """A route of this service's machine says "unreachable"."""
    yield THERE


@fault("tcp_connect", "tcp.blackhole_route", network=("route add blackhole 10.40.0.0/16",))
def a_route_swallows_packets() -> Iterator[Target]:
    """A blackhole route of this service's machine swallows the packets."""
    yield THERE


@fault("tcp_connect", "tcp.prohibited_here", network=("route add prohibit 10.40.0.0/16",))
def a_route_prohibits() -> Iterator[Target]:
    """A route of this service's machine prohibits the network."""
    yield THERE


@fault("tcp_connect", "tcp.prohibited_here", network=DROPPING)
def our_own_firewall_rejects() -> Iterator[Target]:
    """The firewall of this service's machine rejects what goes out."""
    filter_packets("output", "tcp dport 8080 reject with icmpx type admin-prohibited")
    yield Target("http://10.9.0.2:8080")


@fault("tcp_connect", "self.vantage_no_ipv6", network=())
def there_is_no_ipv6_here() -> Iterator[Target]:
    """The endpoint is an IPv6 address, and this service has no IPv6."""
    yield THERE_V6


@fault("tcp_connect", "tcp.refused", "tcp.no_route_here", network=ON_LO)
def each_address_fails_in_its_own_way() -> Iterator[Target]:
    """One address refuses, there is no route to the other."""
    with resolving(knowing({HOST: ["A 10.9.0.1", "A 10.40.0.7"]})):
        yield Target(f"http://{HOST}:8080")


@fault("tcp_connect", "policy.address_blocked")
def the_metadata_service_is_asked_for() -> Iterator[Target]:
    """The endpoint is the metadata service of a cloud."""
    yield Target("http://169.254.169.254")


@fault("tcp_connect", "policy.address_blocked", network=())
def a_name_leads_to_the_metadata_service() -> Iterator[Target]:
    """The endpoint's name has the address of a cloud's metadata service."""
    with resolving(knowing({HOST: ["A 169.254.169.254"]})):
        yield Target(f"http://{HOST}:8080")


@fault("http_response", "tcp.closed_without_data")
def every_connection_is_closed() -> Iterator[Target]:
    """A load balancer without backends closes every connection at once."""
    with serving(hang_up) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


@fault("http_response", "tcp.reset_on_connect")
def every_connection_is_reset() -> Iterator[Target]:
    """An access list resets every connection at once."""
    # A reset that is there before the first connect(2) returns would fail that step.
    with serving(reset_after_reading, reset) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


@fault("http_response", "tcp.port_speaks_other")
def the_port_is_ssh() -> Iterator[Target]:
    """The port is the one of SSH."""
    with serving(lambda peer: greet(peer, b"SSH-2.0-OpenSSH_9.6\r\n")) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


@fault("http_response", "tcp.port_speaks_other")
def the_port_is_a_mail_server() -> Iterator[Target]:
    """The port is the one of a mail server."""
    with serving(lambda peer: greet(peer, b"220 mail.example.com ESMTP\r\n")) as server:
        yield Target(f"http://127.0.0.1:{server.port}")


@healthy("tcp.partial_backends", network=(*ON_LO, "address add 10.9.0.2/32 dev lo"))
def a_dead_first_address() -> Iterator[Target]:
    """A first address that refuses, and a second one that works."""
    records = knowing({HOST: ["A 10.9.0.1", "A 10.9.0.2"]})
    with resolving(records), zstack_node(host="10.9.0.2") as (_, port):
        yield Target(f"http://{HOST}:{port}")


@healthy("tcp.partial_backends", network=(*ON_LO, "address add 10.9.0.2/32 dev lo"))
def a_dead_second_address() -> Iterator[Target]:
    """A first address that works, and a second one that refuses."""
    records = knowing({HOST: ["A 10.9.0.2", "A 10.9.0.1"]})
    with resolving(records), zstack_node(host="10.9.0.1") as (_, port):
        yield Target(f"http://{HOST}:{port}")


@healthy(network=("address add 10.9.0.1/32 dev lo",))
def an_ipv6_address_where_there_is_no_ipv6() -> Iterator[Target]:
    """A platform with an IPv6 address beside its IPv4 one, tested from where there is no IPv6."""
    records = knowing({HOST: ["A 10.9.0.1", "AAAA 2001:db8::7"]})
    with resolving(records), zstack_node(host="10.9.0.1") as (_, port):
        yield Target(f"http://{HOST}:{port}")


@healthy("tcp.v6_fails_v4_ok", network=ON_LO)
def ipv4_works_and_ipv6_does_not() -> Iterator[Target]:
    """A platform that listens on its IPv4 address alone."""
    records = knowing({HOST: ["A 10.9.0.1", "AAAA fd09::1"]})
    with resolving(records), zstack_node(host="10.9.0.1") as (_, port):
        yield Target(f"http://{HOST}:{port}")


@healthy("tcp.slow_syn_retransmit", network=())
def a_lost_first_packet() -> Iterator[Target]:
    """A first packet that is lost."""
    rule = "tcp flags syn tcp dport 8080 limit rate 1/hour burst 1 packets drop"
    filter_packets("input", rule)
    with zstack_node(port=8080):
        yield Target("http://127.0.0.1:8080")


@healthy(network=())
def a_platform_in_another_family() -> Iterator[Target]:
    """An IPv6 loopback address as the endpoint."""
    with zstack_node(host="::1") as (_, port):
        yield Target(f"http://[::1]:{port}")
