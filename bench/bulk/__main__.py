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

from bench.bulk import tables as bulk_tables
from bench.bulk.black_hole import black_holes
from bench.bulk.blackbox import NAME, Probes, exporter, probes
from bench.bulk.memory import Size, size
from bench.bulk.mixed import LOST_COUNT, Places, mixed
from bench.bulk.process import MissingError, is_installed
from bench.bulk.rate import WARM_UP, Load, Rate, rate
from bench.bulk.targets import nginx, refusing
from bench.service import Certificates

LOADS = (Load(1, 300), Load(10, 1000), Load(100, 2000), Load(200, 2000), Load(200, 2000, workers=2))
TARGETS = 200
SIZES = (1_000, 10_000)
FULL_SIZE = 50_000


def rates(rounds: int, certificates: Certificates, directory: Path) -> None:
    """Print tests a second and their CPU, at several numbers in flight, and what others need."""
    found: dict[Load, list[Rate]] = {load: [] for load in LOADS}
    probed: dict[int, list[Probes]] = {load.in_flight: [] for load in LOADS}
    with nginx(certificates, TARGETS, directory) as platforms:
        for _ in range(rounds):
            for load, rounds_so_far in found.items():
                rounds_so_far.append(rate(load, platforms, certificates))
                if load.workers == 1 and is_installed(NAME):
                    with exporter(certificates, directory) as running:
                        probes(running, platforms, load.in_flight, WARM_UP)
                        probed[load.in_flight].append(
                            probes(running, platforms, load.in_flight, load.count)
                        )
    bulk_tables.rates(found)
    if is_installed(NAME):
        bulk_tables.probes(probed)
    else:
        print(f"\n{NAME} is not installed (Debian: apt-get install {NAME}), so not measured.")


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
    parser.add_argument("--only", choices=("rates", "mixed", "sizes"))
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


if __name__ == "__main__":
    main()
