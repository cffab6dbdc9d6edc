"""Find out from which of our own addresses a packet would leave."""

import socket
from contextlib import suppress

_ANY_PORT = 53


def egress_towards(address: str) -> str | None:
    """Return our own address on the way to `address`; nothing is sent for that."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as asked:
        asked.connect((address, _ANY_PORT))
        return str(asked.getsockname()[0]).partition("%")[0]
    return None
