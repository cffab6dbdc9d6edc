"""What one measured run of many tests came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.redis_use import RedisUse

TEST = {
    "productType": "zstack",
    "accessKey": "AKID1234567890",
    "secretKey": "bench-secret-of-a-usual-length-0123456789",
}
"""The documented request without its endpoint."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The times of all tests of a run, and the CPU that each of the parts spent a test."""

    took_ms: Sequence[float]
    wall_s: float
    cpu_ms: Mapping[str, float]
    failed: int = 0
    redis: RedisUse | None = None
    """What a test sent to Redis, if it went through a service."""

    @property
    def a_second(self) -> float:
        """Tests a second."""
        return len(self.took_ms) / self.wall_s

    def percentile(self, percent: int) -> float:
        """Return the time in ms that `percent` of the tests kept to (nearest rank)."""
        times = sorted(self.took_ms)
        return times[max(0, -(-len(times) * percent // 100) - 1)]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The same tests alone and through the facade, one sample a round each."""

    label: str
    alone: list[Sample] = field(default_factory=list)
    facade: list[Sample] = field(default_factory=list)
