"""Count what a service sends to its Redis for a test, without what an idle service sends anyway."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

IDLE_S = 2.0  # the longest interval between two signs of life, reports and sweeps
_SCRIPTS = ("eval", "evalsha", "fcall")


@dataclass(frozen=True, slots=True)
class RedisUse:
    """What a test sent to Redis, or what Redis was sent so far."""

    by_command: Mapping[str, float]
    """How often each command ran, whether it was sent or a script ran it."""
    round_trips: float
    """How often Redis read from a connection. It reads 16 KB at most, so where many tests share a
    large round trip, this counts it several times; pushed messages are no round trips."""
    sent_kb: float

    @property
    def commands(self) -> float:
        """All commands, those within scripts too."""
        return sum(self.by_command.values())

    @property
    def scripts(self) -> float:
        """Those of the commands that ran a script."""
        return sum(self.by_command.get(name, 0) for name in _SCRIPTS)

    @property
    def most_frequent(self) -> str:
        """The commands that ran at least once in two tests, in words."""
        ranked = Counter(self.by_command).most_common()
        return ", ".join(f"{name} {count:.1f}" for name, count in ranked if count >= 0.5)

    def since(self, before: "RedisUse") -> "RedisUse":
        """Return what was added since `before`."""
        return self._plus(before, -1)

    def a_test(self, tests: int, idle: "RedisUse", seconds: float) -> "RedisUse":
        """Return a test's part, without `idle`, which is what an idle service sends in a second."""
        return self._plus(idle, -seconds).times(1 / tests)

    def times(self, factor: float) -> "RedisUse":
        """Return it multiplied."""
        by_command = {name: count * factor for name, count in self.by_command.items()}
        return RedisUse(by_command, self.round_trips * factor, self.sent_kb * factor)

    def _plus(self, other: "RedisUse", times: float) -> "RedisUse":
        by_command = {
            name: self.by_command.get(name, 0) + times * other.by_command.get(name, 0)
            for name in {*self.by_command, *other.by_command}
        }
        return RedisUse(
            by_command,
            self.round_trips + times * other.round_trips,
            self.sent_kb + times * other.sent_kb,
        )


def use_so_far(redis: Redis) -> RedisUse:
    """Return what Redis was sent since it started."""
    info = cast("Mapping[str, Any]", redis.info("everything"))
    calls = {
        name.removeprefix("cmdstat_"): figures["calls"]
        for name, figures in info.items()
        if name.startswith("cmdstat_")
    }
    return RedisUse(calls, info["total_reads_processed"], info["total_net_input_bytes"] / 1000)


def idle_a_second(redis: Redis) -> RedisUse:
    """Return what a service without tests sends in a second."""
    before = use_so_far(redis)
    time.sleep(IDLE_S)
    return use_so_far(redis).since(before).times(1 / IDLE_S)


def used_memory_b(redis: Redis) -> int:
    """Return the memory that Redis uses, by its own figure."""
    return cast("Mapping[str, int]", redis.info("memory"))["used_memory"]
