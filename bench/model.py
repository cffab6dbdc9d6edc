"""Say what many platforms need, and what a machine can do, from the CPU that one test costs."""

from dataclasses import dataclass
from math import ceil

FILLED = 0.7  # of a core: a process that is busier than that makes others wait


@dataclass(frozen=True, slots=True)
class Costs:
    """What a bulk test of a healthy platform costs: CPU in ms, and KB of Redis for its result."""

    api_ms: float
    worker_ms: float
    redis_ms: float
    result_kb: float

    @property
    def service_ms(self) -> float:
        """CPU in all processes."""
        return self.api_ms + self.worker_ms + self.redis_ms

    @property
    def redis_ends_at(self) -> float:
        """Tests a second that fill Redis' one core."""
        return 1000 / self.redis_ms

    @property
    def feeder_ends_at(self) -> float:
        """Tests a second that fill the core of the one API process that hands all of them out."""
        return 1000 / self.api_ms


@dataclass(frozen=True, slots=True)
class Plan:
    """Platforms that are tested again and again."""

    platforms: int
    every_s: float
    takes_s: float
    """How long a test takes, mostly waiting for the platform."""
    kept_s: float
    """How long results are kept: CONNCHECK_RESULT_TTL_S."""

    @property
    def a_second(self) -> float:
        """Tests a second."""
        return self.platforms / self.every_s


@dataclass(frozen=True, slots=True)
class Needs:
    """What a plan takes."""

    worker_processes: int
    slots: int
    """Of all worker processes together."""
    worker_cores: float
    api_cores: float
    redis_cores: float
    redis_gb: float

    @classmethod
    def of(cls, plan: Plan, costs: Costs) -> "Needs":
        """Return what `plan` takes at these costs."""
        cores = plan.a_second / 1000
        return cls(
            worker_processes=ceil(cores * costs.worker_ms / FILLED),
            slots=ceil(plan.a_second * plan.takes_s),
            worker_cores=cores * costs.worker_ms,
            api_cores=cores * costs.api_ms,
            redis_cores=cores * costs.redis_ms,
            redis_gb=plan.a_second * plan.kept_s * costs.result_kb / 1e6,
        )


def possible_a_second(costs: Costs, workers: int, cores: int, target_ms: float) -> float:
    """Return the tests a second at which the workers, the feeder, Redis or all cores are full.

    The platforms share the cores, and cost `target_ms` a test.
    """
    return min(
        workers * 1000 / costs.worker_ms,
        costs.feeder_ends_at,
        costs.redis_ends_at,
        cores * 1000 / (costs.service_ms + target_ms),
    )
