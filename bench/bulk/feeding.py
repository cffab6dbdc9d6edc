"""Measure how many items a second the API hands out and settles where nothing is tested."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from redis import Redis

from bench.bulk.batch import ndjson, run_batch
from bench.bulk.process import program_running
from bench.process import cpu_s, running
from bench.service import POLL_S, NotReadyError, Service
from cli.service.embedded_redis import redis_command, redis_server
from cli.service.up import free_port
from shared.queue.queued_job import BULK
from shared.sealing import new_key_pair
from shared.store.batches.batch_keys import UNFINISHED_BATCHES
from shared.store.site_keys import DEFAULT_KEYS

START_S = 60.0
BATCHES = 2
ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class Feeding:
    """Items of all batches a second, and of an item CPU in ms by process, and Redis' commands."""

    a_second: float
    cpu_ms: Mapping[str, float]
    commands: float
    """Those in scripts count too."""


def feeding(apis: int) -> Feeding:
    """Let `apis` processes feed batches to a worker that closes every job at once."""
    with (
        TemporaryDirectory(prefix="conncheck-feed-") as directory,
        _redis_in(Path(directory)) as (redis, redis_pid, url),
        running(["-m", "bench.bulk.closer", url]) as closer,
        _apis(apis, url, Path(directory) / "log") as services,
        ThreadPoolExecutor(BATCHES) as pool,
    ):
        _wait_until(lambda: bool(redis.exists(DEFAULT_KEYS.sign_of_queue(BULK))))
        batches = [
            pool.submit(run_batch, service, ndjson(_endpoints(n)))
            for n, service in enumerate(islice(cycle(services), BATCHES))
        ]
        _wait_until(lambda: redis.zcard(UNFINISHED_BATCHES) == BATCHES)
        pids = {"redis": [redis_pid], "closer": [closer.pid], "api": [s.parent for s in services]}
        cpu, commands, began_s = _cpu_s(pids), _commands(redis), time.perf_counter()
        if closer.stdin:
            closer.stdin.write("go\n")
            closer.stdin.flush()
        _wait_until(lambda: redis.zcard(UNFINISHED_BATCHES) == 0)
        took_s, total = time.perf_counter() - began_s, BATCHES * ITEMS
        cpu_ms = {part: (s - cpu[part]) * 1000 / total for part, s in _cpu_s(pids).items()}
        found = Feeding(total / took_s, cpu_ms, (_commands(redis) - commands) / total)
        for batch in batches:
            batch.result()
    return found


def _endpoints(batch: int) -> Iterator[str]:
    """Yield a platform for each item: items of one platform would wait for each other."""
    for n in range(ITEMS):
        yield f"http://127.{batch}.{n // 250}.{n % 250}:8080"


@contextmanager
def _redis_in(directory: Path) -> Iterator[tuple[Redis, int, str]]:
    socket = directory / "redis.sock"
    command = redis_command(redis_server(), socket, directory)
    with program_running(command, directory / "redis-log") as server:
        _wait_until(socket.exists)
        with Redis(unix_socket_path=str(socket)) as redis:
            yield redis, server.pid, f"unix://{socket}?db=0"


@contextmanager
def _apis(count: int, redis_url: str, log: Path) -> Iterator[list[Service]]:
    """Run API processes while the block runs."""
    token, public = new_key_pair()
    settings = {
        "CONNCHECK_REDIS_URL": redis_url,
        "CONNCHECK_TOKENS": f"bench:{token}",
        "CONNCHECK_SEALING_PUBLIC_KEY": public,
        "CONNCHECK_ALLOWED_NETWORKS": "127.0.0.0/8",
    }
    with log.open("w") as stderr, ExitStack() as stack:
        found = []
        for _ in range(count):
            port = free_port("127.0.0.1")
            command = ["-P", "-m", "cli", "api", "--port", str(port)]
            pid = stack.enter_context(running(command, settings, stderr)).pid
            found.append(Service(port, token, {"api": pid}, pid))
            _wait_until(found[-1].is_listening)
        yield found


def _cpu_s(pids: Mapping[str, list[int]]) -> dict[str, float]:
    return {part: sum(map(cpu_s, found)) for part, found in pids.items()}


def _commands(redis: Redis) -> int:
    stats = cast("Mapping[str, Mapping[str, Any]]", redis.info("commandstats"))
    return sum(one["calls"] for one in stats.values())


def _wait_until(is_true: Callable[[], bool]) -> None:
    """Return when it is; START_S is far more than anything here takes."""
    until_s = time.monotonic() + START_S
    while not is_true():
        if time.monotonic() > until_s:
            raise NotReadyError("a part did not come up, or did not end")
        time.sleep(POLL_S)
