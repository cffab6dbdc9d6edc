import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic  # noqa: TID251 -- for a lower bound

import pytest

from tests.network.tcp_proxy import HOST, TcpProxy, tcp_proxy

SILENT_S = 0.2  # so long nothing may come before a path counts as stalled


@pytest.fixture
def path() -> Iterator[TcpProxy]:
    """Give a path to a server that echoes."""
    with socket.create_server((HOST, 0)) as server:
        threading.Thread(target=_echo_all, args=(server,), daemon=True).start()
        with tcp_proxy(server.getsockname()[:2]) as proxy:
            yield proxy
        server.shutdown(socket.SHUT_RDWR)  # wakes who accepts


def _echo_all(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            accepted, _ = server.accept()
            threading.Thread(target=_echo, args=(accepted,), daemon=True).start()


def _echo(accepted: socket.socket) -> None:
    with accepted, suppress(OSError):
        while piece := accepted.recv(65536):
            accepted.sendall(piece)


def connected(path: TcpProxy) -> socket.socket:
    return socket.create_connection((HOST, path.port), timeout=10)


def echo(client: socket.socket, sent: bytes = b"x") -> bytes:
    """Return what comes back for `sent`, as far as it comes before the connection ends."""
    client.sendall(sent)
    received = b""
    while len(received) < len(sent) and (piece := client.recv(65536)):
        received += piece
    return received


def is_silent(client: socket.socket) -> bool:
    client.settimeout(SILENT_S)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(10)
    return False


def test_everything_is_passed_on(path: TcpProxy) -> None:
    """A healthy path must not be what a test finds."""
    sent = bytes(range(256)) * 1000
    with connected(path) as client:
        assert echo(client, sent) == sent


def test_a_cut_path_ends_connections_and_refuses_new_ones_until_it_is_healed(
    path: TcpProxy,
) -> None:
    """It comes back on the same port, which is all that the parts know."""
    with connected(path) as client:
        assert echo(client) == b"x"
        path.cut()
        assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connected(path)

    path.heal()

    with connected(path) as client:
        assert echo(client) == b"x"


def test_a_stalled_path_delivers_late(path: TcpProxy) -> None:
    """Nothing is lost in it, so an order may be carried out that nobody waits for any more."""
    with connected(path) as client:
        assert echo(client) == b"x"
        path.stall()
        client.sendall(b"y")
        assert is_silent(client)

        path.heal()

        assert client.recv(1) == b"y"


def test_a_forgotten_connection_is_silent_beside_a_new_one(path: TcpProxy) -> None:
    """Its two ends learn nothing."""
    with connected(path) as old:
        assert echo(old) == b"x"
        path.forget()
        with connected(path) as new:
            assert echo(new) == b"x"
        old.sendall(b"y")
        assert is_silent(old)

        path.heal()

        assert old.recv(1) == b""


def test_a_slow_path_passes_so_much_a_second(path: TcpProxy) -> None:
    """Both directions share it."""
    path.slow(20_000)
    with connected(path) as client:
        began_s = monotonic()
        assert echo(client, b"x" * 5000) == b"x" * 5000

    assert monotonic() - began_s >= 0.45  # of the 0.5 s that 10,000 bytes take


def test_a_long_path_passes_everything_later(path: TcpProxy) -> None:
    """All of it arrives, in its order."""
    path.delay(0.1)
    sent = bytes(range(256)) * 1000
    with connected(path) as client:
        began_s = monotonic()
        assert echo(client, sent) == sent
        took_s = monotonic() - began_s

    assert took_s >= 0.2


def test_a_long_path_that_is_stalled_and_healed_is_as_long_as_before(path: TcpProxy) -> None:
    """A cut does not bring a site nearer."""
    path.delay(0.1)
    with connected(path) as client:
        path.stall()
        client.sendall(b"y")
        assert is_silent(client)
        path.heal()
        assert client.recv(1) == b"y"
        began_s = monotonic()
        assert echo(client) == b"x"

    assert monotonic() - began_s >= 0.2


def test_the_end_of_a_connection_comes_after_all_that_was_sent() -> None:
    """An answer with its server's farewell is under way for a while."""
    with socket.create_server((HOST, 0)) as server, tcp_proxy(server.getsockname()[:2]) as path:
        path.delay(0.1)
        with connected(path) as client:
            accepted, _ = server.accept()
            with accepted:
                accepted.sendall(b"z" * 1000)
            received = b""
            while piece := client.recv(65536):
                received += piece

    assert received == b"z" * 1000


def test_a_path_to_nowhere_hangs_up() -> None:
    """So does one whose server has died."""
    with socket.create_server((HOST, 0)) as unused:
        nowhere = unused.getsockname()[:2]
    with tcp_proxy(nowhere) as path, connected(path) as client:
        assert client.recv(1) == b""


def test_no_thread_is_left_behind() -> None:
    """What a test leaves running disturbs the next one."""
    with tcp_proxy((HOST, 1)) as path:
        path.cut()
        path.heal()

    assert "tcp_proxy" not in [thread.name for thread in threading.enumerate()]
