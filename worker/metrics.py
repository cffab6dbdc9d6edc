"""Count what the tests of this worker find, for Prometheus."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from shared.diagnosis.entries import StepEnded

STEP_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
DAYS: Final = (0, 1, 3, 7, 14, 30, 60, 90, 180, 365)
DAYS_LEFT: Final = "days_left"
"""The fact in which tls_handshake says how long the certificate is still valid."""


class Metrics:
    """The figures of one worker process; no label names a host, so they stay few."""

    def __init__(self, queue: str, slots: int) -> None:
        self._registry = registry = CollectorRegistry()
        self._steps = Counter(
            "conncheck_steps",
            "Steps that ended; cause is empty for those that passed.",
            ("product", "step", "outcome", "cause"),
            registry=registry,
        )
        self._seconds = Histogram(
            "conncheck_step_seconds",
            "A step's own time, without queue and bookkeeping.",
            ("step", "outcome"),
            buckets=STEP_S,
            registry=registry,
        )
        self._days_left = Histogram(
            "conncheck_certificate_days_left",
            "Days that the certificates seen are still valid.",
            buckets=DAYS,
            registry=registry,
        )
        served = ("queue",)
        total = Gauge(
            "conncheck_worker_slots", "Tests a worker runs at a time.", served, registry=registry
        )
        total.labels(queue).set(slots)
        self._busy = Gauge(
            "conncheck_worker_busy_slots", "Tests that run now.", served, registry=registry
        ).labels(queue)
        ProcessCollector(namespace="conncheck_worker", registry=registry)

    def watch(self, busy: Callable[[], float]) -> None:
        """Have `busy` asked how many tests run whenever the figures are wanted."""
        self._busy.set_function(busy)

    def count(self, product: str, ended: StepEnded) -> None:
        """Count a step of a job of `product`."""
        cause = ended.causes[0].code if ended.causes else ""
        self._steps.labels(product, ended.step, ended.outcome, cause).inc()
        self._seconds.labels(ended.step, ended.outcome).observe(ended.took_ms / 1000)
        days = ended.facts.get(DAYS_LEFT)
        if isinstance(days, int | float):
            self._days_left.observe(days)

    def text(self) -> bytes:
        """Return the figures in Prometheus' text format."""
        return generate_latest(self._registry)
