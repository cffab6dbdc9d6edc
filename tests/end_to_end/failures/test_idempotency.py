"""One Idempotency-Key is one sign-in, whatever dies meanwhile."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.service.up import free_port
from shared.sealing import new_key_pair
from tests.network.tcp_proxy import HOST, TcpProxy, tcp_proxy
from tests.running.batches import BATCHES, NDJSON, ndjson
from tests.running.own_redis import OwnRedis
from tests.running.service import CALL, a_request, poll, start
from tests.stand_ins.zstack import ZstackNode

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

TOKEN = "idempotency-token"
BUSY_S = 120  # within which a busy machine has started a part, or run a test


@dataclass
class Parts:
    """A Redis, its workers, and an API behind a path that ends at will."""

    redis: OwnRedis
    path: TcpProxy
    settings: dict[str, str]
    url: str
    log: Path
    stack: ExitStack
    api: Any = field(init=False)

    def start_api(self) -> None:
        """Start the API, and return when tests can be made."""
        port = self.url.rpartition(":")[2]
        redis = {"CONNCHECK_REDIS_URL": f"redis://{HOST}:{self.path.port}/0"}
        self.api = self.start("api", "--port", port, **redis)
        poll(self.is_ready, within_s=BUSY_S)

    def start(self, *command: str, **settings: str) -> Any:
        """Start a part that ends with the test."""
        stderr = self.stack.enter_context(self.log.open("a"))
        process = start([*command], {**self.settings, **settings}, stderr=stderr)
        self.stack.callback(process.wait, 30)
        self.stack.callback(process.terminate)
        return process

    def is_ready(self) -> bool:
        """Return whether tests and batches can be made."""
        try:
            answer = httpx.get(f"{self.url}/readyz", trust_env=False).json()
        except httpx.TransportError:
            return False
        return len(answer.get("queues", ())) == 2

    def client(self) -> httpx.Client:
        """Return an HTTP client that is signed in."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def kill_api(self) -> None:
        """Kill the API, and start it again."""
        os.kill(self.api.pid, signal.SIGKILL)
        self.api.wait()
        self.path.heal()
        self.start_api()

    def kill_redis(self) -> None:
        """Kill Redis, and start it again."""
        self.redis.kill()
        self.redis.start()
        self.path.heal()
        poll(self.is_ready, within_s=BUSY_S)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """Give the parts that the tests of this module harm, one after another."""
    directory = tmp_path_factory.mktemp("parts")
    private, public = new_key_pair()
    redis = OwnRedis(directory)
    settings = {
        "CONNCHECK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "CONNCHECK_REDIS_URL": redis.url,
        "CONNCHECK_SEALING_PRIVATE_KEYS": private,
        "CONNCHECK_SEALING_PUBLIC_KEY": public,
        "CONNCHECK_TOKENS": f"alice:{TOKEN}",
    }
    with ExitStack() as stack:
        stack.callback(redis.stop)
        redis.start()
        path = stack.enter_context(tcp_proxy(directory / "redis.sock"))
        url = f"http://{HOST}:{free_port(HOST)}"
        running = Parts(redis, path, settings, url, directory / "log", stack)
        for queue in ("interactive", "bulk"):
            running.start("worker", "--queue", queue)
        running.start_api()
        yield running


@pytest.fixture
def key(request: pytest.FixtureRequest) -> dict[str, str]:
    """Give the header with a key that no other test has."""
    return {"Idempotency-Key": request.node.name}


Send = Callable[[httpx.Client], httpx.Response]
Die = Callable[[Parts], None]


def until_accepted(parts: Parts, send: Send) -> str:
    """Return the address that is answered in the end to the same request again and again."""
    accepted: list[str] = []

    def ask() -> bool:
        with parts.client() as client, suppress(httpx.TransportError):
            answer = send(client)
            assert answer.status_code in (202, 503), answer.text
            accepted.extend(filter(None, [answer.headers.get("location")]))
        return bool(accepted)

    poll(ask, within_s=BUSY_S)
    return accepted[0]


def ended(parts: Parts, url: str) -> dict[str, Any]:
    """Return a job or a batch when it is over."""
    shown: list[dict[str, Any]] = []

    def is_over() -> bool:
        with parts.client() as client:
            shown.append(client.get(url).json())
        return shown[-1].get("finishedAt") is not None

    poll(is_over, within_s=BUSY_S)
    return shown[-1]


def outcome_after(die: Die, parts: Parts, marker: bytes, send: Send) -> dict[str, Any]:
    """Return what came of a request that is repeated because of a death.

    Redis' answers are held back from the first command with `marker` on, and then something dies.
    """
    held = parts.path.hold_answers_from(marker)
    with ThreadPoolExecutor(1) as aside:
        accepted = aside.submit(until_accepted, parts, send)
        assert held.wait(BUSY_S)
        die(parts)
        shown = ended(parts, accepted.result())
    assert until_accepted(parts, send) == accepted.result()
    return shown


dying = pytest.mark.parametrize("die", [Parts.kill_api, Parts.kill_redis])


@dying
@pytest.mark.parametrize(
    "marker",
    [
        pytest.param(b"conncheck:idempotency:", id="asking for the key"),
        pytest.param(b"XADD", id="creating the job"),
        pytest.param(b"LPUSH", id="queueing it"),
    ],
)
def test_a_request_that_is_repeated_after_a_death_is_one_sign_in(
    parts: Parts, node: tuple[ZstackNode, str], key: dict[str, str], die: Die, marker: bytes
) -> None:
    """A caller that got no answer can't know what was done, and must be able to ask again."""
    platform, endpoint = node

    def send(client: httpx.Client) -> httpx.Response:
        return client.post(f"{CALL}/jobs", json=a_request(endpoint), headers=key)

    shown = outcome_after(die, parts, marker, send)

    assert (shown["status"], shown["success"]) == ("finished", True)
    assert len(platform.judged) == 1


@dying
@pytest.mark.parametrize(
    "marker",
    [
        pytest.param(b"conncheck:idempotency:", id="asking for the key"),
        pytest.param(b"count_kept(KEYS[11]", id="creating the batch"),
        pytest.param(b"LPUSH", id="queueing its job"),
    ],
)
def test_a_batch_that_is_repeated_after_a_death_is_one_sign_in(
    parts: Parts, node: tuple[ZstackNode, str], key: dict[str, str], die: Die, marker: bytes
) -> None:
    """The same file twice would be thousands of sign-ins twice."""
    platform, endpoint = node
    headers = {"Content-Type": NDJSON, **key}

    def send(client: httpx.Client) -> httpx.Response:
        return client.post(BATCHES, content=ndjson([a_request(endpoint)]), headers=headers)

    shown = outcome_after(die, parts, marker, send)

    assert (shown["total"], shown["passed"]) == (1, 1)
    assert len(platform.judged) == 1
