"""Measure everything and print the tables: `make bench`, in about two minutes."""

import argparse
import os
import platform
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import jobs, tables
from bench.facade import through_facade
from bench.in_process import in_process, site_of
from bench.memory import memory
from bench.products import FIRST, start
from bench.redis_use import idle_a_second
from bench.sample import Comparison
from bench.service import Certificates, redis_of, service, targets
from bench.stages import calls_of_one, stages_ms

IDLE, BUSY = (1, 300), (50, 1000)  # tests at once, and how many in all
PACED = (50, 400)
PAUSE_S = 1.0
CROWD = 500
FELT = ("api", "worker", "redis")  # the parts without which no single test is made
TARGETS = 200  # one is tested a few times at once at most, so callers have each their own
WAITING = 200  # the slots of one worker


def measure(rounds: int, directory: Path) -> None:
    """Print every table."""
    certificates, crowds = Certificates.made_in(directory), []
    idle, busy = Comparison("1"), Comparison("50")
    paced = Comparison(f"50, pausing {PAUSE_S:.0f} s")
    with targets(certificates, TARGETS) as endpoints, service(certificates, directory) as up:
        held = memory(up, certificates, WAITING)
        with redis_of(up) as redis:
            quiet = idle_a_second(redis)
        site = site_of(certificates)
        for at_once, _ in (IDLE, BUSY):  # what is made once is no test's cost
            in_process(site, endpoints, at_once, at_once)
            through_facade(up, quiet, endpoints, at_once, at_once)
        for _ in range(rounds):
            for compared, size in ((idle, IDLE), (busy, BUSY)):
                compared.alone.append(in_process(site, endpoints, *size))
                compared.facade.append(through_facade(up, quiet, endpoints, *size))
            # A test of paced callers seldom meets another one, so it would run alone.
            paced.alone.append(idle.alone[-1])
            paced.facade.append(through_facade(up, quiet, endpoints, *PACED, PAUSE_S))
            crowds.append(up.call(endpoints, CROWD, CROWD))
        calls = calls_of_one(up, endpoints[0])
        stages = stages_ms(up, calls)
        events = jobs.first_event_ms(up, endpoints)
        polls = jobs.polls_a_second(up, endpoints[0])
        with targets(certificates, 20, "--silent") as silent:
            streams = jobs.idle_streams(up, silent)
        kills = {part: jobs.recovery_s(up, part, endpoints[1]) for part in FELT}
    tables.latency([idle, busy, paced])
    tables.cpu([idle, busy, paced])
    tables.redis(
        {one.label: [f.redis for f in one.facade if f.redis] for one in (idle, busy, paced)},
        "callers",
    )
    tables.stages(calls, stages)
    tables.memory(held, WAITING)
    tables.products([(start(FIRST), start()) for _ in range(max(rounds, 5))])
    tables.crowd(crowds, CROWD)
    tables.jobs(events, polls, streams, kills)


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    # So that what was started is stopped then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    print(f"Median of {rounds} interleaved rounds (lowest-highest); load {os.getloadavg()[0]:.1f}.")
    with TemporaryDirectory(prefix="conncheck-bench-") as directory:
        measure(rounds, Path(directory))


if __name__ == "__main__":
    main()
