"""Check a Redis as an operator would: is it up, does it persist data, are workers alive."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.queue.queued_job import QUEUES, QueueName
from shared.store.connection import connect
from shared.store.errors import named_if_unreachable
from shared.store.redis_release import RedisRelease, release_of
from shared.store.site_keys import DEFAULT_KEYS


@dataclass(frozen=True, slots=True)
class RedisHealth:
    """What a Redis reports about itself."""

    release: RedisRelease
    took_ms: float
    appends: bool
    """Whether it writes every change to a file (appendonly)."""
    snapshots: bool
    """Whether it writes a snapshot to a file from time to time (save)."""
    evicts: bool
    """Whether it may drop keys when its memory is full."""
    clock_ahead_s: float
    served: tuple[QueueName, ...]
    """The queues that a worker is alive for."""


def redis_health(url: str) -> RedisHealth:
    """Return the health of the Redis at `url`.

    Raises:
        StoreUnreachableError: it can't be reached, or it refuses the commands.
    """
    redis: Any = connect(url)
    with named_if_unreachable():
        try:
            began_s, now_s = time.perf_counter(), time.time()
            seconds, micros = redis.time()
            took_s = time.perf_counter() - began_s
            info: Mapping[str, Any] = redis.info()
            alive = [bool(redis.exists(DEFAULT_KEYS.sign_of_queue(queue))) for queue in QUEUES]
            save = redis.config_get("save")
        finally:
            redis.close()
    return RedisHealth(
        release=release_of(info),
        took_ms=took_s * 1000,
        appends=bool(info.get("aof_enabled")),
        snapshots=bool(save.get("save")),
        evicts=info.get("maxmemory_policy", "noeviction") != "noeviction",
        # Redis read its clock half a round trip after we read ours.
        clock_ahead_s=seconds + micros / 1e6 - (now_s + took_s / 2),
        served=tuple(queue for queue, lives in zip(QUEUES, alive, strict=True) if lives),
    )
