import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack

import pytest
from redis import Redis

from api.batches.feeding.turns import WINDOW
from api.batches.item_proofs import ItemProofs, Stored, sealed_in
from shared.diagnosis.causes import Cause
from shared.diagnosis.entries import Queued
from shared.queue.queued_job import BULK, QueuedJob
from shared.signing import Signer, Verifier, job_statement, new_signing_pair
from shared.store.batches.batch import BatchItem, NewItem, item_to_json
from shared.store.batches.batch_keys import (
    UNFINISHED_BATCHES,
    batch_key,
    items_key,
    job_id_of,
    letters_key,
    targets_key,
    twins_key,
)
from shared.store.batches.batch_store import BatchStore
from shared.store.connection import connect, connect_async
from shared.store.jobs.job_stream import (
    CLOSING,
)
from shared.store.site_keys import DEFAULT_KEYS
from tests.api.batches.batching import LEASE, Api, with_api, work_off
from tests.api.batches.feeding.feeding import feeding
from tests.api.broker import queued_jobs
from tests.running.own_redis import OwnRedis
from tests.running.service import poll
from tests.shared.conftest import Backend
from tests.shared.diagnosis.stories import REFUSED, closed, started, step
from tests.shared.store.batches.batches import SEALED, a_batch, ask, keep, letters, new_item, state
from tests.shared.store.jobs.jobs import kinds, story

A, B, C = ("a" * 24, "b" * 24, "c" * 24)
ONE = ["one.example.com:8080"]
OTHER = ["other.example.com:8080"]


@pytest.fixture
def backend(real_redis: Redis, redis_url: str) -> Backend:
    """Give an empty Redis, which is store and broker."""
    return backend_of(redis_url, real_redis)


def backend_of(url: str, redis: Redis) -> Backend:
    return Backend(redis, lambda: connect_async(url))


def have(
    backend: Backend,
    batch_id: str,
    total: int,
    *,
    tenant: str = "alice",
    targets: Sequence[str] = (),
    start_within_s: float = 100,
) -> None:
    """Have a batch that waits."""
    batch = a_batch(total, tenant=tenant, start_within_s=start_within_s)
    ask(backend, lambda store: keep(store, batch, batch_id, targets=targets))


def queued_of(backend: Backend) -> Counter[str]:
    """Return how many messages wait of each batch."""
    return Counter(job_id[: len(A)] for job_id in queued_jobs(backend.sync, BULK))


def waiting(backend: Backend) -> int:
    return backend.sync.llen(BULK)


def is_finished(backend: Backend, batch_id: str) -> bool:
    return state(backend, batch_id).finished_at is not None


def run_to_its_end(backend: Backend, batch_id: str, *failing: int) -> list[str]:
    """Work off what is queued until the batch is finished; return the jobs that were run."""
    ran: list[str] = []

    failing_jobs = {job_id_of(batch_id, index) for index in failing}

    def cause_of(job_id: str) -> Cause | None:
        return REFUSED if job_id in failing_jobs else None

    def is_over() -> bool:
        ran.extend(work_off(backend.sync, cause_of=cause_of))
        return is_finished(backend, batch_id)

    poll(is_over)
    return ran


def cancel(url: str, batch_id: str, tenant: str = "alice") -> None:
    """Cancel a batch as its tenant does."""

    async def cancelled(api: Api) -> None:
        state = await api.batches.reader.own(batch_id, tenant)
        await api.batches.cancellation.cancel(batch_id, state)

    with_api(url, cancelled)


def test_a_batch_is_tested_to_its_end(backend: Backend, redis_url: str) -> None:
    """This is what a feeder is for."""
    have(backend, A, 4)

    with feeding(redis_url):
        ran = run_to_its_end(backend, A, 1, 2)

    assert sorted(ran) == [job_id_of(A, index) for index in range(4)]
    assert letters(backend, A) == "pffp"
    (cause,) = ask(backend, lambda store: store.findings.causes(A, 3))
    assert (cause.code, cause.first) == ("tcp.refused", [1, 2])
    assert backend.sync.zcard(UNFINISHED_BATCHES) == 0


def test_a_job_that_an_older_worker_closed_is_read_whole(backend: Backend, redis_url: str) -> None:
    """Its last entry does not say how the others are, and nothing follows from a gap."""
    have(backend, A, 2)

    with feeding(redis_url):
        poll(lambda: waiting(backend) == 2)
        for index, cause in enumerate((None, REFUSED)):
            job_id = job_id_of(A, index)
            rows = [started(), *step("tcp_connect", cause), closed()]
            for number, entry in enumerate(rows):
                text = entry.model_dump_json()
                backend.sync.xadd(DEFAULT_KEYS.job(job_id), {"entry": text}, id=f"1-{number}")
            backend.sync.zrem(DEFAULT_KEYS.queued, job_id)
        poll(lambda: is_finished(backend, A))

    assert letters(backend, A) == "pf"


def test_each_item_keeps_the_time_of_its_test(backend: Backend, redis_url: str) -> None:
    """Results are sorted by it: of jobs that passed, and of those that are read whole."""
    have(backend, A, 3)

    with feeding(redis_url):
        run_to_its_end(backend, A, 1)

    times = ask(backend, lambda store: store.index.times(A, 3))
    assert letters(backend, A) == "pfp"
    assert times.tolist() == [15, 15, 15]  # tenths of a millisecond


def test_equal_items_are_tested_once_and_end_together(backend: Backend, redis_url: str) -> None:
    """A second sign-in with the same key pair finds out nothing."""
    ask(backend, lambda store: keep(store, a_batch(4), A, twins={0: [2, 3]}))

    with feeding(redis_url):
        ran = run_to_its_end(backend, A, 0)

    assert sorted(ran) == [job_id_of(A, 0), job_id_of(A, 1)]
    assert letters(backend, A) == "fpff"


def test_a_job_is_made_of_what_was_kept_of_its_item(backend: Backend, redis_url: str) -> None:
    """Its worker and its caller know nothing of batches."""
    endpoints = ("http://h.example.com:8080", "https://h.example.com:8443")
    sealed_for = (job_id_of(A, 0), job_id_of(C, 7))

    async def keep_two(store: BatchStore) -> None:
        items = [
            NewItem(n, BatchItem("line 1", "name", "ref", "zstack", *each), SEALED)
            for n, each in enumerate(zip(endpoints, sealed_for, strict=True))
        ]
        await store.creation.add(A, items)
        await store.creation.create(A, a_batch(2), [], ONE * 2, {})

    ask(backend, keep_two)
    with feeding(redis_url):
        poll(lambda: waiting(backend) == 2)

    own, repeated = (story(backend, job_id_of(A, n))[0][1] for n in range(2))
    assert isinstance(own, Queued)
    assert isinstance(repeated, Queued)
    assert (own.tenant, own.product_type, own.endpoint) == ("alice", "zstack", endpoints[0])
    assert (own.queue, own.target) == (BULK, ONE[0])
    assert (own.sealed_as, repeated.sealed_as) == ("", job_id_of(C, 7))
    assert ["tls_handshake" in one.steps for one in (own, repeated)] == [False, True]
    assert own.at == state(backend, A).batch.created_at


@pytest.mark.parametrize("is_of_the_api", [True, False])
def test_a_job_is_signed_only_if_the_api_has_stored_its_request(
    backend: Backend, redis_url: str, is_of_the_api: bool
) -> None:
    """Whoever can write to Redis can write an item, and seal a request for it."""
    private, public = new_signing_pair()
    job_id, proofs = job_id_of(A, 0), ItemProofs(Signer([private]))
    stored = proofs.kept(Stored("default", job_id, job_id, "alice"), SEALED)
    kept = stored if is_of_the_api else f"{SEALED}x{stored.removeprefix(SEALED)}"
    ask(backend, lambda store: keep(store, a_batch(1), A, items=[new_item(0, A, kept)]))

    with feeding(redis_url, proofs=proofs):
        poll(lambda: waiting(backend) == 1)

    run = backend.worker().begin(QueuedJob(job_id, "", BULK))
    assert run.sealed
    statement = job_statement("default", job_id, run.first_row.entry, run.sealed)
    assert Verifier([public]).is_signed(statement, run.first_row.signature) == is_of_the_api
    assert run.sealed == sealed_in(kept)


def test_of_two_feeders_one_works_and_the_other_takes_over(
    backend: Backend, redis_url: str
) -> None:
    """Each API process has one; what both did would be done twice."""
    have(backend, A, 3)

    with ExitStack() as staying:
        with feeding(redis_url) as first:
            run_to_its_end(backend, A)
            second = staying.enter_context(feeding(redis_url))
            have(backend, B, 3)
            run_to_its_end(backend, B)
            assert not second.looked.acquire(blocking=False)
        have(backend, C, 3)
        run_to_its_end(backend, C)

        assert {*first.fed} == {A, B}
        assert {*second.fed} == {C}


def test_two_tenants_share_what_may_wait(backend: Backend, redis_url: str) -> None:
    """Whoever came first with fifty thousand must not keep everybody else waiting for an hour."""
    have(backend, A, 2 * WINDOW)
    have(backend, B, 2 * WINDOW, tenant="bob")

    with feeding(redis_url):
        poll(lambda: waiting(backend) == WINDOW)

    assert queued_of(backend) == {A: WINDOW // 2, B: WINDOW // 2}


def test_two_batches_of_one_tenant_share_what_is_the_tenants(
    backend: Backend, redis_url: str
) -> None:
    """Nobody gets more of the workers by cutting a batch into pieces."""
    have(backend, A, 2 * WINDOW)
    have(backend, B, 2 * WINDOW)
    have(backend, C, 2 * WINDOW, tenant="bob")

    with feeding(redis_url):
        poll(lambda: waiting(backend) == WINDOW)

    assert queued_of(backend) == {A: WINDOW // 4, B: WINDOW // 4, C: WINDOW // 2}


def test_a_small_batch_does_not_stand_behind_a_large_one(backend: Backend, redis_url: str) -> None:
    """The large one may be waiting for its tenant's share of the workers, for hours."""
    have(backend, A, 3 * WINDOW)
    with feeding(redis_url) as feeder:
        poll(lambda: waiting(backend) == WINDOW)
        have(backend, B, 5, tenant="bob")
        poll(lambda: queued_of(backend) == {A: WINDOW, B: 5})

        work_off(backend.sync, 20)  # the first come first
        feeder.looks(5)

        assert queued_of(backend) == {A: WINDOW - 20, B: 5}


def test_no_more_jobs_wait_in_the_queue_than_may(backend: Backend, redis_url: str) -> None:
    """Redis holds a job's stream only from then on, and a batch that comes later waits less."""
    have(backend, A, 2 * WINDOW + 50)

    with feeding(redis_url) as feeder:
        for _ in range(3):
            poll(lambda: waiting(backend) >= WINDOW)
            feeder.looks(3)
            assert waiting(backend) == WINDOW == backend.sync.zcard(DEFAULT_KEYS.queued)
            work_off(backend.sync, 80)

    assert letters(backend, A).startswith("pp")


def test_a_target_is_tested_by_no_more_at_once_than_may(backend: Backend, redis_url: str) -> None:
    """A slow platform must neither be brought down nor fill the window of all others."""
    have(backend, A, 8, targets=[*ONE * 6, *OTHER * 2])
    have(backend, B, 3, tenant="bob", targets=ONE * 3)

    with feeding(redis_url, per_target=2) as feeder:
        poll(lambda: waiting(backend) == 4)
        feeder.looks(3)
        assert waiting(backend) == 4
        targets = Counter(targets_of(backend))
        assert targets == {ONE[0]: 2, OTHER[0]: 2}

        run_to_its_end(backend, A)
        run_to_its_end(backend, B)

    assert (letters(backend, A), letters(backend, B)) == ("p" * 8, "ppp")


def targets_of(backend: Backend) -> list[str]:
    found = [story(backend, job_id)[0][1] for job_id in queued_jobs(backend.sync, BULK)]
    return [entry.target for entry in found if isinstance(entry, Queued)]


def test_a_batch_that_was_cancelled_frees_the_targets_that_it_was_about_to_test(
    backend: Backend, redis_url: str
) -> None:
    """Another batch's items would be put off for ever."""
    have(backend, A, 2, targets=ONE * 2)
    have(backend, B, 2, tenant="bob", targets=ONE * 2)
    working: list[str] = []

    async def cancel_the_other(store: BatchStore, batch_id: str) -> None:
        # The one that comes first has no items at the target of the others.
        if not working:
            await store.settler.end_waiting(A, "c")
        working.append(batch_id)

    have(backend, C, 1, tenant="carol", targets=OTHER)
    backend.sync.zadd(UNFINISHED_BATCHES, {C: 1})  # it came first
    with feeding(redis_url, per_target=1, after_put_to_work=cancel_the_other):
        run_to_its_end(backend, B)
        poll(lambda: is_finished(backend, A))

    assert working[:2] == [C, A]
    assert (letters(backend, A), letters(backend, B)) == ("cc", "pp")


def apart(url: str) -> str:
    """Return the URL of a broker that is not the store; it is the same Redis only by chance."""
    return f"{url}?db=0"


@pytest.mark.parametrize("is_in_store", [True, False], ids=["in the store", "apart"])
@pytest.mark.parametrize("writes", range(1, 11))
def test_a_batch_is_taken_up_where_its_feeder_died(
    backend: Backend, redis_url: str, writes: int, *, is_in_store: bool
) -> None:
    """It may have put items to work of which no job was made, or made jobs that have no message."""
    broker_url = redis_url if is_in_store else apart(redis_url)
    ask(backend, lambda store: keep(store, a_batch(4), A, twins={1: [3]}))

    def is_dead() -> bool:
        work_off(backend.sync, 1)
        return dying.running.done() or is_finished(backend, A)

    with feeding(redis_url, broker_url=broker_url, dies_after_writes=writes) as dying:
        poll(is_dead)
    backend.sync.delete(LEASE)  # as time does
    with feeding(redis_url, broker_url=broker_url):
        run_to_its_end(backend, A)

    assert letters(backend, A) == "pppp"
    assert all(kinds(backend, job_id_of(A, n)).count("started") == 1 for n in range(3))
    assert backend.sync.zcard(UNFINISHED_BATCHES) == 0


@pytest.mark.parametrize(
    ("writes", "jobs", "messages", "is_in_store"),
    [
        *((1, 0, 0, True), (2, 3, 0, True), (3, 3, 3, True)),
        *((1, 0, 0, False), (2, 3, 0, False), (3, 3, 3, False)),
    ],
    ids=[
        *("put to work", "created", "sent"),
        *("put to work, apart", "created, apart", "sent, apart"),
    ],
)
def test_a_feeder_dies_in_the_test_before_this_one_where_it_is_meant_to(
    backend: Backend, redis_url: str, writes: int, jobs: int, messages: int, *, is_in_store: bool
) -> None:
    """Else that would prove nothing."""
    have(backend, A, 3)
    broker_url = redis_url if is_in_store else apart(redis_url)

    with feeding(redis_url, broker_url=broker_url, dies_after_writes=writes) as dying:
        dying.dies()

    assert letters(backend, A) == "www"
    assert (backend.sync.zcard(DEFAULT_KEYS.queued), waiting(backend)) == (jobs, messages)


def test_a_job_that_is_gone_is_made_again(backend: Backend, redis_url: str) -> None:
    """Redis may have come back from its disk without its last second."""
    have(backend, A, 3)

    with feeding(redis_url):
        poll(lambda: waiting(backend) == 3)
        backend.sync.delete(
            BULK, DEFAULT_KEYS.queued, *(DEFAULT_KEYS.job(job_id_of(A, n)) for n in range(3))
        )
        ran = run_to_its_end(backend, A)

    assert sorted(ran) == [job_id_of(A, n) for n in range(3)]
    assert letters(backend, A) == "ppp"


def test_what_a_dead_feeder_handed_out_counts_at_its_target(
    backend: Backend, redis_url: str
) -> None:
    """The next one would test the platform by twice as many as may."""
    have(backend, A, 6, targets=ONE * 6)
    with feeding(redis_url, per_target=2):
        poll(lambda: waiting(backend) == 2)
    backend.sync.delete(LEASE, BULK)  # its messages are lost, too

    with feeding(redis_url, per_target=2) as feeder:
        poll(lambda: waiting(backend) == 2)
        feeder.looks(3)

        assert letters(backend, A) == "wwqqqq"
        assert waiting(backend) == 2


def test_a_batch_that_is_cancelled_begins_nothing_more(backend: Backend, redis_url: str) -> None:
    """What runs goes on to its end; what waits in the queue does not begin."""
    have(backend, A, WINDOW + 50)

    with feeding(redis_url):
        poll(lambda: waiting(backend) == WINDOW)
        ran = work_off(backend.sync, 10)
        cancel(redis_url, A)
        after = run_to_its_end(backend, A)

    found = Counter(letters(backend, A))
    assert found == {"p": len(ran) + len(after), "c": WINDOW + 50 - len(ran) - len(after)}
    assert after == []
    assert backend.sync.zcard(DEFAULT_KEYS.queued) == 0


def test_what_was_just_being_handed_out_is_cancelled_too(backend: Backend, redis_url: str) -> None:
    """Whoever cancels sees the items at work, and no jobs of them yet that could be closed."""
    have(backend, A, 3)

    async def cancelled(store: BatchStore, batch_id: str) -> None:
        await store.settler.end_waiting(batch_id, "c")

    with feeding(redis_url, after_put_to_work=cancelled):
        ran = run_to_its_end(backend, A)

    assert ran == []
    assert letters(backend, A) == "ccc"


def test_items_that_no_test_was_begun_of_in_time_expire(backend: Backend, redis_url: str) -> None:
    """Their sealed requests are gone; nobody can test them any more."""
    have(backend, A, 8, targets=ONE * 8, start_within_s=1)

    with feeding(redis_url, per_target=2):
        poll(lambda: letters(backend, A) == "wweeeeee")
        assert not is_finished(backend, A)
        run_to_its_end(backend, A)

    assert letters(backend, A) == "ppeeeeee"


def test_a_batch_that_expired_is_looked_after_no_more(backend: Backend, redis_url: str) -> None:
    """The list of unfinished batches has no time to live."""
    have(backend, A, 3)
    backend.sync.delete(batch_key(A), letters_key(A))
    have(backend, B, 1)

    with feeding(redis_url):
        run_to_its_end(backend, B)

    assert backend.sync.zcard(UNFINISHED_BATCHES) == 0
    assert not backend.sync.exists(batch_key(A))


@pytest.mark.parametrize("outage", [OwnRedis.hung, OwnRedis.stopped], ids=["hung", "stopped"])
def test_a_feeder_goes_on_after_the_store_was_away(
    own_redis: OwnRedis, outage: Callable[[OwnRedis], AbstractContextManager[None]]
) -> None:
    """A restart of Redis must not need one of the API."""
    with connect(own_redis.url) as redis:
        backend = backend_of(own_redis.url, redis)
        have(backend, A, 5)
        with feeding(own_redis.url) as feeder:
            poll(lambda: waiting(backend) == 5)
            with outage(own_redis):
                poll(lambda: not feeder.looked.acquire(timeout=0.5))

            run_to_its_end(backend, A)

        assert letters(backend, A) == "ppppp"


def test_a_broker_that_was_away_is_sent_the_jobs_when_it_is_back(
    backend: Backend, redis_url: str, own_redis: OwnRedis
) -> None:
    """Jobs without a message would wait until they expire."""
    have(backend, A, 5)

    with feeding(redis_url, broker_url=own_redis.url), connect(own_redis.url) as broker:
        with own_redis.stopped():
            poll(lambda: letters(backend, A) == "wwwww")

        poll(lambda: {*queued_jobs(broker, BULK)} == {job_id_of(A, n) for n in range(5)})


NEWER_STEP = {"kind": "step_ended", "at": "2026-11-28T19:00:00Z", "step": "x", "outcome": "new"}


@pytest.mark.parametrize("entry", ["", "{}", json.dumps(NEWER_STEP)])
def test_a_job_that_cannot_be_read_keeps_no_other_from_being_tested(
    backend: Backend, redis_url: str, entry: str
) -> None:
    """A newer worker wrote it; the batches of all tenants would stand still."""
    have(backend, A, 2)
    have(backend, B, 2, tenant="bob")

    with feeding(redis_url):
        poll(lambda: waiting(backend) == 4)
        job_id = job_id_of(A, 0)
        for entry_id in ("1-0", f"1-{CLOSING}"):
            backend.sync.xadd(DEFAULT_KEYS.job(job_id), {"entry": entry}, id=entry_id)
        backend.sync.zrem(DEFAULT_KEYS.queued, job_id)
        run_to_its_end(backend, A)
        run_to_its_end(backend, B)

    assert (letters(backend, A), letters(backend, B)) == ("lp", "pp")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda redis: redis.hset(batch_key(A), "batch", '{"of": "another form"}'),
        lambda redis: redis.set(targets_key(A), "one for two items"),
        lambda redis: redis.hset(twins_key(A), "0", "1;2"),
        lambda redis: redis.delete(items_key(A)),
    ],
    ids=["batch", "targets", "twins", "items"],
)
def test_a_batch_that_cannot_be_read_keeps_no_other_from_being_tested(
    backend: Backend, redis_url: str, spoil: Callable[[Redis], object]
) -> None:
    """A newer API wrote it, and its own feeder will feed it; or half of it has expired."""
    have(backend, A, 2)
    spoil(backend.sync)
    have(backend, B, 2, tenant="bob")

    with feeding(redis_url):
        run_to_its_end(backend, B)

    assert letters(backend, B) == "pp"


def test_a_batch_whose_items_have_gone_leaves_its_targets_to_others(
    backend: Backend, redis_url: str
) -> None:
    """Turns that it had are free again."""
    have(backend, A, 4, targets=ONE * 4)
    backend.sync.delete(items_key(A))
    have(backend, B, 2, tenant="bob", targets=ONE * 2)

    with feeding(redis_url, per_target=1):
        run_to_its_end(backend, B)

    assert letters(backend, B) == "pp"


def test_an_item_that_a_newer_version_kept_is_tested(backend: Backend, redis_url: str) -> None:
    """It has added something, or says it in another way; the request itself is sealed."""
    have(backend, A, 2)
    own = json.loads(item_to_json(new_item(0, A).item))
    backend.sync.hset(items_key(A), mapping={"0": json.dumps([*own, "new"]), "1": '{"new": 1}'})

    with feeding(redis_url):
        run_to_its_end(backend, A)

    assert letters(backend, A) == "pp"
