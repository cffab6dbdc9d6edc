"""Measure bulk testing and print the tables: `make bench-bulk`."""

import argparse
import os
import platform
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import tables
from bench.bulk import growth_tables, rate_tables
from bench.bulk import tables as bulk_tables
from bench.bulk.black_hole import black_holes
from bench.bulk.blackbox import NAME, Exporter, exporter, probes
from bench.bulk.feeding import Feeding, feeding
from bench.bulk.growth import BATCHES, CALLED, Processes, called
from bench.bulk.looks import Looks, looks
from bench.bulk.memory import Size, size
from bench.bulk.mixed import LOST_COUNT, Places, mixed
from bench.bulk.process import MissingError, is_installed
from bench.bulk.rate import WARM_UP, Load, Rate, rate
from bench.bulk.rate_tables import PROBED_AT_ONCE, Beside
from bench.bulk.targets import nginx, refusing
from bench.in_process import in_process, site_of
from bench.sample import Sample
from bench.service import Certificates

LOADS = (
    *(Load(1, 200), Load(100, 1500)),
    *(Load(in_flight, 1500, workers=2) for in_flight in (16, 100, 200)),
)
ALONE, PROBES = 500, 1500
TARGETS = 200
SIZES = (1_000, 10_000)
FULL_SIZE = 50_000


def rates(rounds: int, certificates: Certificates, directory: Path) -> None:
    """Print tests a second and what they cost, at several numbers in flight.

    After each load the same platforms are tested by the pipeline alone with as many in flight as
    in a worker process, and by blackbox_exporter.
    """
    found: dict[Load, list[Beside]] = {load: [] for load in LOADS}
    site = site_of(certificates)
    with (
        nginx(certificates, TARGETS, directory) as platforms,
        _exporter_if_any(certificates, directory) as running,
    ):
        in_process(site, platforms.endpoints, 1, WARM_UP)
        for _ in range(rounds):
            for load, rounds_so_far in found.items():
                one = rate(load, platforms, certificates)
                alone = in_process(site, platforms.endpoints, load.in_flight, ALONE)
                probed = probes(running, platforms, PROBED_AT_ONCE, PROBES) if running else None
                rounds_so_far.append(Beside(one, alone.cpu_ms["pipeline"], probed))
    rate_tables.rates(found)
    tables.redis(
        {load.label: [one.rate.redis for one in all_] for load, all_ in found.items()}, "in flight"
    )


@contextmanager
def _exporter_if_any(certificates: Certificates, directory: Path) -> Iterator[Exporter | None]:
    """Run blackbox_exporter while the block runs, if it is installed."""
    if not is_installed(NAME):
        print(f"\n{NAME} is not installed (Debian: apt-get install {NAME}), so not measured.")
        yield None
        return
    with exporter(certificates, directory) as running:
        yield running


def growth(rounds: int, certificates: Certificates, directory: Path) -> None:
    """Print how cost grows with the number of processes, and what that means for more platforms."""
    batches: dict[Load, list[Rate]] = {load: [] for load in BATCHES}
    calls: dict[Processes, list[Sample]] = {processes: [] for processes in CALLED}
    with nginx(certificates, TARGETS, directory) as platforms:
        for _ in range(rounds):
            for load, rates_so_far in batches.items():
                rates_so_far.append(rate(load, platforms, certificates))
            for processes, samples in calls.items():
                samples.append(called(processes, platforms, certificates))
    growth_tables.batches(batches)
    growth_tables.calls(calls)


def feedings(rounds: int) -> None:
    """Print how many items a second the feeder can hand out and settle."""
    found: dict[int, list[Feeding]] = {1: [], 2: []}
    for _ in range(rounds):
        for apis, rounds_so_far in found.items():
            rounds_so_far.append(feeding(apis))
    bulk_tables.feedings(found)


def all_looks(rounds: int) -> None:
    """Print what looks at a large batch cost, with labels and without."""
    found: dict[str, list[Looks]] = {"without labels": [], "with 4 labels": []}
    for _ in range(rounds):
        for what, rounds_so_far in found.items():
            rounds_so_far.append(looks(FULL_SIZE, are_labelled=what == "with 4 labels"))
    bulk_tables.looks(found, FULL_SIZE)


def sizes(rounds: int, certificates: Certificates, directory: Path, *, full: bool) -> None:
    """Print how fast batches are accepted, and what they hold."""
    found: dict[int, list[Size]] = {count: [] for count in SIZES}
    with nginx(certificates, TARGETS, directory) as platforms:
        for _ in range(rounds):
            for count, rounds_so_far in found.items():
                rounds_so_far.append(size(count, platforms, certificates))
        if full:
            found[FULL_SIZE] = [size(FULL_SIZE, platforms, certificates)]
    bulk_tables.sizes(found)


def mixes(rounds: int, certificates: Certificates, directory: Path) -> None:
    """Print what a batch takes in which many platforms fail, and what others feel of it."""
    with (
        nginx(certificates, TARGETS + 1, directory) as platforms,
        black_holes(LOST_COUNT) as lost,
        refusing(TARGETS) as refused,
    ):
        *healthy, apart = platforms.endpoints
        places = Places(healthy, lost.endpoints, refused, apart)
        found = [mixed(places, certificates) for _ in range(rounds)]
    bulk_tables.mixes(found, lost.how)


@contextmanager
def _section(title: str) -> Iterator[Path]:
    """Give a directory for what is measured, and go on with the next if it can't be."""
    try:
        with TemporaryDirectory(prefix="conncheck-bulk-") as directory:
            yield Path(directory)
    except MissingError as error:
        print(f"\n{title}: not measured, {error}")
    sys.stdout.flush()


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("rates", "mixed", "sizes", "growth", "feeding", "looks"))
    parser.add_argument("--full", action="store_true", help=f"also {FULL_SIZE:,} items")
    arguments = parser.parse_args()
    # So that what was started is stopped then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    print(
        f"Median of {arguments.rounds} interleaved rounds (lowest-highest); "
        f"load {os.getloadavg()[0]:.1f}."
    )
    rounds, only = arguments.rounds, arguments.only
    if only in (None, "rates"):
        with _section("tests a second") as directory:
            rates(rounds, Certificates.made_in(directory), directory)
    if only in (None, "mixed"):
        with _section("a batch in which many fail") as directory:
            mixes(rounds, Certificates.made_in(directory), directory)
    if only in (None, "sizes"):
        with _section("batches by size") as directory:
            sizes(rounds, Certificates.made_in(directory), directory, full=arguments.full)
    if only == "growth":
        with _section("how cost grows") as directory:
            growth(rounds, Certificates.made_in(directory), directory)
    if only == "feeding":
        with _section("the feeder alone"):
            feedings(rounds)
    if only == "looks":
        with _section("looks at a large batch"):
            all_looks(rounds)


if __name__ == "__main__":
    main()
