"""Measure tests through the facade, and what the service's processes spend on them."""

from collections.abc import Sequence

from bench.sample import Sample
from bench.service import Service


def through_facade(
    service: Service, endpoints: Sequence[str], at_once: int, count: int, pause_s: float = 0
) -> Sample:
    """Return the sample of `count` documented calls by `at_once` callers, who may pause."""
    before = service.cpu_s()
    calls = service.call(endpoints, at_once, count, pause_s)
    after = service.cpu_s()
    cpu_ms = {part: (after[part] - before[part]) * 1000 / count for part in before}
    return Sample(calls.took_ms, calls.wall_s, cpu_ms, count - calls.answers["200 success"])
