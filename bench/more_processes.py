"""Run more workers and APIs beside those of a running service."""

import http.client
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from bench.process import environment_of, running
from bench.service import NotReadyError, Service, redis_of
from cli.service.up import free_port
from shared.queue.queued_job import BULK, QueueName
from shared.store.site_keys import DEFAULT_KEYS

HOST = "127.0.0.1"
START_S = 30.0


@contextmanager
def more_workers(
    up: Service, count: int, log: Path, queue: QueueName = BULK
) -> Iterator[Sequence[int]]:
    """Run `count` more workers of `queue` while the block runs; gives their process ids."""
    settings = environment_of(up.pids["worker"])
    command = ["-P", "-m", "cli", "worker", "--queue", queue]
    with redis_of(up) as redis, log.open("w") as stderr, ExitStack() as stack:
        known = redis.scard(DEFAULT_KEYS.workers)
        started = [stack.enter_context(running(command, settings, stderr)) for _ in range(count)]
        _until(lambda: redis.scard(DEFAULT_KEYS.workers) >= known + count, "another worker")
        yield [worker.pid for worker in started]


@contextmanager
def more_apis(up: Service, count: int, log: Path) -> Iterator[Sequence[Service]]:
    """Run `count` more APIs while the block runs; gives the service as it is seen through each."""
    settings = environment_of(up.pids["api"])
    with log.open("w") as stderr, ExitStack() as stack:
        seen = []
        for _ in range(count):
            port = free_port(HOST)
            command = ["-P", "-m", "cli", "api", "--host", HOST, "--port", str(port)]
            process = stack.enter_context(running(command, settings, stderr))
            seen.append(replace(up, port=port, pids={**up.pids, "api": process.pid}))
        for one in seen:
            _until(lambda one=one: _is_ready(one.port), "another API")  # type: ignore[misc]
        yield seen


def _until(is_so: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + START_S
    while not is_so():
        if time.monotonic() > until_s:
            raise NotReadyError(f"{what} did not come up")
        time.sleep(0.05)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
