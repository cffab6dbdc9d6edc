"""Look at a Redis as an operator would: is it there, does it keep what it is given, who works."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.store.jobs.job_stream import named_if_unreachable, sign_of_queue
from shared.queued_job import QUEUES, QueueName
from shared.store.connection import connect


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """What a Redis says of itself."""

    version: str
    took_ms: float
    appends: bool
    """Whether it writes every change to a file (appendonly)."""
    snapshots: bool
    """Whether it writes all of it to a file now and then (save)."""
    evicts: bool
    """Whether it may drop keys when its memory is full."""
    clock_ahead_s: float
    served: tuple[QueueName, ...]
    """The queues that a worker is alive for."""


def redis_health(url: str) -> RedisHealth:
    """Return how the Redis at `url` is.

    Raises:
        StoreUnreachableError: it can't be reached, or does not let itself be looked at.
    """
    redis: Any = connect(url)
    with named_if_unreachable():
        try:
            began_s, now_s = time.perf_counter(), time.time()
            seconds, micros = redis.time()
            took_s = time.perf_counter() - began_s
            info: Mapping[str, Any] = redis.info()
            alive = [bool(redis.exists(sign_of_queue(queue))) for queue in QUEUES]
            save = redis.config_get("save")
        finally:
            redis.close()
    return RedisHealth(
        version=str(info.get("redis_version", "?")),
        took_ms=took_s * 1000,
        appends=bool(info.get("aof_enabled")),
        snapshots=bool(save.get("save")),
        evicts=info.get("maxmemory_policy", "noeviction") != "noeviction",
        # Its answer was made half a round trip after we looked at our clock.
        clock_ahead_s=seconds + micros / 1e6 - (now_s + took_s / 2),
        served=tuple(queue for queue, lives in zip(QUEUES, alive, strict=True) if lives),
    )
