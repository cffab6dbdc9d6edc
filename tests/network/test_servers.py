import pytest

from tests.network.loopback import connected
from tests.network.servers import Peer, hold, serving


def test_a_script_that_goes_wrong_fails_its_test() -> None:
    """A server that dies in silence would let a test pass for the wrong reason."""

    def script(_: Peer) -> None:
        raise AssertionError("the script went wrong")

    with (
        pytest.raises(AssertionError, match="went wrong"),
        serving(script) as server,
        connected(server.port),
    ):
        assert server.peer(0).left.wait(5)


def test_connections_are_counted_without_the_counting_one() -> None:
    """The tests of what must not connect rest on it."""
    with serving(hold) as server:
        assert server.count_connections() == 0
        with connected(server.port), connected(server.port):
            assert server.count_connections() == 3
