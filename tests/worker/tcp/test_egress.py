from tests.network.namespaces import in_own_network
from worker.tcp.egress import egress_towards


def test_our_own_address_is_known_without_a_packet() -> None:
    """It is what an access list has to allow."""
    assert in_own_network(lambda: egress_towards("127.0.0.9")) == "127.0.0.1"
    assert in_own_network(lambda: egress_towards("10.9.9.9")) is None
