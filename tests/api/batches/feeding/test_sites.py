"""Batches whose items are at several sites."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis

from api.batches.feeding.turns import WINDOW
from shared.diagnosis.entries import Queued
from shared.queue.queued_job import BULK, queue_name
from shared.store.batches.batch import NewItem
from shared.store.batches.batch_creation import UNFINISHED_UPLOAD_S
from shared.store.batches.batch_keys import UNFINISHED_BATCHES, batch_key, job_id_of
from shared.store.batches.item_outcome import ItemOutcome
from shared.store.batches.item_target import turn_at
from shared.store.connection import connect_async
from shared.store.jobs.site_index import LONGEST_RUN_S
from shared.store.site_keys import SiteKeys
from tests.api.batches.batching import work_off
from tests.api.batches.feeding.feeding import feeding
from tests.api.broker import queued_jobs
from tests.running.service import poll
from tests.shared.conftest import Backend
from tests.shared.store.batches.batches import a_batch, ask, keep, letters, new_item, state
from tests.shared.store.jobs.jobs import story

A, B = "a" * 24, "b" * 24
DEFAULT, FRA1, SIN1 = "default", "fra1", "sin1"
ADDRESS = "10.0.0.1:443"


@pytest.fixture
def backend(real_redis: Redis, redis_url: str) -> Backend:
    """Give an empty Redis, which is store and broker."""
    return Backend(real_redis, lambda: connect_async(redis_url))


def item_at(site: str, index: int, batch_id: str) -> NewItem:
    new = new_item(index, batch_id)
    return replace(new, item=new.item._replace(site=site))


def have(
    backend: Backend,
    batch_id: str,
    sites: Sequence[str],
    *,
    tenant: str = "alice",
    target: str = "",
    start_within_s: float = 100,
) -> None:
    """Have a batch that waits, with an item at each of `sites`."""
    others = tuple(sorted({*sites} - {DEFAULT}))
    batch = a_batch(len(sites), tenant=tenant, start_within_s=start_within_s)
    batch = batch.model_copy(update={"sites": others})
    items = [item_at(site, index, batch_id) for index, site in enumerate(sites)]
    targets = [turn_at(target or f"h{n}:1", site) for n, site in enumerate(sites)]
    ask(backend, lambda store: keep(store, batch, batch_id, targets=targets, items=items))


def waiting_at(backend: Backend, site: str) -> list[str]:
    return queued_jobs(backend.sync, queue_name(BULK, site))


def begin_by(backend: Backend, start_by: datetime) -> None:
    """Give the batch A another deadline; no feeder may be at work."""
    changed = state(backend, A).batch.model_copy(update={"start_by": start_by})
    backend.sync.hset(batch_key(A), "batch", changed.model_dump_json())


def is_finished(backend: Backend, batch_id: str) -> bool:
    return state(backend, batch_id).finished_at is not None


def test_an_item_waits_at_its_site(backend: Backend, redis_url: str) -> None:
    """Its request is sealed for that site, and it counts in that site's windows."""
    have(backend, A, [DEFAULT, FRA1, SIN1])

    with feeding(redis_url):
        poll(lambda: all(waiting_at(backend, site) for site in (DEFAULT, FRA1, SIN1)))

    assert [waiting_at(backend, site) for site in (DEFAULT, FRA1, SIN1)] == [
        [job_id_of(A, n)] for n in range(3)
    ]
    queued = story(backend, job_id_of(A, 1))[0][1]
    assert isinstance(queued, Queued)
    assert (queued.site, queued.target) == (FRA1, "h1:1")


def test_a_site_without_workers_holds_up_no_other(backend: Backend, redis_url: str) -> None:
    """Its window is full, and the items behind it are those of another site."""
    dead = [FRA1] * (WINDOW + 50)
    have(backend, A, [*dead, *[DEFAULT] * 20])

    with feeding(redis_url):

        def is_over() -> bool:
            work_off(backend.sync)
            return letters(backend, A)[len(dead) :] == "p" * 20

        poll(is_over)
        poll(lambda: len(waiting_at(backend, FRA1)) == WINDOW)

        assert letters(backend, A).count("w") == WINDOW


def test_the_tenants_share_the_window_of_each_site(backend: Backend, redis_url: str) -> None:
    """Who tests from one site alone keeps nobody out of the others."""
    have(backend, A, [FRA1] * WINDOW)
    have(backend, B, [FRA1, SIN1] * WINDOW, tenant="bob")

    with feeding(redis_url):
        poll(lambda: len(waiting_at(backend, FRA1)) == WINDOW)
        poll(lambda: len(waiting_at(backend, SIN1)) == WINDOW)

    own = [job_id for job_id in waiting_at(backend, FRA1) if job_id.startswith(A)]
    assert len(own) == WINDOW // 2


def test_the_same_address_is_another_host_at_each_site(backend: Backend, redis_url: str) -> None:
    """Private networks of two sites are numbered alike."""
    have(backend, A, [FRA1, FRA1, SIN1, SIN1, DEFAULT], target=ADDRESS)

    with feeding(redis_url, per_target=1) as feeder:
        poll(lambda: all(waiting_at(backend, site) for site in (DEFAULT, FRA1, SIN1)))
        feeder.looks(2)

        assert [len(waiting_at(backend, site)) for site in (DEFAULT, FRA1, SIN1)] == [1, 1, 1]


def test_items_of_a_site_without_workers_expire_with_their_batch(
    backend: Backend, redis_url: str
) -> None:
    """The others have ended; a batch must not stay unfinished for ever."""
    have(backend, A, [*[FRA1] * (WINDOW + 5), DEFAULT])

    def has_passed() -> bool:
        work_off(backend.sync)
        return letters(backend, A).endswith("p")

    with feeding(redis_url):
        poll(has_passed)
        poll(lambda: len(waiting_at(backend, FRA1)) == WINDOW)
    begin_by(backend, datetime.now(UTC) - timedelta(seconds=1))
    with feeding(redis_url):
        for job in backend.sync.zrange(SiteKeys.of(FRA1).queued, 0, -1):  # as its reaper does
            backend.api(lambda store, name=job: store.closer.expire(name.decode()))  # type: ignore[misc]
        poll(lambda: is_finished(backend, A))

    assert letters(backend, A) == "e" * (WINDOW + 5) + "p"


@pytest.mark.parametrize("what", ["queued", "running", "queue", "job"])
def test_a_site_that_writes_nonsense_holds_up_no_other(
    backend: Backend, redis_url: str, what: str
) -> None:
    """A worker that was taken over can write what it likes under its site's prefix."""
    keys = SiteKeys.of(FRA1)
    key = {
        "queued": keys.queued,
        "running": keys.running,
        "queue": queue_name(BULK, FRA1),
        "job": keys.job(job_id_of(A, 0)),
    }[what]
    backend.sync.set(key, "nonsense")
    have(backend, A, [FRA1, FRA1, SIN1])
    have(backend, B, [DEFAULT] * 3, tenant="bob")

    with feeding(redis_url) as feeder:

        def is_over() -> bool:
            work_off(backend.sync)
            return is_finished(backend, B)

        poll(is_over)
        poll(lambda: len(waiting_at(backend, SIN1)) == 1)
        feeder.looks(3)

    assert letters(backend, B) == "ppp"


def test_what_a_site_lets_nobody_end_is_lost_in_the_end(backend: Backend, redis_url: str) -> None:
    """Its worker keeps it among the jobs that are run, for ever."""
    have(backend, A, [FRA1, DEFAULT])
    begin_by(backend, datetime.now(UTC) - timedelta(seconds=LONGEST_RUN_S + 1))
    ask(backend, lambda store: store.feed.put_to_work(A, [0]))
    keys = SiteKeys.of(FRA1)
    backend.sync.zadd(keys.running, {job_id_of(A, 0): 10**12})

    with feeding(redis_url):
        poll(lambda: is_finished(backend, A))

    assert letters(backend, A) == "le"
    assert not backend.sync.zcard(UNFINISHED_BATCHES)


def test_ca_certificates_are_kept_under_the_prefix_of_their_site(
    backend: Backend, redis_url: str
) -> None:
    """Its workers read nothing else. They live as long as the requests that need them."""
    sites = (FRA1, SIN1, DEFAULT)
    keys = [SiteKeys.of(site).ca_certificates(A) for site in sites]
    certificates = {site: {"digest": f"sealed for {site}"} for site in sites}
    first = item_at(FRA1, 0, A)
    ask(backend, lambda store: store.creation.add(A, [first], certificates))
    have(backend, A, sites, start_within_s=5000)

    assert all(UNFINISHED_UPLOAD_S < backend.sync.ttl(key) <= 5001 for key in keys)
    ask(backend, lambda store: store.creation.add_ca_certificates_of(A, B, sites))
    assert backend.sync.hget(SiteKeys.of(SIN1).ca_certificates(B), "digest") == b"sealed for sin1"
    ask(backend, lambda store: store.feed.put_to_work(A, [0, 1, 2]))
    passed = [ItemOutcome.passed([n]) for n in range(3)]
    ask(backend, lambda store: store.settler.settle(A, passed))
    with feeding(redis_url):
        poll(lambda: is_finished(backend, A))
    poll(lambda: not backend.sync.exists(*keys))
