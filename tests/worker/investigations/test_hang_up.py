import pytest

from shared.diagnosis.causes import Cause
from tests.network.loopback import connected, said, soon
from tests.network.servers import Peer, Script, hold, serving
from worker.deadline import Deadline
from worker.investigations.hang_up import why_it_hangs_up
from worker.tcp.causes import CLOSED_WITHOUT_DATA, RESET_ON_CONNECT
from worker.tcp.protocols import PORT_SPEAKS_OTHER


def hang_up(_: Peer) -> None:
    """Close at once."""


def reset(peer: Peer) -> None:
    """Reset at once."""
    peer.reset()


def greet(peer: Peer) -> None:
    """Greet as SSH does, and wait."""
    peer.send(b"SSH-2.0-x\r\n")
    peer.hold()


@pytest.mark.parametrize(
    ("script", "cause"),
    [(hang_up, CLOSED_WITHOUT_DATA), (reset, RESET_ON_CONNECT), (greet, PORT_SPEAKS_OTHER)],
)
def test_what_happens_before_anything_is_sent_is_the_cause(script: Script, cause: Cause) -> None:
    """It is the load balancer or the access list then, and not what we ask."""
    with serving(hold, script) as server, connected(server.port) as connection:
        failed = why_it_hangs_up(connection, soon())

    assert failed
    assert failed.cause is cause
    assert said(failed)


def test_a_platform_that_waits_is_not_blamed_for_hanging_up() -> None:
    """It hung up because of the request, and the first verdict stands."""
    with serving(hold) as server, connected(server.port) as connection:
        assert why_it_hangs_up(connection, Deadline.after(0.2)) is None


def test_a_platform_that_is_gone_leaves_the_first_verdict() -> None:
    """The investigation takes any error for "nothing more was seen"."""
    with serving(hold) as server, connected(server.port) as connection:
        server.stop_listening()

        with pytest.raises(OSError, match="refused"):
            why_it_hangs_up(connection, soon())
