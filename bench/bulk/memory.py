"""Measure how fast a large batch is accepted, and what memory it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import cast

from redis import Redis

from bench.bulk.batch import ndjson, require_passed, run_batch
from bench.bulk.rate import slots
from bench.bulk.targets import Platforms
from bench.process import rss_mb
from bench.service import Certificates, Service, redis_of, service

SLOTS = 200
SAMPLE_S = 0.1


@dataclass(frozen=True, slots=True)
class Size:
    """What a batch of so many items took."""

    accepted_after_s: float
    a_second: float
    idle_mb: Mapping[str, float]
    peak_mb: Mapping[str, float]
    redis_used_mb: float
    """Redis' own figure at its peak."""
    item_kb: float
    """What Redis keeps of a finished item, in KB of 1,000 bytes."""


def size(count: int, platforms: Platforms, certificates: Certificates) -> Size:
    """Run a batch of `count` healthy platforms on a service of its own and return its size."""
    upload = ndjson(islice(cycle(platforms.endpoints), count))
    with (
        TemporaryDirectory(prefix="conncheck-bulk-") as directory,
        service(certificates, Path(directory), slots(SLOTS)) as up,
        redis_of(up) as redis,
    ):
        idle_b, watch = _memory(redis)["used_memory"], _Watch(up)
        watch.start()
        try:
            batch = run_batch(up, upload)
        finally:
            watch.stop()
        left = _memory(redis)
        require_passed(up, batch)
    return Size(
        accepted_after_s=batch.accepted_after_s,
        a_second=batch.a_second,
        idle_mb=watch.idle_mb,
        peak_mb=watch.peak_mb,
        redis_used_mb=left["used_memory_peak"] / 1e6,
        item_kb=(left["used_memory"] - idle_b) / count / 1000,
    )


def _memory(redis: Redis) -> Mapping[str, int]:
    return cast("Mapping[str, int]", redis.info("memory"))


class _Watch:
    """Keeps the peak of what each process holds."""

    def __init__(self, up: Service) -> None:
        self._pids = up.pids
        self._over = Event()
        self._thread = Thread(target=self._look)
        self.idle_mb = self._held_mb()
        self.peak_mb = self.idle_mb

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_S):
            held = self._held_mb()
            self.peak_mb = {part: max(held[part], mb) for part, mb in self.peak_mb.items()}

    def _held_mb(self) -> dict[str, float]:
        return {part: rss_mb(pid) for part, pid in self._pids.items()}
