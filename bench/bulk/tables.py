"""Print tables of what bulk testing costs, with the aims beside it."""

from collections.abc import Mapping, Sequence

from bench.bulk.feeding import Feeding
from bench.bulk.looks import Looks
from bench.bulk.memory import Size
from bench.bulk.mixed import COUNT, LOST_COUNT, REFUSING_COUNT, TIMEOUT_S, Mixed
from bench.stages import STAGES
from bench.tables import spread, table


def mixes(rounds: Sequence[Mixed], how: str) -> None:
    """Print what a batch took in which many fail, and what it did to single tests."""
    times = [one.meanwhile.p95_ms / one.idle.p95_ms for one in rounds]
    table(
        f"{COUNT:,} platforms, {LOST_COUNT} of them black holes ({how}), {REFUSING_COUNT} "
        f"refusing; timeoutSeconds {TIMEOUT_S}, one worker process of 200 slots",
        ["what", "figure", "aim"],
        [
            ["wall time, s", spread(one.wall_s for one in rounds), "under 60"],
            ["false verdicts", str(sum(one.false_verdicts for one in rounds)), "0"],
            ["single test, p95 ms, before", spread(one.idle.p95_ms for one in rounds), ""],
            ["single test, p95 ms, meanwhile", spread(one.meanwhile.p95_ms for one in rounds), ""],
            ["meanwhile / before", spread(times, 2), "under 1.5"],
        ],
    )
    table(
        "Stages of these single tests in ms: medians, and averages of the slowest tenth",
        ["what", "before", "meanwhile", "before, slowest", "meanwhile, slowest"],
        [
            [
                stage,
                spread(one.idle.median_ms(stage) for one in rounds),
                spread(one.meanwhile.median_ms(stage) for one in rounds),
                spread(one.idle.slowest_ms(stage) for one in rounds),
                spread(one.meanwhile.slowest_ms(stage) for one in rounds),
            ]
            for stage in STAGES
        ],
    )


def feedings(found: Mapping[int, Sequence[Feeding]]) -> None:
    """Print what the feeder does by itself, and what it could do with a core of its own."""
    table(
        "The feeder alone: jobs are closed without a test (aim: 2,000 items/s). CPU of an item, ms",
        ["APIs", "items/s", "api CPU", "redis CPU", "commands", "API's core, items/s"],
        [
            [
                str(apis),
                spread((one.a_second for one in rounds), 0),
                spread((one.cpu_ms["api"] for one in rounds), 2),
                spread((one.cpu_ms["redis"] for one in rounds), 2),
                spread(one.commands for one in rounds),
                spread((1000 / one.cpu_ms["api"] for one in rounds), 0),
            ]
            for apis, rounds in found.items()
        ],
    )


def looks(found: Mapping[str, Sequence[Looks]], items: int) -> None:
    """Print what looks at a large batch take, and what is kept for them."""
    names = next(iter(found.values()))[0].ms
    table(
        f"A look at a batch of {items:,} items, ms",
        ["", *found],
        [
            [name, *(spread(one.ms[name] for one in all_) for all_ in found.values())]
            for name in names
        ],
    )
    kept = next(iter(found.values()))[0].bytes_held
    table(
        "Bytes in Redis, an item; MB of Python while a sheet is written",
        ["", *found],
        [
            *(
                [
                    what,
                    *(spread(o.bytes_held[what] / items for o in all_) for all_ in found.values()),
                ]
                for what in kept
            ),
            *(
                [form, *(spread(one.sheet_mb[form] for one in all_) for all_ in found.values())]
                for form in ("CSV", "xlsx")
            ),
        ],
    )


def sizes(found: Mapping[int, Sequence[Size]]) -> None:
    """Print how fast batches are accepted, and what they hold."""
    parts = ("api", "bulk worker", "redis")
    table(
        "Batches by size (aims: 50,000 items accepted within 4 s; 2.5 KB an item, linear)",
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
