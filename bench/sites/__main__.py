"""Measure sites and print the tables: `make bench-sites`."""

import argparse
import os
import platform
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.sites.batch import batch_at_all_sites
from bench.sites.single import single


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("single", "batch"))
    arguments = parser.parse_args()
    # So that what was started is stopped then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    python = platform.python_version()
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {python}")
    print(f"Median of {arguments.rounds} rounds (lowest-highest); load {os.getloadavg()[0]:.1f}.")
    if arguments.only in (None, "single"):
        with TemporaryDirectory(prefix="conncheck-sites-") as directory:
            single(arguments.rounds, Path(directory))
    sys.stdout.flush()
    if arguments.only in (None, "batch"):
        with TemporaryDirectory(prefix="conncheck-sites-") as directory:
            batch_at_all_sites(Path(directory))


if __name__ == "__main__":
    main()
