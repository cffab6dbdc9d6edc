"""Measure what two more sites cost a single test: the same calls with and without, in turns."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.facade import through_facade
from bench.redis_use import RedisUse, idle_a_second
from bench.sample import Sample
from bench.service import Certificates, Service, redis_of, service, targets
from bench.sites.fleet import Fleet
from bench.tables import spread, table

SITES = ("fra1", "sin1")
LOADS = ((1, 200), (20, 400))  # callers, and their calls in all
TARGETS = 40
PARTS = ("api", "worker", "redis")


@dataclass(slots=True)
class Pair:
    """The samples of a load, one a round without other sites and one with them."""

    without: list[Sample] = field(default_factory=list)
    beside: list[Sample] = field(default_factory=list)


def single(rounds: int, directory: Path) -> None:
    """Print what a test at `default` takes, where other sites have workers and where none have."""
    certificates = Certificates.made_in(directory)
    found = {load: Pair() for load in LOADS}
    with targets(certificates, TARGETS) as endpoints, _services(certificates, directory) as both:
        for service_, _ in both:
            service_.call(endpoints, 20, 100)  # what is made once is no test's cost
        for round_ in range(rounds):
            for (callers, count), pair in found.items():
                # Whoever is first finds the machine as the load before has left it.
                order = (0, 1) if round_ % 2 else (1, 0)
                samples = {n: through_facade(*both[n], endpoints, callers, count) for n in order}
                pair.without.append(samples[0])
                pair.beside.append(samples[1])
    _print(found)


@contextmanager
def _services(
    certificates: Certificates, directory: Path
) -> Iterator[Sequence[tuple[Service, RedisUse]]]:
    """Run a service without other sites, and one with two of them, whose workers wait."""
    fleet = Fleet.declared(directory, SITES)
    with ExitStack() as stack:
        places = [directory / "without", directory / "beside"]
        for place in places:
            place.mkdir()
        alone = stack.enter_context(service(certificates, places[0]))
        beside = stack.enter_context(service(certificates, places[1], fleet.settings))
        stack.enter_context(fleet.at_work(beside, directory / "sites-log"))
        quiet = []
        for one in (alone, beside):
            with redis_of(one) as redis:
                quiet.append((one, idle_a_second(redis)))
        yield quiet


def _print(found: dict[tuple[int, int], Pair]) -> None:
    rows = []
    for (callers, _), pair in found.items():
        pairs = list(zip(pair.without, pair.beside, strict=True))
        for what, samples in (("alone", pair.without), ("two more", pair.beside)):
            times = [spread(s.percentile(p) for s in samples) for p in (50, 95)]
            cpu = [spread(s.cpu_ms[part] for s in samples) for part in PARTS]
            rows.append([str(callers), what, *times, *cpu, str(sum(s.failed for s in samples))])
        times = [spread((b.percentile(p) - a.percentile(p) for a, b in pairs), 2) for p in (50, 95)]
        cpu = [spread((b.cpu_ms[part] - a.cpu_ms[part] for a, b in pairs), 2) for part in PARTS]
        rows.append([str(callers), "difference", *times, *cpu, ""])
    head = ["callers", "sites", "p50 ms", "p95 ms", *(f"{part} CPU ms" for part in PARTS)]
    table("A test at the site `default`: paired, in turns", [*head, "not passed"], rows)
    slower = [
        b.percentile(50) / a.percentile(50)
        for pair in found.values()
        for a, b in zip(pair.without, pair.beside, strict=True)
    ]
    print(f"\nMedian of all pairs, p50 with two more sites / alone: {median(slower):.3f}")
