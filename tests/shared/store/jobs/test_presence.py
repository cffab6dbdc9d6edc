"""Tests of what is told of a site's workers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.queue.queued_job import BULK, INTERACTIVE
from shared.sites.worker_record import LONGEST_RECORD, WorkerRecord
from shared.store.jobs.presence import LONGEST_NAME, MOST_WORKERS, Presence
from shared.store.site_keys import SiteKeys
from tests.shared.conftest import Backend
from tests.shared.store.jobs.jobs import begun, create, new_job

KEYS = SiteKeys.of("fra1")
RECORD = WorkerRecord(queue=BULK, version="2.1.0")


def presence(backend: Backend, site: str = "fra1") -> Presence:
    """Return what the API finds of a site."""
    return backend.api(lambda store: store.at(site).workload.presence())


def test_a_site_that_never_had_a_worker_is_empty(backend: Backend) -> None:
    """It is declared first, and its workers come later."""
    assert presence(backend) == Presence(0, 0, {INTERACTIVE: 0, BULK: 0}, {}, None)


def test_workers_that_are_alive_are_counted_and_heard(backend: Backend) -> None:
    """An operator sees at once what runs where."""
    for name in ("w1", "w2"):
        worker = backend.worker(name, KEYS)
        worker.signs.beat({BULK: 10})
        worker.signs.tell_record(RECORD)

    found = presence(backend)

    assert found.workers == {INTERACTIVE: 0, BULK: 2}
    assert found.records == {"w1": RECORD, "w2": RECORD}
    assert presence(backend, "sin1").records == {}


def test_jobs_that_wait_and_that_run_are_counted(backend: Backend) -> None:
    """A site that falls behind is seen by its queue."""
    create(backend, new_job("waits"))
    create(backend)
    begun(backend)

    found = presence(backend, "default")

    assert (found.waiting, found.running) == (1, 1)


def test_when_a_worker_was_last_alive_is_told_by_the_clock_of_redis(backend: Backend) -> None:
    """A site's own clock may be wrong, and its last worker may be gone for days."""
    backend.worker("w1", KEYS).signs.tell_record(RECORD)
    backend.sync.delete(KEYS.record("w1"))
    backend.sync.expire(KEYS.seen, backend.sync.ttl(KEYS.seen) - 3600)

    seen_at = presence(backend).seen_at

    assert seen_at
    assert abs(datetime.now(UTC) - seen_at - timedelta(hours=1)) < timedelta(minutes=1)


def test_a_worker_learns_how_far_its_clock_is_from_that_of_redis(backend: Backend) -> None:
    """Signatures of clouds contain the time; here both are one clock."""
    ahead_s = backend.worker("w1", KEYS).signs.tell_record(RECORD)

    assert ahead_s is not None
    assert abs(ahead_s) < 1


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"x" * (LONGEST_RECORD + 2),
        RECORD.text().encode() + b" " * LONGEST_RECORD,
        b'{"queue": "bulk", "version": "Call 555-0100 now"}',
        b'{"queue": "free", "version": "2.1.0"}',
        b'{"queue": "bulk", "version": "2.1.0", "clockAheadS": 1e300}',
        b'{"queue": "bulk", "version": "2.1.0", "clockAheadS": NaN}',
        b'{"queue": "bulk", "version": "2.1.0",'
        b' "canaries": [{"address": "evil.example", "port": 1, "answers": true}]}',
        b'{"queue": "bulk", "version": "2.1.0", "canaries": ['
        + b",".join([b'{"address": "1.1.1.1", "port": 1, "answers": true}'] * 17)
        + b"]}",
    ],
)
def test_a_record_that_no_worker_of_ours_writes_is_left_out(backend: Backend, text: bytes) -> None:
    """A stolen password of a site must not bring foreign words onto our page."""
    for name in ("w1", "w2"):
        worker = backend.worker(name, KEYS)
        worker.signs.beat({BULK: 10})
        worker.signs.tell_record(RECORD)
    backend.sync.set(KEYS.record("w1"), text)

    assert presence(backend).records == {"w2": RECORD}


def test_what_a_hostile_site_writes_is_cut_before_it_is_sent(real: Backend) -> None:
    """A gigabyte of names must not be carried to the API."""
    names = {f"{i}{'x' * LONGEST_NAME}" for i in range(2000)}
    real.sync.sadd(KEYS.workers, *names, *map(str, range(MOST_WORKERS)))
    for name in range(MOST_WORKERS):
        real.sync.set(KEYS.record(str(name)), b" " * 100_000)
    sent = _sent(real)

    assert presence(real).records == {}

    assert _sent(real) - sent < MOST_WORKERS * (LONGEST_RECORD + LONGEST_NAME + 100)


def test_keys_of_another_type_harm_nobody(backend: Backend) -> None:
    """An error of Redis would be taken for an outage of the store, by the jobs of all sites."""
    slots = [KEYS.slots(queue) for queue in (INTERACTIVE, BULK)]
    for key in (KEYS.workers, KEYS.queued, KEYS.running, *slots):
        backend.sync.set(key, "x")
    backend.sync.sadd(KEYS.seen, "x")

    assert presence(backend) == Presence(0, 0, {INTERACTIVE: 0, BULK: 0}, {}, None)


def test_a_name_of_a_worker_is_shown_as_one_line(backend: Backend) -> None:
    """It comes from the site, too."""
    backend.worker("w\n\x1b[2J", KEYS).signs.beat({BULK: 1})
    backend.worker("w\n\x1b[2J", KEYS).signs.tell_record(RECORD)

    (name,) = presence(backend).records

    assert name.isprintable()


def _sent(backend: Backend) -> int:
    info: dict[str, Any] = backend.sync.info("stats")
    return int(info["total_net_output_bytes"])
