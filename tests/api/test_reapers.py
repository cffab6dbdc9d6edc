import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from redis import Redis

from api.jobs.enqueuer import Enqueuer
from api.reapers import Reapers
from shared.diagnosis.entries import Started
from shared.diagnosis.report import JobStatus
from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import QueuedJob, queue_name
from shared.silence import LEAST_S
from shared.sites.watched_sites import WatchedSites
from shared.store.connection import connect_async
from shared.store.gate import RedisGate
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.site_index import SITES_IN_USE
from shared.store.site_keys import SiteKeys
from tests.running.service import poll
from tests.running.sites import Sites
from tests.shared.conftest import TTL_S, Backend, turn_limits
from tests.shared.diagnosis.stories import queued

SITES = ("default", "fra1", "sin1")


@pytest.fixture
def backend(real_redis: Redis, redis_url: str) -> Backend:
    """Give an empty Redis, which is store and broker."""
    return Backend(real_redis, lambda: connect_async(redis_url))


@contextmanager
def reaping(url: str, sites: WatchedSites) -> Iterator[None]:
    """Reap at all sites while the block runs."""
    over = Event()

    async def reap() -> None:
        enqueuer = Enqueuer(JobQueue(url))
        async with connect_async(url) as redis:
            store = JobStore.of(RedisGate(redis), TTL_S, turn_limits())
            task = asyncio.create_task(Reapers(store, enqueuer, sites).run())
            await asyncio.to_thread(over.wait)
            assert not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert asyncio.all_tasks() == {asyncio.current_task()}
        enqueuer.close()

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(asyncio.run, reap())
        try:
            yield
        finally:
            over.set()
            running.result(30)


def overdue(backend: Backend, site: str, job_id: str) -> None:
    """Create a job of a site that should have begun a second ago."""
    entry = queued().model_copy(update={"site": site})
    job = NewJob(job_id, entry, "", datetime.now(UTC) - timedelta(seconds=1))
    backend.api(lambda store: store.creation.create_all([job]))


def status(backend: Backend, job_id: str) -> JobStatus | None:
    job = backend.api(lambda store: store.reader.read(job_id))
    return job.status if job else None


def test_each_declared_site_has_a_reaper(backend: Backend, redis_url: str, tmp_path: Path) -> None:
    """The jobs of a site whose workers are gone end in time, like those of the default site."""
    sites = Sites.declared(tmp_path, "fra1", "sin1")
    for site in SITES:
        overdue(backend, site, f"late-{site}")

    with reaping(redis_url, sites.watched()):
        for site in SITES:
            poll(lambda at=site: status(backend, f"late-{at}") == "expired")  # type: ignore[misc]


def test_a_site_that_fails_holds_up_no_other(
    backend: Backend, redis_url: str, tmp_path: Path
) -> None:
    """Its workers can write what they like under its own prefix."""
    sites = Sites.declared(tmp_path, "fra1", "sin1")
    backend.sync.set(SiteKeys.of("fra1").workers, "no set")
    backend.sync.set(SiteKeys.of("fra1").queued, "no sorted set")

    with reaping(redis_url, sites.watched()):
        for n in range(3):
            overdue(backend, "sin1", f"late-{n}")
            poll(lambda n=n: status(backend, f"late-{n}") == "expired")  # type: ignore[misc]


@pytest.mark.parametrize("victim", ["fra1", "default"])
def test_a_site_s_lists_end_and_send_no_job_of_another_site(
    backend: Backend, redis_url: str, tmp_path: Path, victim: str
) -> None:
    """Who works for one site of a batch can tell the ids of all its items."""
    sites, thief, theirs = Sites.declared(tmp_path, "fra1", "sin1"), SiteKeys.of("sin1"), "theirs"
    sites.declare("sin1", silence_s=LEAST_S)
    entry = queued().model_copy(update={"site": victim})
    job = NewJob(theirs, entry, "", datetime.now(UTC) + timedelta(seconds=60))
    backend.api(lambda store: store.creation.create_all([job]))
    started = Started(at=datetime.now(UTC), worker="dead")
    for row_id, told in (("0-1", entry), ("1-0", started)):
        backend.sync.xadd(thief.job(theirs), {"entry": told.model_dump_json()}, id=row_id)
    backend.sync.sadd(thief.workers, "dead")
    backend.sync.sadd(thief.jobs_of("dead"), theirs)
    backend.sync.lpush(thief.taken_by("dead"), QueuedJob(theirs, "").redis_push[2])
    for listed in (thief.queued, thief.running):
        backend.sync.zadd(listed, {theirs: 1})
    overdue(backend, "sin1", "own")

    with reaping(redis_url, sites.watched()):
        poll(lambda: status(backend, "own") == "expired")
        poll(lambda: not backend.sync.exists(thief.queued, thief.running, thief.workers))

        assert status(backend, theirs) == "queued"
    assert not backend.sync.llen(queue_name("interactive", victim))


def test_reapers_come_and_go_with_the_sites(
    backend: Backend, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A site is added and removed without a restart; what it has left is ended first."""
    caplog.set_level("INFO", "api.reapers")
    sites = Sites.declared(tmp_path)
    with reaping(redis_url, sites.watched()):
        sites.add("fra1")
        overdue(backend, "fra1", "first")
        poll(lambda: status(backend, "first") == "expired")
        sites.remove("fra1")
        overdue(backend, "fra1", "second")
        poll(lambda: status(backend, "second") == "expired")
        assert "reaper site=fra1 started=false" not in caplog.messages
        backend.sync.delete(SITES_IN_USE)  # all its jobs are long over
        poll(lambda: "reaper site=fra1 started=false" in caplog.messages)
