"""Print how cost grows with the number of processes, and what more platforms need."""

import os
from collections.abc import Mapping, Sequence
from statistics import median

from bench.bulk.growth import CALLERS, Processes
from bench.bulk.rate import Load, Rate
from bench.model import FILLED, Costs, Needs, Plan, possible_a_second
from bench.sample import Sample
from bench.tables import PARTS, spread, table

PLANS = (
    Plan(5_000, every_s=300, takes_s=1, kept_s=86_400),
    Plan(100_000, every_s=300, takes_s=1, kept_s=3_600),
    Plan(100_000, every_s=300, takes_s=1, kept_s=86_400),
)


def batches(found: Mapping[Load, Sequence[Rate]]) -> None:
    """Print what batches cost with more processes, beside what the model says."""
    (_, first), *_ = found.items()
    costs = _costs(first)
    target_ms, cores = median(one.cpu_ms["target"] for one in first), os.cpu_count() or 1
    table(
        "Batches with more processes; CPU of a test in ms. The model knows the first row's CPU",
        ["workers", "APIs", "tests/s", "api", "workers", "redis", "cores used", "model: tests/s"],
        [
            [
                load.label,
                str(load.apis),
                spread(one.a_second for one in rounds),
                *(spread(one.cpu_ms[part] for one in rounds) for part in _PARTS),
                spread(one.cores for one in rounds),
                f"{possible_a_second(costs, load.workers, cores, target_ms):.0f}",
            ]
            for load, rounds in found.items()
        ],
    )
    needs(costs)


def calls(found: Mapping[Processes, Sequence[Sample]]) -> None:
    """Print what single tests cost with more processes."""
    table(
        f"Documented calls by {CALLERS} callers, with more processes; CPU of a test in ms",
        ["APIs", "workers", "tests/s", "p50 ms", "p95 ms", *PARTS, "not passed"],
        [
            [
                str(processes.apis),
                str(processes.workers),
                spread(one.a_second for one in samples),
                spread((one.percentile(50) for one in samples), 0),
                spread((one.percentile(95) for one in samples), 0),
                *(spread(one.cpu_ms[part] for one in samples) for part in PARTS),
                str(sum(one.failed for one in samples)),
            ]
            for processes, samples in found.items()
        ],
    )


def needs(costs: Costs) -> None:
    """Print what plans need at these costs, and where the parts that exist once end."""
    table(
        f"What platforms need: CPU of a test {costs.worker_ms:.1f} ms in workers, "
        f"{costs.api_ms:.1f} in the API, {costs.redis_ms:.2f} in Redis; {costs.result_kb:.1f} KB "
        f"a result; a process is to fill {FILLED:.0%} of a core",
        [
            *("platforms", "every s", "tests/s", "worker processes", "their cores", "slots"),
            *("API cores", "Redis cores", "results kept h", "Redis GB"),
        ],
        [_row(plan, Needs.of(plan, costs)) for plan in PLANS],
    )
    print(
        f"\nSlots at {PLANS[0].takes_s:.0f} s a test. Redis' one core is full at "
        f"{costs.redis_ends_at:.0f} tests/s, the one API process that feeds at "
        f"{costs.feeder_ends_at:.0f}."
    )


def _row(plan: Plan, found: Needs) -> Sequence[str]:
    return [
        f"{plan.platforms:,}",
        f"{plan.every_s:.0f}",
        f"{plan.a_second:.0f}",
        str(found.worker_processes),
        f"{found.worker_cores:.1f}",
        str(found.slots),
        f"{found.api_cores:.2f}",
        f"{found.redis_cores:.2f}",
        f"{plan.kept_s / 3600:.0f}",
        f"{found.redis_gb:.1f}",
    ]


def _costs(rounds: Sequence[Rate]) -> Costs:
    return Costs(
        api_ms=median(one.cpu_ms["api"] for one in rounds),
        worker_ms=median(one.cpu_ms["workers"] for one in rounds),
        redis_ms=median(one.cpu_ms["redis"] for one in rounds),
        result_kb=median(one.result_kb for one in rounds),
    )


_PARTS = ("api", "workers", "redis")
