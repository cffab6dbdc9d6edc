"""Measure the memory of a worker: idle, and with many tests waiting for a silent platform."""

import time
from dataclasses import dataclass

from bench.process import rss_mb
from bench.service import Certificates, Service, targets

SETTLE_S = 4.0  # to shake hands on 200 connections, and well within a request's 10 s


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MB of one process."""

    idle: float
    full: float
    after: float


def memory(service: Service, certificates: Certificates, in_flight: int) -> dict[str, Memory]:
    """Return what the API and the worker hold before, with and after `in_flight` tests."""
    before = {part: rss_mb(pid) for part, pid in service.pids.items()}
    with (
        targets(certificates, in_flight, "--silent") as endpoints,
        service.calling(endpoints, in_flight, in_flight),
    ):
        time.sleep(SETTLE_S)
        full = {part: rss_mb(pid) for part, pid in service.pids.items()}
    time.sleep(1)  # the platform has gone, so every test is over
    after = {part: rss_mb(pid) for part, pid in service.pids.items()}
    return {part: Memory(before[part], full[part], after[part]) for part in before}
