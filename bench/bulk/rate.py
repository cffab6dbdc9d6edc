"""Measure how many healthy platforms are tested a second, and what CPU each process spends."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis

from bench.bulk.batch import ndjson, require_passed, run_batch
from bench.bulk.process import environment_of
from bench.bulk.targets import Platforms
from bench.process import cpu_s, running
from bench.service import Certificates, NotReadyError, Service, service
from shared.store.jobs.job_stream import WORKERS

START_S = 20.0
WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Load:
    """How a batch is run: tests in flight in each worker process, and how many of those."""

    in_flight: int
    count: int
    workers: int = 1

    @property
    def label(self) -> str:
        """How a table names it."""
        return str(self.in_flight) if self.workers == 1 else f"{self.workers} x {self.in_flight}"


@dataclass(frozen=True, slots=True)
class Rate:
    """Tests a second, and CPU of a test in ms by process."""

    a_second: float
    cpu_ms: Mapping[str, float]


def rate(load: Load, platforms: Platforms, certificates: Certificates) -> Rate:
    """Run a batch of healthy platforms on a service of its own and return its rate."""
    with (
        TemporaryDirectory(prefix="conncheck-bulk-") as directory,
        service(certificates, Path(directory), slots(load.in_flight)) as up,
        _more_workers(up, load.workers - 1, Path(directory) / "more-log") as pids,
    ):
        run_batch(up, _upload(platforms, WARM_UP))  # what is made once is no test's cost
        parts = {
            "api": [up.pids["api"]],
            "workers": [up.pids["bulk worker"], *pids],
            "redis": [up.pids["redis"]],
            "target": [platforms.pid],
        }
        before = {part: sum(map(cpu_s, found)) for part, found in parts.items()}
        batch = run_batch(up, _upload(platforms, load.count))
        after = {part: sum(map(cpu_s, found)) for part, found in parts.items()}
        require_passed(up, batch)
    cpu_ms = {part: (after[part] - before[part]) * 1000 / load.count for part in parts}
    return Rate(batch.a_second, cpu_ms)


def slots(in_flight: int) -> dict[str, str]:
    """Return the setting for so many tests at a time in a worker process."""
    return {"CONNCHECK_WORKER_SLOTS": str(in_flight)}


def redis_of(up: Service) -> Redis:
    """Return a client of the service's own Redis."""
    settings = environment_of(up.pids["bulk worker"])
    return Redis.from_url(settings["CONNCHECK_REDIS_URL"])  # type: ignore[no-untyped-call,no-any-return,unused-ignore]


def _upload(platforms: Platforms, count: int) -> bytes:
    return ndjson(islice(cycle(platforms.endpoints), count))


@contextmanager
def _more_workers(up: Service, count: int, log: Path) -> Iterator[Sequence[int]]:
    """Run `count` bulk workers beside the service's own while the block runs."""
    settings = environment_of(up.pids["bulk worker"])
    command = ["-P", "-m", "cli", "worker", "--queue", "bulk"]
    with redis_of(up) as redis, log.open("w") as stderr, ExitStack() as stack:
        known = redis.scard(WORKERS)
        started = [stack.enter_context(running(command, settings, stderr)) for _ in range(count)]
        until_s = time.monotonic() + START_S
        while redis.scard(WORKERS) < known + count:
            if time.monotonic() > until_s:
                raise NotReadyError("another worker did not come up")
            time.sleep(0.05)
        yield [worker.pid for worker in started]
