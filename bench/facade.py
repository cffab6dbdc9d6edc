"""Measure tests through the facade, and what the service's processes spend on them."""

from collections.abc import Sequence

from bench.redis_use import RedisUse, use_so_far
from bench.sample import Sample
from bench.service import Service, redis_of


def through_facade(
    service: Service,
    idle: RedisUse,
    endpoints: Sequence[str],
    at_once: int,
    count: int,
    pause_s: float = 0,
) -> Sample:
    """Return the sample of `count` documented calls by `at_once` callers, who may pause.

    `idle` is what the service sends to its Redis in a second without any.
    """
    with redis_of(service) as redis:
        before, sent_before = service.cpu_s(), use_so_far(redis)
        calls = service.call(endpoints, at_once, count, pause_s)
        after, sent = service.cpu_s(), use_so_far(redis).since(sent_before)
    cpu_ms = {part: (after[part] - before[part]) * 1000 / count for part in before}
    failed, each = count - calls.answers["200 success"], sent.a_test(count, idle, calls.wall_s)
    return Sample(calls.took_ms, calls.wall_s, cpu_ms, failed, each)
