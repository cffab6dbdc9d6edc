"""Close the jobs of several sites at a set pace: `python -m bench.sites.paced REDIS_URL SITE...`.

It is alive at all of them at once. From its first line of input on, which says how many jobs each
site has, it takes EACH jobs a TICK_S of each, and at the end prints as JSON how many it found at
each tick.
"""

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from threading import Thread
from typing import Any, cast

from redis import Redis

from shared.diagnosis.entries import Closed, Entry, Started, StepEnded
from shared.queue.queued_job import BULK, queue_name
from shared.store.connection import connect
from shared.store.jobs.job_stream import CLOSING, Appender
from shared.store.jobs.worker_signs import WorkerSigns
from shared.store.site_keys import SiteKeys

NAME = "paced"
KEPT_S = 3600
BEAT_S = 1.0
TICK_S = 0.5
EACH = 10


def main() -> None:
    """Take jobs and close them, until each site has had all of its own."""
    redis, sites = connect(sys.argv[1]), sys.argv[2:]
    Thread(target=_live, args=(redis, sites), daemon=True).start()
    most = int(sys.stdin.readline())
    found: dict[str, list[int]] = {site: [] for site in sites}
    next_s = time.monotonic()
    while any(sum(counts) < most for counts in found.values()):
        for site, counts in found.items():
            if sum(counts) < most:
                counts.append(_close(redis, SiteKeys.of(site)))
        next_s += TICK_S
        time.sleep(max(0.0, next_s - time.monotonic()))
    print(json.dumps(found), flush=True)
    sys.stdin.readline()


def _live(redis: Redis, sites: Sequence[str]) -> None:
    signs = [WorkerSigns(redis, NAME, SiteKeys.of(site)) for site in sites]
    while True:
        for one in signs:
            one.beat({BULK: EACH})
        time.sleep(BEAT_S)


def _close(redis: Redis, keys: SiteKeys) -> int:
    """Close up to EACH jobs that wait at a site, and return how many there were."""
    taken = cast("list[bytes] | None", redis.rpop(queue_name(BULK, keys.site), EACH)) or []
    job_ids = [json.loads(message)["headers"]["id"] for message in taken]
    now, append = datetime.now(UTC), Appender(KEPT_S, keys)
    entries: Sequence[Entry] = (
        Started(at=now, worker=NAME),
        StepEnded(at=now, step="tcp_connect", outcome="passed", took_ms=0),
        Closed(at=now, status="finished", all_passed=True),
    )
    ids = ("1-0", "1-2", f"1-{CLOSING}")
    with redis.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            left: Any = ("SREM", keys.jobs_of(NAME), job_id)
            append.queue(pipe, job_id, [*zip(ids, entries, strict=True)], [left])
        pipe.execute()
    return len(job_ids)


if __name__ == "__main__":
    main()
