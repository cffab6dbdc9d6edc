"""A path that loses packets for their size or their number, in a network of the test's own."""

from tests.network.namespaces import filter_packets

PATH_BYTES = 1000
SMALL_MTU = ("link set lo mtu 1500", "link set lo gso_max_size 1500 gso_max_segs 1")
"""Has lo send packets as a cable does, each for itself."""


def lose_large_packets(*, sent_by: int = 0, sent_to: int = 0) -> None:
    """Lose packets of more than PATH_BYTES from the port `sent_by` or to `sent_to`, silently.

    The kernel's own way to find that out (ICMP) is lost with them.
    """
    ports = [f"sport {sent_by}"] if sent_by else []
    ports += [f"dport {sent_to}"] if sent_to else []
    filter_packets("input", *(f"tcp {port} meta length > {PATH_BYTES} drop" for port in ports))


def lose_all_data(port: int) -> None:
    """Lose everything to the port that comes after the first packet."""
    filter_packets("input", f"tcp dport {port} tcp flags & (syn | rst | fin) == 0 drop")
