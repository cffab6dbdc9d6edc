"""Count the results of this worker's tests for Prometheus."""

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from shared.diagnosis.entries import StepEnded

WITHHELD: Final = "policy.just_rejected"  # worker/sign_in_guard.py
STEP_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
A_DAY_S: Final = 86_400
EXPIRES_IN_S: Final = tuple(A_DAY_S * days for days in (0, 1, 3, 7, 14, 30, 60, 90, 180, 365))


class Metrics:
    """The metrics of one worker process; no label names a host, so there are few series."""

    def __init__(self, queue: str, slots: int) -> None:
        self._registry = registry = CollectorRegistry()
        self._steps = Counter(
            "conncheck_steps",
            "Finished steps; cause is empty for those that passed.",
            ("product", "step", "outcome", "cause"),
            registry=registry,
        )
        self._seconds = Histogram(
            "conncheck_step_seconds",
            "Time of the step itself, without queue time and bookkeeping.",
            ("step", "outcome"),
            buckets=STEP_S,
            registry=registry,
        )
        self._expires_in = Histogram(
            "conncheck_certificate_expires_in_seconds",
            "How long the accepted certificates are still valid; 0 for one that has expired.",
            buckets=EXPIRES_IN_S,
            registry=registry,
        )
        served = ("queue",)
        total = Gauge(
            "conncheck_worker_slots",
            "Tests that a worker can run at the same time.",
            served,
            registry=registry,
        )
        total.labels(queue).set(slots)
        self._busy = Gauge(
            "conncheck_worker_busy_slots", "Tests that are running.", served, registry=registry
        ).labels(queue)
        ProcessCollector(namespace="conncheck_worker", registry=registry)

    def watch(self, busy: Callable[[], float]) -> None:
        """Call `busy` for the number of running tests whenever the metrics are read."""
        self._busy.set_function(busy)

    def count(self, product: str, ended: StepEnded) -> None:
        """Count a step of a job of `product`."""
        codes = [cause.code for cause in ended.causes]
        # A sign-in that was withheld is not one more that the platform has rejected.
        cause = WITHHELD if WITHHELD in codes else next(iter(codes), "")
        self._steps.labels(product, ended.step, ended.outcome, cause).inc()
        self._seconds.labels(ended.step, ended.outcome).observe(ended.took_ms / 1000)
        expires_in_s = ended.facts.get("expires_in_s")  # of tls_handshake
        if isinstance(expires_in_s, int):
            self._expires_in.observe(max(0, expires_in_s))  # a negative sum is no counter

    def text(self) -> bytes:
        """Return the metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
