"""However many connections strangers open, there is a place for one more caller."""

import resource
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from api.connections.connection import MOST_WAITING
from cli.service.up import free_port
from shared.sealing import new_key_pair
from tests.running.own_redis import OwnRedis
from tests.running.service import CALL, poll, start

DESCRIPTORS = 400
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX: "
HALF_A_BODY = (
    f"POST {CALL} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\n"
    "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
).encode()

FILES = MOST_WAITING * b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True)
class SmallApi:
    """An API that has DESCRIPTORS file descriptors."""

    port: int
    log: Path

    def connect(self) -> socket.socket:
        """Return a new connection."""
        return socket.create_connection(("127.0.0.1", self.port), 30)

    def is_alive(self) -> bool:
        """Return whether a caller is answered."""
        try:
            url = f"http://127.0.0.1:{self.port}/healthz"
            return httpx.get(url, trust_env=False, timeout=30).status_code == 200
        except httpx.TransportError:
            return False


@pytest.fixture
def api(own_redis: OwnRedis, tmp_path: Path) -> Iterator[SmallApi]:
    """Give an API without workers."""
    small, log = SmallApi(free_port("127.0.0.1"), tmp_path / "log"), tmp_path / "log"
    settings = {
        "CONNCHECK_REDIS_URL": own_redis.url,
        "CONNCHECK_TOKENS": "me:t",
        "CONNCHECK_SEALING_PUBLIC_KEY": new_key_pair()[1],
        "CONNCHECK_DRAIN_S": "0",
    }
    limits = resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS)
    with (
        log.open("w") as stderr,
        start(
            ["api", "--port", str(small.port)],
            settings,
            stderr=stderr,
            preexec_fn=partial(resource.setrlimit, *limits),
        ) as process,
    ):
        try:
            poll(small.is_alive)
            yield small
        finally:
            process.terminate()


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD], ids=["nothing", "half a head"])
def test_i20_a_crowd_that_asks_nothing_keeps_nobody_out(api: SmallApi, sent: bytes) -> None:
    """1,200 such connections were all it took, and a traceback a second filled the log."""
    with ExitStack() as crowd:
        for _ in range(2 * DESCRIPTORS):
            crowd.enter_context(api.connect()).sendall(sent)

        assert api.is_alive()
        poll(lambda: "too many connections: ended=" in api.log.read_text())
    log = api.log.read_text()
    assert log.count("too many connections") <= 2
    assert "Traceback" not in log
    assert "out of system resource" not in log


def test_a_crowd_that_does_not_take_its_answers_keeps_nobody_out(api: SmallApi) -> None:
    """A page's own file is answered without a token, and a reader may take bytes for hours."""
    with ExitStack() as crowd:
        for _ in range(2 * DESCRIPTORS):
            reader = crowd.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            reader.connect(("127.0.0.1", api.port))
            with suppress(OSError):
                reader.sendall(FILES)

        poll(api.is_alive)
    log = api.log.read_text()
    assert "Traceback" not in log
    assert "out of system resource" not in log


def test_who_finds_all_places_at_work_is_told_at_once(api: SmallApi) -> None:
    """He can ask another API, or again; in a queue he would wait for nobody knows whom."""
    with ExitStack() as crowd:
        connections = [crowd.enter_context(api.connect()) for _ in range(2 * DESCRIPTORS)]
        for connection in connections:
            with suppress(OSError):  # it is one too many
                connection.sendall(HALF_A_BODY)
        poll(lambda: len(select.select(connections, (), (), 30)[0]) >= DESCRIPTORS)
    poll(api.is_alive)
    assert "Traceback" not in api.log.read_text()
