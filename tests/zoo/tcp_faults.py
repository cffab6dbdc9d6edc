"""Faults between the first packet and the connection."""

import socket
from collections.abc import Iterator

from tests.zoo.fault import Target, fault

# Whatever is sent to 10.9.0.2 arrives at the other end of the cable, where nobody wants it.
DROPPING = (
    "link add near type veth peer name far",
    "address add 10.9.0.1/24 dev near",
    "link set near up",
    "link set far up",
    "neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev near",
)


@fault("tcp_connect", "tcp.refused")
def nothing_listens() -> Iterator[Target]:
    """Nothing listens on the port."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield Target(f"http://127.0.0.1:{bound.getsockname()[1]}")


@fault(
    "tcp_connect",
    "tcp.timeout_filtered",
    network=DROPPING,
)
def packets_are_dropped() -> Iterator[Target]:
    """Packets to the address are dropped."""
    yield Target("http://10.9.0.2:8080")
