"""Measure how many healthy platforms are tested a second, and what each process spends on it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.bulk.batch import Finished, ndjson, require_passed, run_batch
from bench.bulk.targets import Platforms
from bench.more_processes import more_apis, more_workers
from bench.process import cpu_s
from bench.redis_use import RedisUse, idle_a_second, use_so_far, used_memory_b
from bench.service import Certificates, Service, redis_of, service

WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Load:
    """How a batch is run: tests in flight in each worker process, and how many processes."""

    in_flight: int
    count: int
    workers: int = 1
    apis: int = 1
    """Each of them is given an equal part of the items, as a batch."""

    @property
    def label(self) -> str:
        """How a table names it."""
        return str(self.in_flight) if self.workers == 1 else f"{self.workers} x {self.in_flight}"


@dataclass(frozen=True, slots=True)
class Rate:
    """Tests a second, CPU of a test in ms by process, and what a test sent to Redis."""

    a_second: float
    cpu_ms: Mapping[str, float]
    redis: RedisUse
    result_kb: float
    """What Redis keeps of a finished test, in KB of 1,000 bytes."""

    @property
    def service_ms(self) -> float:
        """CPU of a test in all processes of the service."""
        return sum(self.cpu_ms[part] for part in ("api", "workers", "redis"))

    @property
    def cores(self) -> float:
        """The cores that the service and its targets had."""
        return sum(self.cpu_ms.values()) * self.a_second / 1000


def rate(load: Load, platforms: Platforms, certificates: Certificates) -> Rate:
    """Run a batch of healthy platforms on a service of its own and return its rate."""
    with (
        TemporaryDirectory(prefix="conncheck-bulk-") as name,
        service(certificates, Path(name), slots(load.in_flight)) as up,
        more_workers(up, load.workers - 1, Path(name) / "more-workers-log") as worker_pids,
        more_apis(up, load.apis - 1, Path(name) / "more-apis-log") as seen,
        redis_of(up) as redis,
    ):
        faces = [up, *seen]
        _run(faces, platforms, WARM_UP)  # what is made once is no test's cost
        idle = idle_a_second(redis)
        parts = {
            "api": [one.pids["api"] for one in faces],
            "workers": [up.pids["bulk worker"], *worker_pids],
            "redis": [up.pids["redis"]],
            "target": [platforms.pid],
        }
        before = {part: sum(map(cpu_s, pids)) for part, pids in parts.items()}
        sent_before, held_b = use_so_far(redis), used_memory_b(redis)
        batches = _run(faces, platforms, load.count)
        sent = use_so_far(redis).since(sent_before)
        after = {part: sum(map(cpu_s, pids)) for part, pids in parts.items()}
        result_kb = (used_memory_b(redis) - held_b) / load.count / 1000
        for face, batch in zip(faces, batches, strict=True):
            require_passed(face, batch)
    wall_s = max(batch.wall_s for batch in batches)
    cpu_ms = {part: (after[part] - before[part]) * 1000 / load.count for part in parts}
    return Rate(load.count / wall_s, cpu_ms, sent.a_test(load.count, idle, wall_s), result_kb)


def slots(in_flight: int) -> dict[str, str]:
    """Return the setting for so many tests at a time in a worker process."""
    return {"CONNCHECK_WORKER_SLOTS": str(in_flight)}


def _run(faces: Sequence[Service], platforms: Platforms, count: int) -> Sequence[Finished]:
    """Test `count` platforms, an equal part through each API."""
    upload = ndjson(islice(cycle(platforms.endpoints), count // len(faces)))
    with ThreadPoolExecutor(len(faces)) as callers:
        return list(callers.map(lambda up: run_batch(up, upload), faces))
