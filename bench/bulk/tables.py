"""Print tables of what bulk testing costs, with the aims beside it."""

from collections.abc import Mapping, Sequence

from bench.bulk.memory import Size
from bench.bulk.mixed import COUNT, LOST_COUNT, REFUSING_COUNT, TIMEOUT_S, Mixed, p95
from bench.tables import spread, table


def mixes(rounds: Sequence[Mixed], how: str) -> None:
    """Print what a batch took in which many fail, and what it did to single tests."""
    idle, meanwhile = (
        [p95(one.idle_ms) for one in rounds],
        [p95(one.meanwhile_ms) for one in rounds],
    )
    times = [busy / alone for busy, alone in zip(meanwhile, idle, strict=True)]
    table(
        f"{COUNT:,} platforms, {LOST_COUNT} of them black holes ({how}), {REFUSING_COUNT} "
        f"refusing; timeoutSeconds {TIMEOUT_S}, one worker process of 200 slots",
        ["what", "figure", "aim"],
        [
            ["wall time, s", spread(one.wall_s for one in rounds), "under 60"],
            ["false verdicts", str(sum(one.false_verdicts for one in rounds)), "0"],
            ["single test, p95 ms, before", spread(idle), ""],
            ["single test, p95 ms, meanwhile", spread(meanwhile), ""],
            ["meanwhile / before", spread(times, 2), "under 2"],
        ],
    )


def sizes(found: Mapping[int, Sequence[Size]]) -> None:
    """Print how fast batches are accepted, and what they hold."""
    parts = ("api", "bulk worker", "redis")
    table(
        "Batches by size (aims: 10,000 items accepted within 2 s; 4.0 KB an item, linear)",
        [
            "items",
            "s until 202",
            "tests/s",
            *(f"{part} MB at its peak" for part in parts),
            "used_memory MB at its peak",
            "KB of Redis a finished item",
        ],
        [
            [
                f"{count:,}",
                spread((one.accepted_after_s for one in rounds), 2),
                spread(one.a_second for one in rounds),
                *(spread((one.peak_mb[part] for one in rounds), 0) for part in parts),
                spread(one.redis_used_mb for one in rounds),
                spread((one.item_kb for one in rounds), 2),
            ]
            for count, rounds in found.items()
        ],
    )
    idle = next(iter(found.values()))[0].idle_mb
    print("\nIdle, in MB: " + ", ".join(f"{part} {idle[part]:.0f}" for part in parts) + ".")
