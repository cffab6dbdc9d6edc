"""Run the real thing: `conncheck up` as a process, and look at it from outside."""

import os
import re
import signal
import subprocess
import sys
import time  # to end what hangs, and to look again
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis
from redis.exceptions import RedisError

from shared.queue.queued_job import INTERACTIVE
from shared.store.site_keys import DEFAULT_KEYS

LAST_WORDS = 60  # lines of a log that tell why a test failed
OF_A_JOB = re.compile(r'[" ]job=|"audit"')
READY = re.compile(r"conncheck ready url=(http://\S+) token=(\S+)\n")
CALL = "/api/v1/platforms/test-connection"
_INHERITED = ("PATH", "HOME", "LANG")


@dataclass
class Service:
    """A running `conncheck up`."""

    process: subprocess.Popen[str]
    url: str
    token: str
    data_dir: Path
    log: Path

    def client(self, **options: Any) -> httpx.Client:
        """Return an HTTP client that is signed in."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(
            base_url=self.url, headers=headers, trust_env=False, timeout=60, **options
        )

    def test(self, endpoint: str, **changes: Any) -> httpx.Response:
        """Make the documented call for a ZStack at `endpoint`."""
        with self.client() as client:
            return client.post(CALL, json=a_request(endpoint, **changes))

    def redis_socket(self) -> str:
        """Return the path of the Unix socket of the service's own Redis."""
        return command_of(self.part("redis.sock")).split(":")[-1].split()[0]

    def redis(self) -> Redis:
        """Return a client of the service's own Redis; use it in a `with`."""
        return Redis(unix_socket_path=self.redis_socket())

    def lasting_keys(self) -> set[bytes]:
        """Return the keys that would stay in Redis for ever."""
        with self.redis() as redis:
            return {key for key in redis.scan_iter() if redis.ttl(key) == -1}

    def is_ready(self) -> bool:
        """Return whether tests can be made."""
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def submit(self, endpoint: str, **changes: Any) -> str:
        """Return the address of a new job for a ZStack at `endpoint`."""
        with self.client() as client:
            answer = client.post(f"{CALL}/jobs", json=a_request(endpoint, **changes))
        assert answer.status_code == 202, answer.text
        return str(answer.headers["location"])

    def look(self, job: str) -> dict[str, Any]:
        """Return what is known of a job."""
        with self.client() as client:
            shown: dict[str, Any] = client.get(job).json()
        return shown

    def closed(self, job: str, within_s: float = 60) -> dict[str, Any]:
        """Return a job when it is closed, whatever is down in between."""
        give_up_at_s = time.monotonic() + within_s  # noqa: TID251
        while time.monotonic() < give_up_at_s:  # noqa: TID251
            try:
                shown = self.look(f"{job}?wait=2")
            except httpx.TransportError:
                time.sleep(0.05)  # noqa: TID251 -- the API is down
                continue
            if shown.get("finishedAt"):
                return shown
        raise AssertionError("the job was not closed")

    def part(self, name: str) -> int:
        """Return the process id of the part that has `name` in its command line.

        Redis has "redis.sock", whether it is a redis-server or a valkey-server.
        """
        return next(pid for pid in children_of(self.process.pid) if name in command_of(pid))

    def kill(self, name: str) -> None:
        """Kill a part, and return when it is dead."""
        pid = self.part(name)
        os.kill(pid, signal.SIGKILL)
        poll(lambda: not is_running(pid))

    def log_text(self) -> str:
        """Return all that was logged so far."""
        return self.log.read_text()


def number_taken(redis: Redis) -> int:
    """Return how many messages workers have taken and are not done with, a moment ago at most."""
    return sum(redis.llen(key) for key in redis.scan_iter(DEFAULT_KEYS.taken_by("*")))


def last_made(job: dict[str, Any]) -> dict[str, Any]:
    """Return the last item of a job's report whose step was made."""
    made: list[dict[str, Any]] = [item for item in job["items"] if item["outcome"] != "skipped"]
    return made[-1]


def a_request(endpoint: str, **changes: Any) -> dict[str, Any]:
    """Return a request body that a healthy stand-in at `endpoint` answers well."""
    request = {
        "productType": "zstack",
        "endpoint": endpoint,
        "accessKey": "AKID",
        "secretKey": "SECRET",
    }
    return {**request, **changes}


@contextmanager
def running_service(tmp_path: Path, **environment: str) -> Iterator[Service]:
    """Run `conncheck up` on a free port while the block runs, and make sure that it ends."""
    data_dir, log = tmp_path / "data", tmp_path / "log"
    command = ["up", "--port", "0", "--data-dir", str(data_dir)]
    allowed = "127.0.0.0/8,::1/128"
    settings = {"CONNCHECK_ALLOWED_NETWORKS": allowed, "CONNCHECK_DRAIN_S": "10", **environment}
    with log.open("w") as stderr, start(command, settings, stderr=stderr) as process:
        try:
            assert process.stdout
            ready = READY.fullmatch(process.stdout.readline())
            assert ready, log.read_text()
            service = Service(process, ready[1], ready[2], data_dir, log)
            try:
                yield service
            except Exception as error:
                error.add_note(_account_of(service))
                raise
        finally:
            process.terminate()
            process.wait(30)


def _account_of(service: Service) -> str:
    """Return what a service is at, for the reader of a test that failed."""
    parts: list[str] = []
    try:
        parts += map(command_of, children_of(service.process.pid))
        with service.redis() as redis:
            clients = Counter(client["cmd"] for client in redis.client_list())
            queued, taken = redis.llen(INTERACTIVE), number_taken(redis)
        at_redis = f"{queued=} {taken=} {clients=}"
    except (RedisError, OSError, StopIteration) as error:
        at_redis = repr(error)
    told = [line for line in service.log_text().splitlines() if not OF_A_JOB.search(line)]
    return "\n".join(["The service:", *parts, at_redis, *told[-LAST_WORDS:]])


def start(
    arguments: list[str], settings: Mapping[str, str], **options: Any
) -> subprocess.Popen[str]:
    """Start the command `conncheck` with nothing in its environment but `settings`."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return subprocess.Popen(
        [str(Path(sys.executable).parent / "conncheck"), *arguments],
        env={**inherited, **settings},
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def children_of(pid: int) -> list[int]:
    """Return the process ids of a process's children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> str:
    """Return a process's command line, nothing once it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment that a process was started with."""
    try:
        lines = Path(f"/proc/{pid}/environ").read_text().split("\0")
    except PermissionError:
        pytest.skip("the parts keep their memory private: only root may look into it")
    return dict(line.split("=", 1) for line in lines if line)


def is_running(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Freeze a process while the block runs, which may kill it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def standing_still(service: Service) -> Iterator[None]:
    """Freeze the worker of single tests while the block runs; jobs are accepted all the same."""
    with stopped(service.part("worker --queue interactive")):
        with service.redis() as redis:  # the worker's own sign of life may expire before that
            redis.set(DEFAULT_KEYS.sign_of_queue(INTERACTIVE), 1, ex=600)
        yield


def poll(condition: Callable[[], bool], within_s: float = 30) -> None:
    """Return when `condition` holds: for what tells nobody that it has come about."""
    give_up_at_s = time.monotonic() + within_s  # noqa: TID251
    while not condition():
        assert time.monotonic() < give_up_at_s, "it never came about"  # noqa: TID251
        time.sleep(0.05)  # noqa: TID251
