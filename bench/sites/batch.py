"""Measure whether many sites stay busy with one batch, while some of them are dead."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.bulk.batch import run_batch, verdicts
from bench.process import environment_of, first_line, running
from bench.sample import TEST
from bench.service import POLL_S, Certificates, NotReadyError, Service, redis_of, service
from bench.sites.fleet import START_S, Fleet
from bench.sites.paced import EACH, TICK_S
from bench.tables import table
from shared.queue.queued_job import BULK
from shared.store.site_keys import SiteKeys

SITES, DEAD, ITEMS = 20, 3, 2000
DEADLINE_S = 240


@dataclass(frozen=True, slots=True)
class Busy:
    """How a live site spent its time: ticks from its first job to its last, and full ones."""

    ticks: int
    full: int

    @property
    def percent(self) -> float:
        """The part of the ticks in which it had as many jobs as it could take."""
        return 100 * self.full / self.ticks


def batch_at_all_sites(directory: Path) -> None:
    """Print how busy each site was, and how the items of the dead ones ended."""
    names = [f"site-{n:02}" for n in range(SITES)]
    living, dead = names[DEAD:], names[:DEAD]
    fleet = Fleet.declared(directory, names)
    settings = {**fleet.settings, "CONNCHECK_BATCH_DEADLINE_S": str(DEADLINE_S)}
    with service(Certificates.made_in(directory), directory, settings) as up:
        url = environment_of(up.pids["worker"])["CONNCHECK_REDIS_URL"]
        with (
            running(["-m", "bench.sites.paced", url, *living]) as paced,
            ThreadPoolExecutor(1) as pool,
        ):
            _wait_for(up, living)
            running_batch = pool.submit(run_batch, up, _upload(names))
            if paced.stdin:
                paced.stdin.write(f"{ITEMS}\n")
                paced.stdin.flush()
            found = {site: _busy(counts) for site, counts in json.loads(first_line(paced)).items()}
            batch = running_batch.result()
        ends = Counter((row["site"] in dead, row["status"]) for row in verdicts(up, batch))
    _print(found, ends, batch.wall_s)


def _upload(names: Sequence[str]) -> bytes:
    """Return the items of all sites, one site after the other: none may wait for those before."""
    return "\n".join(map(json.dumps, _rows(names))).encode()


def _rows(names: Sequence[str]) -> Iterator[Mapping[str, object]]:
    for number, site in enumerate(names):
        for n in range(ITEMS):
            endpoint = f"http://127.{number + 1}.{n // 250}.{n % 250}:8080"
            yield {**TEST, "endpoint": endpoint, "options": {"site": site}}


def _busy(counts: Sequence[int]) -> Busy:
    first = next(n for n, count in enumerate(counts) if count)
    # The last tick has what is left.
    between = counts[first:-1]
    return Busy(len(between), sum(count == EACH for count in between))


def _wait_for(up: Service, living: Sequence[str]) -> None:
    signs = [SiteKeys.of(site).sign_of_queue(BULK) for site in living]
    until_s = time.monotonic() + START_S
    with redis_of(up) as redis:
        while redis.exists(*signs) < len(signs):
            if time.monotonic() > until_s:
                raise NotReadyError("the stand-in for the workers did not come up")
            time.sleep(POLL_S)


def _print(found: Mapping[str, Busy], ends: Counter[tuple[bool, str]], wall_s: float) -> None:
    percents = sorted(one.percent for one in found.values())
    took_s = sorted(one.ticks * TICK_S for one in found.values())
    rows = [
        ["live sites", str(len(found))],
        ["busy, least of them, % of its time", f"{percents[0]:.1f}"],
        ["busy, median, %", f"{percents[len(percents) // 2]:.1f}"],
        ["first to last item, fastest site, s", f"{took_s[0]:.0f}"],
        ["first to last item, slowest site, s", f"{took_s[-1]:.0f}"],
        ["at best, s", f"{ITEMS / EACH * TICK_S:.0f}"],
        ["the whole batch, s", f"{wall_s:.0f} (deadline {DEADLINE_S})"],
        *(
            [f"items of {'dead' if is_dead else 'live'} sites: {status}", str(count)]
            for (is_dead, status), count in sorted(ends.items())
        ),
    ]
    table(
        f"One batch of {SITES * ITEMS:,} items at {SITES} sites, {DEAD} of them dead",
        ["what", "figure"],
        rows,
    )
