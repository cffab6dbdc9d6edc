import pytest

from tests.network.loopback import LOOPBACK_ALLOWED, loopback
from tests.network.servers import Peer, Script, hang_up_after_reading, hold, serving
from worker.deadline import Deadline
from worker.tcp.connection import Connection
from worker.tls.tlcp import client_hello, speaks_tlcp

SERVER_HELLO = b"\x16\x01\x01\x00\x2a\x02\x00\x00\x26\x01\x01"


def asked(script: Script) -> bool:
    with serving(script) as server, Connection(loopback(server.port), LOOPBACK_ALLOWED) as twin:
        return speaks_tlcp(twin, Deadline.after(0.5))


def test_the_hello_offers_the_national_suites_alone() -> None:
    """A server that has others would choose one of them; the numbers are GB/T 38636's."""
    hello = client_hello()

    assert hello[:5] == b"\x16\x01\x01\x00" + bytes([len(hello) - 5])
    assert hello[9:11] == b"\x01\x01"
    assert b"\x00\x08\xe0\x11\xe0\x13\xe0\x51\xe0\x53" in hello


def test_a_hello_of_that_version_is_the_proof() -> None:
    """It may arrive in pieces."""

    def tlcp(peer: Peer) -> None:
        peer.read_some()
        peer.trickle(SERVER_HELLO, 0.001)
        peer.hold()

    assert asked(tlcp)


@pytest.mark.parametrize("answer", [b"\x15\x01\x01\x00\x02\x02\x28", b"\x16\x03\x03\x00\x2a\x02"])
def test_an_alert_or_another_version_is_none(answer: bytes) -> None:
    """Servers answer what they don't know with alerts in a version that they do."""

    def script(peer: Peer) -> None:
        peer.read_some()
        peer.send(answer)
        peer.hold()

    assert not asked(script)


@pytest.mark.parametrize("script", [hang_up_after_reading, hold])
def test_silence_is_none(script: Script) -> None:
    """It is one look of several, and must not break the others."""
    assert not asked(script)
