"""Jobs in a store, at the points of their lives at which tests begin."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from redis.client import PubSub

from shared.diagnosis.entries import Queued
from shared.diagnosis.report import Job
from shared.queue.queued_job import BULK, INTERACTIVE
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_reader import Story
from shared.store.jobs.run import Run
from shared.store.site_keys import DEFAULT_KEYS
from tests.shared.conftest import Backend, forced
from tests.shared.diagnosis.stories import queued, step

JOB = "4f2a"
KEY = DEFAULT_KEYS.job(JOB)
QUEUE: Final = INTERACTIVE
SEALED = "c2VhbGVkIHRleHQ="
MOST_QUEUED = 10


def new_job(job_id: str = JOB, start_within_s: float = 30) -> NewJob:
    """Return a job that nobody has created yet."""
    start_by = datetime.now(UTC) + timedelta(seconds=start_within_s)
    return NewJob(job_id, queued(), SEALED, start_by)


def of_site(job_id: str, site: str) -> NewJob:
    """Return a new job of a site."""
    entry: Queued = queued().model_copy(update={"site": site})
    return NewJob(job_id, entry, f"sealed {job_id}", datetime.now(UTC) + timedelta(seconds=60))


def create(backend: Backend, job: NewJob | None = None) -> None:
    """Create a job that a worker is there for."""
    backend.sync.set(DEFAULT_KEYS.sign_of_queue(QUEUE), 1)
    backend.api(lambda store: store.creation.create(job or new_job(), MOST_QUEUED))


def begun(backend: Backend, worker: str = "w1") -> Run:
    """Return a run that has done its first step, as a worker's have."""
    run = backend.worker(worker).begin(forced(JOB))
    run.append(*step("dns_lookup"))
    run.write()
    return run


def report(backend: Backend) -> Job:
    """Return the job as the API reads it."""
    job = backend.api(lambda store: store.reader.read(JOB))
    assert job is not None
    return job


def given_up(backend: Backend, worker: str = "w1") -> bool:
    """Give up the run of a worker; return whether the job is to be queued again."""
    return backend.api(lambda store: store.dead_workers.give_up_run(JOB, worker))


def left(backend: Backend) -> set[str]:
    """Return the keys that Redis has, without what is known of workers and tenants."""
    keys = cast("list[bytes]", backend.sync.keys("*"))
    of_tenants = {f"conncheck:{kind}-of:{queued().tenant}" for kind in ("jobs", "kept")}
    return (
        {key.decode() for key in keys}
        - {DEFAULT_KEYS.sign_of_queue(QUEUE), DEFAULT_KEYS.workers}
        - of_tenants
    )


@contextmanager
def listening_to(backend: Backend, channel: str) -> Iterator[PubSub]:
    """Give a subscription that Redis has confirmed."""
    with backend.sync.pubsub() as listening:  # type: ignore[no-untyped-call] # bare in redis-py
        listening.subscribe(channel)
        assert listening.get_message(timeout=5)
        yield listening


def story(backend: Backend, job_id: str = JOB) -> Story:
    """Return everything that happened to the job."""
    return backend.api(lambda store: store.reader.story(job_id))


def kinds(backend: Backend, job_id: str = JOB) -> list[str]:
    """Return what kinds of things happened to the job."""
    return [entry.kind for _, entry in story(backend, job_id)]


class Mender(logging.Handler):
    """Ends an outage when a worker says that the store is away: no test has to wait for it."""

    def __init__(self, mend: Callable[[], object]) -> None:
        super().__init__()
        self._mend = mend
        self.outages = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Mend the store; the worker goes on when that is done."""
        self.outages += 1
        self._mend()


@contextmanager
def mending(mend: Callable[[], object]) -> Iterator[Mender]:
    """Call `mend` whenever a worker misses the store while the block runs."""
    mender = Mender(mend)
    log = logging.getLogger("shared.store.patience")
    log.addHandler(mender)
    try:
        yield mender
    finally:
        log.removeHandler(mender)


def bulk_job(job_id: str, start_within_s: float = 30) -> NewJob:
    """Return a job of a batch that nobody has created yet."""
    one = new_job(job_id, start_within_s)
    return replace(one, queued=one.queued.model_copy(update={"queue": BULK, "target": "t"}))


def create_all(backend: Backend, *jobs: NewJob) -> None:
    """Create jobs as a batch's are: whoever serves them may come later."""
    backend.api(lambda store: store.creation.create_all(jobs))
