"""Print tables of what was measured, with the aims beside it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median, quantiles

from bench.load import Calls
from bench.memory import Memory
from bench.products import Start
from bench.redis_use import RedisUse
from bench.sample import Comparison, Sample
from bench.stages import STAGES, Call

PARTS = ("worker", "api", "redis")


def spread(values: Iterable[float], digits: int = 1) -> str:
    """Return the median of the rounds, with the lowest and the highest if there are several."""
    found = sorted(values)
    if len(found) == 1:
        return f"{found[0]:.{digits}f}"
    return f"{median(found):.{digits}f} ({found[0]:.{digits}f}-{found[-1]:.{digits}f})"


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table in Markdown, its columns aligned."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, tuple("-" * width for width in widths))
    print(f"\n{title}\n")
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print(f"| {' | '.join(cells)} |")


def latency(comparisons: Sequence[Comparison]) -> None:
    """Print how long a test takes, alone and through the facade."""
    rows = []
    for compared in comparisons:
        pairs = list(zip(compared.alone, compared.facade, strict=True))
        added = [spread(f.percentile(p) - a.percentile(p) for a, f in pairs) for p in (50, 95, 99)]
        rows.append([compared.label, "pipeline alone", *_times(compared.alone)])
        rows.append([compared.label, "through the facade", *_times(compared.facade)])
        rows.append([compared.label, "what the facade adds", *added, "", ""])
    table(
        "Time of a healthy test in ms (aims for one caller: the facade adds 5 at p50, 12 at p99)",
        ["callers", "what", "p50", "p95", "p99", "tests/s", "not passed"],
        rows,
    )


def _times(samples: Sequence[Sample]) -> list[str]:
    percentiles = [spread(s.percentile(percent) for s in samples) for percent in (50, 95, 99)]
    failed = sum(s.failed for s in samples)
    return [*percentiles, spread(s.a_second for s in samples), str(failed)]


def cpu(comparisons: Sequence[Comparison]) -> None:
    """Print the CPU that a test costs, by process."""
    rows = [
        [
            compared.label,
            spread(s.cpu_ms["pipeline"] for s in compared.alone),
            *(spread(s.cpu_ms[part] for s in compared.facade) for part in PARTS),
        ]
        for compared in comparisons
    ]
    table(
        "CPU of a healthy test in ms (aims: the pipeline alone 2.0 for one caller and 2.4 for 50; "
        "the API 2.5)",
        ["callers", "pipeline alone", *(f"{part} process" for part in PARTS)],
        rows,
    )


def redis(found: Mapping[str, Sequence[RedisUse]], what: str) -> None:
    """Print what a test sends to Redis: medians of the rounds."""
    table(
        "What a test sends to Redis, without what an idle service sends "
        "(aims in bulk: 30 commands, 3 scripts, 3 round trips)",
        [what, "commands", "scripts among them", "round trips", "KB"],
        [
            [
                label,
                spread(one.commands for one in rounds),
                spread(one.scripts for one in rounds),
                spread(one.round_trips for one in rounds),
                spread(one.sent_kb for one in rounds),
            ]
            for label, rounds in found.items()
        ],
    )
    print()
    for label, rounds in found.items():
        print(f"{what} {label}: {rounds[-1].most_frequent}")


def stages(calls: Sequence[Call], found: Sequence[Mapping[str, float]]) -> None:
    """Print how long the stages of a call of one caller take."""
    rows = [(f"{median(one[name] for one in found):.2f}", name) for name in STAGES]
    whole = median(call.took_ms for call in calls)
    table(
        f"Stages of a documented call, one caller: medians of {len(calls)}",
        ["ms", "what"],
        [*rows, (f"{whole:.2f}", "the call")],
    )


def jobs(
    events: Sequence[float], polls: float, streams: tuple[float, float], kills: Mapping[str, float]
) -> None:
    """Print what the faces of a job cost, and how long a kill is felt."""
    rows = [
        ["submit to first event, p50 ms", f"{median(events):.1f}", ""],
        ["submit to first event, p95 ms", f"{quantiles(events, n=20)[-1]:.1f}", "100"],
        ["looks at a job a second", f"{polls:.0f}", ""],
        ["memory of an idle stream, KB", f"{streams[0]:.0f}", ""],
        ["CPU of 2,000 idle streams, % of a core", f"{streams[1]:.0f}", ""],
    ]
    rows += [[f"{part} killed: s to the next test", f"{s:.1f}", "5"] for part, s in kills.items()]
    table("Jobs (measured once)", ["what", "figure", "aim"], rows)


def memory(found: Mapping[str, Memory], in_flight: int) -> None:
    """Print what each process holds in memory."""
    kinds: list[tuple[str, Callable[[Memory], float]]] = [
        ("idle, just started", lambda m: m.idle),
        (f"with {in_flight} tests waiting", lambda m: m.full),
        ("when they are over", lambda m: m.after),
    ]
    table(
        f"Resident memory in MB (aim: a worker with {in_flight} tests at most 100)",
        ["process", *(name for name, _ in kinds)],
        [[part, *(f"{of(held):.0f}" for _, of in kinds)] for part, held in found.items()],
    )


def products(rounds: Sequence[tuple[Start, Start]]) -> None:
    """Print what loading the products adds to the start of a process: of one file, and of all."""
    rows = [
        [
            str(starts[0].count),
            spread(one.took_ms for one in starts),
            spread(one.memory_mb for one in starts),
        ]
        for starts in zip(*rounds, strict=True)
    ]
    table("Loading the products", ["products", "ms CPU", "MB"], rows)


def crowd(rounds: Sequence[Calls], callers: int) -> None:
    """Print what many callers at once are told, and after how long."""
    table(
        f"{callers} callers at once, one test each",
        ["round", "answers", "all answered after s"],
        [
            [
                str(n),
                ", ".join(f"{a}: {c}" for a, c in calls.answers.items()),
                f"{calls.wall_s:.2f}",
            ]
            for n, calls in enumerate(rounds, 1)
        ],
    )
