"""Print tests a second of batches, what they cost, and what they are compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.bulk.blackbox import Probes
from bench.bulk.rate import Load, Rate
from bench.tables import spread, table

PARTS = ("api", "workers", "redis", "target")
PROBED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Beside:
    """A rate, and what was measured right after it on the same platforms."""

    rate: Rate
    pipeline_ms: float
    """CPU of a test in the pipeline alone, with as many in flight as in a worker process."""
    probes: Probes | None
    """Of blackbox_exporter with PROBED_AT_ONCE in flight; None where it is not installed."""

    @property
    def outside_ms(self) -> float:
        """CPU of a test in the service outside the pipeline."""
        return self.rate.service_ms - self.pipeline_ms


def rates(found: Mapping[Load, Sequence[Beside]]) -> None:
    """Print tests a second and the CPU of a test, beside blackbox_exporter and the pipeline."""
    table(
        "Batches of healthy platforms beside blackbox_exporter, which sends one request instead of "
        f"three and keeps nothing, at {PROBED_AT_ONCE} in flight (aim: 0.30 with two workers)",
        ["in flight", "tests/s", "probes/s", "tests/s over probes/s"],
        [
            [
                load.label,
                spread(one.rate.a_second for one in rounds),
                *_compared(rounds),
            ]
            for load, rounds in found.items()
        ],
    )
    table(
        "CPU of such a test in ms (aim: outside the pipeline at most 2.7)",
        ["in flight", *PARTS, "pipeline alone", "outside the pipeline"],
        [
            [
                load.label,
                *(spread(one.rate.cpu_ms[part] for one in rounds) for part in PARTS),
                spread(one.pipeline_ms for one in rounds),
                spread(one.outside_ms for one in rounds),
            ]
            for load, rounds in found.items()
        ],
    )


def _compared(rounds: Sequence[Beside]) -> tuple[str, str]:
    pairs = [(one.rate.a_second, one.probes.a_second) for one in rounds if one.probes]
    if not pairs:
        return "", ""
    return spread((probed for _, probed in pairs), 0), spread((ours / p for ours, p in pairs), 2)
