"""Answer scrapes in a thread of their own, and as often as is useful."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from api.jobs.jobs import Jobs
from api.metrics.workers_figures import merged
from shared.queue.job_queue import QueueUnreachableError
from shared.queue.queued_job import QUEUES, QueueName, queue_name
from shared.site_name import DEFAULT_SITE
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.presence import Presence
from shared.store.jobs.workload import Load

FRESH_S = 1.0  # for which a text is given to everybody who asks


@dataclass(frozen=True, slots=True)
class SiteFigures:
    """What is known of a site; None stands for what could not be read."""

    load: Load | None = None
    waiting: Mapping[QueueName, int] | None = None
    presence: Presence | None = None
    figures: Mapping[str, bytes] = field(default_factory=dict)
    """By worker what it has counted."""


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
        load, waiting = await self._load(self._jobs.store), await self._waiting(DEFAULT_SITE)
        return await self._rendered(lambda: process_text(load, waiting))

    async def _of_workers(self) -> bytes:
        sites = {name: await self._of_site(name) for name in self._jobs.sites.sites.names()}
        return await self._rendered(lambda: workers_text(sites))

    async def _of_site(self, site: str) -> SiteFigures:
        store = self._jobs.store.at(site)
        found = SiteFigures(await self._load(store), await self._waiting(site))
        with suppress(StoreUnreachableError):
            found = replace(found, presence=await store.workload.presence())
        with suppress(StoreUnreachableError):
            found = replace(found, figures=await store.workload.figures())
        return found

    async def _rendered(self, render: Callable[[], bytes]) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(self._thread, render)

    async def _load(self, store: JobStore) -> Load | None:
        with suppress(StoreUnreachableError):
            return await store.workload.load()
        return None

    async def _waiting(self, site: str) -> Mapping[QueueName, int] | None:
        waiting = self._jobs.enqueuer.waiting
        with suppress(QueueUnreachableError):
            return {queue: await waiting(queue_name(queue, site)) for queue in QUEUES}
        return None


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


def workers_text(sites: Mapping[str, SiteFigures]) -> bytes:
    """Return the metrics of the queues and of the workers; what could not be read is left out."""
    depth = _gauge("queue_depth", "Messages in the queue.", "queue")
    waiting = _gauge("jobs_waiting", "Jobs in the queue.")
    running = _gauge("jobs_running", "Jobs that workers are running.")
    oldest = _gauge("oldest_job_seconds", "How long the most urgent queued job waits.")
    workers = _gauge("workers", "Workers that report metrics.")
    alive = _gauge("site_workers", "Workers of a site that are alive.", "queue")
    for site, found in sites.items():
        for queue, count in (found.waiting or {}).items():
            depth.add_metric([site, queue], count)
        for queue, count in (found.presence.workers if found.presence else {}).items():
            alive.add_metric([site, queue], count)
        if found.load:
            waiting.add_metric([site], found.load.waiting)
            running.add_metric([site], found.load.running)
            oldest.add_metric([site], found.load.oldest_s)
            workers.add_metric([site], len(found.figures))
    gauges: list[Metric] = [depth, alive, waiting, running, oldest, workers]
    own = {metric.name for metric in gauges}
    return _text(gauges) + merged({site: found.figures for site, found in sites.items()}, own)


def _gauge(name: str, text: str, *further: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"conncheck_{name}", text, labels=["site", *further])


def _text(metrics: list[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Told(metrics))
    return generate_latest(registry)


class _Told:
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics
