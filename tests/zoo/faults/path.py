"""Faults of the path between this service and a platform that accepts connections."""

from collections.abc import Iterator

from tests.certificates.crafted import self_signed
from tests.network.lossy import SMALL_MTU, lose_all_data, lose_large_packets
from tests.network.name_server import knowing, resolving
from tests.network.servers import Peer, always, hold, reply, serving
from tests.stand_ins.zstack import zstack_node
from tests.zoo.fault import Target, fault

HOST = "cloud.example.com"
MANY_NAMES = tuple(f"node-{number}.example.com" for number in range(60))
UNVERIFIED = {"tls": {"verify": False}}
TLS_PORT_SAYS = reply(b"The plain HTTP request was sent to HTTPS port", status="400 Bad Request")


def only_shaking_hands(peer: Peer) -> None:
    """Shake hands as nginx does, and tell plain HTTP that it is at the wrong port."""
    if peer.peek().startswith(b"\x16"):
        peer.shake_hands_rudely(self_signed(*MANY_NAMES).server_context())
        peer.hold()
    always(TLS_PORT_SAYS)(peer)


def silent_to_handshakes(peer: Peer) -> None:
    """Read a ClientHello without a word, and tell plain HTTP that it is at the wrong port."""
    if peer.peek().startswith(b"\x16"):
        peer.hold()
    always(TLS_PORT_SAYS)(peer)


@fault("tls_handshake", "tcp.mtu_blackhole", network=SMALL_MTU)
def certificates_do_not_fit_through_the_tunnel() -> Iterator[Target]:
    """A tunnel on the path loses large packets, so no certificate arrives."""
    with serving(only_shaking_hands) as server:
        lose_large_packets(sent_by=server.port)
        yield Target(f"https://127.0.0.1:{server.port}", options=UNVERIFIED)


@fault("http_response", "tcp.mtu_blackhole", network=SMALL_MTU)
def answers_do_not_fit_through_the_tunnel() -> Iterator[Target]:
    """A tunnel on the path loses large packets, so no web page arrives."""
    with serving(always(reply(b"x" * 4000))) as server:
        lose_large_packets(sent_by=server.port)
        yield Target(f"http://127.0.0.1:{server.port}")


@fault("tls_handshake", "tcp.unacknowledged", network=())
def a_firewall_lets_the_first_packets_through() -> Iterator[Target]:
    """A firewall sees one direction only, and drops all packets after the first."""
    with serving(hold, tls=self_signed("127.0.0.1").server_context()) as server:
        lose_all_data(server.port)
        yield Target(f"https://127.0.0.1:{server.port}", options=UNVERIFIED)


@fault("http_response", "tcp.unacknowledged", network=())
def a_firewall_drops_the_request() -> Iterator[Target]:
    """A firewall drops the first request, in plain HTTP."""
    with zstack_node() as (_, port):
        lose_all_data(port)
        yield Target(f"http://127.0.0.1:{port}")


@fault("tls_handshake", "tls.handshake_timeout")
def an_https_port_that_shakes_no_hands() -> Iterator[Target]:
    """A port of HTTPS is silent to handshakes, and answers plain HTTP with 400."""
    with serving(silent_to_handshakes) as server:
        yield Target(f"https://127.0.0.1:{server.port}")


@fault("tls_handshake", "tls.reset_after_hello", network=("address add 10.9.0.1/32 dev lo",))
def one_handshake_of_several_is_reset() -> Iterator[Target]:
    """A node of several resets the connection, whatever name it is asked for."""

    def reset(peer: Peer) -> None:
        peer.read_some()
        peer.reset()

    def shake_hands(peer: Peer) -> None:
        peer.shake_hands_rudely(self_signed(HOST).server_context())
        peer.hold()

    scripts = (reset, reset, shake_hands)
    with resolving(knowing({HOST: ["A 10.9.0.1"]})), serving(*scripts, host="10.9.0.1") as server:
        yield Target(f"https://{HOST}:{server.port}")
