"""Answer scrapes in a thread of their own, and as often as is useful."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from api.jobs.jobs import Jobs
from api.metrics.workers_figures import merged
from shared.queue.job_queue import QueueUnreachableError
from shared.queue.queued_job import QUEUES, QueueName
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.presence import Presence
from shared.store.jobs.workload import Load

_NO_SITES: Final[Mapping[str, Presence]] = {}
FRESH_S = 1.0  # for which a text is given to everybody who asks


class Scrapes:
    """The texts for Prometheus."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._thread = ThreadPoolExecutor(1, "metrics")
        self.process = Fresh(self._of_process)
        """What this API process sees of itself; each process is to be scraped."""
        self.workers = Fresh(self._of_workers)
        """The queue and all workers; any process has the same, so one is to be scraped."""

    async def _of_process(self) -> bytes:
        load, waiting = await self._load(), await self._waiting()
        return await self._rendered(lambda: process_text(load, waiting))

    async def _of_workers(self) -> bytes:
        load, waiting = await self._load(), await self._waiting()
        figures: Mapping[str, bytes] = {}
        with suppress(StoreUnreachableError):
            figures = await self._jobs.store.workload.figures()
        sites = await self._sites()
        return await self._rendered(lambda: workers_text(load, waiting, figures, sites))

    async def _rendered(self, render: Callable[[], bytes]) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._thread, render)

    async def _load(self) -> Load | None:
        with suppress(StoreUnreachableError):
            return await self._jobs.store.workload.load()
        return None

    async def _waiting(self) -> Mapping[QueueName, int] | None:
        with suppress(QueueUnreachableError):
            return {queue: await self._jobs.enqueuer.waiting(queue) for queue in QUEUES}
        return None

    async def _sites(self) -> Mapping[str, Presence]:
        found: dict[str, Presence] = {}
        with suppress(StoreUnreachableError):
            for site in self._jobs.sites.sites.sites():
                found[site.name] = await self._jobs.store.at(site.name).workload.presence()
        return found


class Fresh:
    """A text that is made once for all who ask within FRESH_S."""

    def __init__(self, make: Callable[[], Awaitable[bytes]]) -> None:
        self._make = make
        self._making: asyncio.Future[bytes] | None = None
        self._at_s = -FRESH_S

    async def text(self) -> bytes:
        """Return the text, which may be FRESH_S old."""
        now_s = asyncio.get_running_loop().time()
        if self._making is None or (self._making.done() and now_s - self._at_s >= FRESH_S):
            self._at_s = now_s
            self._making = asyncio.ensure_future(self._make())
        return await asyncio.shield(self._making)  # a caller that goes takes it from nobody else


def process_text(load: Load | None, waiting: Mapping[QueueName, int] | None) -> bytes:
    """Return the metrics of this process; None stands for what could not be read."""
    up = GaugeMetricFamily("conncheck_up", "Whether a part answers this API.", labels=["part"])
    up.add_metric(["store"], load is not None)
    up.add_metric(["broker"], waiting is not None)
    registry = CollectorRegistry()
    ProcessCollector(namespace="conncheck_api", registry=registry)
    return _text([up]) + generate_latest(registry)


def workers_text(
    load: Load | None,
    waiting: Mapping[QueueName, int] | None,
    figures: Mapping[str, bytes],
    sites: Mapping[str, Presence] = _NO_SITES,
) -> bytes:
    """Return the metrics of the queue and of the workers; what could not be read is left out."""
    depth = GaugeMetricFamily("conncheck_queue_depth", "Messages in the queue.", labels=["queue"])
    for queue, count in (waiting or {}).items():
        depth.add_metric([queue], count)
    gauges: list[Metric] = [depth, _alive_at(sites)]
    if load:
        for name, text, value in (
            ("jobs_waiting", "Jobs in the queue.", load.waiting),
            ("jobs_running", "Jobs that workers are running.", load.running),
            ("oldest_job_seconds", "How long the most urgent queued job waits.", load.oldest_s),
            ("workers", "Workers that report metrics.", len(figures)),
        ):
            gauges.append(GaugeMetricFamily(f"conncheck_{name}", text, value))
    return _text(gauges) + merged(figures)


def _alive_at(sites: Mapping[str, Presence]) -> Metric:
    alive = GaugeMetricFamily(
        "conncheck_site_workers", "Workers of a site that are alive.", labels=["site", "queue"]
    )
    for site, found in sites.items():
        for queue, count in found.workers.items():
            alive.add_metric([site, queue], count)
    return alive


def _text(metrics: list[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Told(metrics))
    return generate_latest(registry)


class _Told:
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics
