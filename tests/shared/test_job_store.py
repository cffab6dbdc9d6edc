import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import fakeredis
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.diagnosis.entries import ClosedStatus
from shared.store.jobs.job_stream import (
    CANCELLATIONS,
    QUEUED,
    RUNNING,
    RunGivenUpError,
    StoreUnreachableError,
    job_key,
    sealed_key,
    sign_of_queue,
    sign_of_worker,
)
from shared.job_store import (
    REQUEUED_WAITS_S,
    JobStore,
    NewJob,
    NoWorkerError,
    QueueFullError,
)
from shared.queued_job import BULK, QueuedJob
from shared.store.connection import connect_async
from tests.shared.conftest import TTL_S, Backend
from tests.shared.store.jobs.jobs import (
    JOB,
    KEY,
    MOST_QUEUED,
    QUEUE,
    SEALED,
    begun,
    create,
    given_up,
    left,
    listening_to,
    new_job,
    report,
)
from tests.shared.diagnosis.stories import queued, step

OPERATIONS: dict[str, Callable[[JobStore], Awaitable[object]]] = {
    "create": lambda store: store.create(new_job(), MOST_QUEUED),
    "create_all": lambda store: store.create_all([new_job()]),
    "close_waiting": lambda store: store.close_waiting([JOB]),
    "whereabouts": lambda store: store.whereabouts([JOB]),
    "read_all": lambda store: store.read_all([JOB]),
    "queued_job": lambda store: store.queued_job(JOB),
    "release_turn": lambda store: store.release_turn(QueuedJob(JOB, "t")),
    "is_served": lambda store: store.is_served(QUEUE),
    "read": lambda store: store.read(JOB),
    "story": lambda store: store.story(JOB),
    "close": lambda store: store.close(JOB, "cancelled"),
    "cancel": lambda store: store.cancel(JOB),
    "give_up_run": lambda store: store.give_up_run(JOB, "w1"),
    "overdue": lambda store: store.overdue(),
    "waiting": lambda store: store.waiting(),
    "oldest_start_by": lambda store: store.oldest_start_by(),
    "silent_workers": lambda store: store.silent_workers(),
    "jobs_of": lambda store: store.jobs_of("w1"),
    "forget_job_of": lambda store: store.forget_job_of("w1", JOB),
    "forget_worker": lambda store: store.forget_worker("w1"),
}


def test_a_created_job_can_be_read(backend: Backend) -> None:
    """The caller asks for it a millisecond later."""
    create(backend)

    job = report(backend)
    assert job.status == "queued"
    assert job.endpoint == queued().endpoint


def test_a_job_that_nobody_would_run_is_not_created(backend: Backend) -> None:
    """The caller is told at once instead of waiting for a worker that is not there."""
    with pytest.raises(NoWorkerError):
        backend.api(lambda store: store.create(new_job(), MOST_QUEUED))

    assert left(backend) == set()


def test_only_a_worker_of_the_same_queue_counts(backend: Backend) -> None:
    """A worker for something else will not run it."""
    backend.sync.set(sign_of_queue("bulk"), 1)

    assert backend.api(lambda store: store.is_served("bulk"))
    assert not backend.api(lambda store: store.is_served(QUEUE))
    with pytest.raises(NoWorkerError):
        backend.api(lambda store: store.create(new_job(), MOST_QUEUED))


def test_no_more_jobs_wait_than_may(backend: Backend) -> None:
    """Whoever comes after ten thousand others would only wait in order to expire."""
    for number in range(MOST_QUEUED):
        create(backend, new_job(f"job-{number}"))
    before = left(backend)

    with pytest.raises(QueueFullError):
        create(backend)

    assert left(backend) == before
    assert backend.sync.zscore(QUEUED, JOB) is None


def test_a_job_that_was_begun_waits_no_more(backend: Backend) -> None:
    """Only jobs without a worker count as waiting, and only they can be overdue."""
    create(backend)
    assert backend.sync.zcard(QUEUED) == 1

    begun(backend)

    assert backend.sync.zcard(QUEUED) == 0


def test_a_job_that_is_not_there_reads_as_none(backend: Backend) -> None:
    """Expired and never created look alike, to strangers too."""
    assert backend.api(lambda store: store.read("other")) is None


def test_a_story_can_be_read_on_from_where_the_reader_was(backend: Backend) -> None:
    """A client that comes back wants what it missed, once."""
    create(backend)
    begun(backend)
    whole = backend.api(lambda store: store.story(JOB))

    seen_until = whole[1][0]

    assert [entry_id for entry_id, _ in whole] == ["0-1", "1-0", "1-1", "1-2"]
    assert backend.api(lambda store: store.story(JOB, seen_until)) == whole[2:]
    assert backend.api(lambda store: store.story(JOB, whole[-1][0])) == []


def test_a_run_finds_out_at_its_next_write_that_the_job_was_closed(backend: Backend) -> None:
    """A cancelled test must not go on to the sign-in."""
    create(backend)
    run = begun(backend)

    backend.api(lambda store: store.close(JOB, "cancelled"))

    with pytest.raises(RunGivenUpError):
        run.append(*step("authenticate"))
    with pytest.raises(RunGivenUpError):
        run.close(status="finished")
    job = report(backend)
    assert (job.status, job.success) == ("cancelled", False)
    assert [item.name for item in job.items] == ["dns_lookup"]


def test_cancelling_tells_the_worker_that_is_at_it(backend: Backend) -> None:
    """It need not wait for its next write to let go of the platform."""
    create(backend)
    with listening_to(backend, CANCELLATIONS) as listening:
        backend.api(lambda store: store.cancel(JOB))

        message = listening.get_message(timeout=5)
    assert message is not None
    assert message["data"] == JOB.encode()
    assert report(backend).status == "cancelled"


def test_closing_again_changes_nothing(backend: Backend) -> None:
    """The first verdict is the one that was answered."""
    create(backend)
    begun(backend).close(status="finished")
    before = backend.sync.xrange(KEY)

    backend.api(lambda store: store.close(JOB, "cancelled"))
    backend.api(lambda store: store.close(JOB, "lost"))

    assert backend.sync.xrange(KEY) == before
    assert report(backend).status == "finished"


def test_closing_a_job_that_is_not_there_does_not_create_it(backend: Backend) -> None:
    """A stream of nothing but an end would be a job that nobody asked for."""
    backend.api(lambda store: store.close(JOB, "cancelled"))

    assert left(backend) == set()


def test_a_closed_job_keeps_no_credentials_and_waits_no_more(backend: Backend) -> None:
    """What was sealed for a test that will never run has no business in Redis."""
    create(backend)
    assert backend.sync.get(sealed_key(JOB)) == SEALED.encode()

    backend.api(lambda store: store.close(JOB, "cancelled"))

    assert left(backend) == {KEY}


def test_of_many_who_close_at_once_exactly_one_does(backend: Backend) -> None:
    """Canceller, waiter and worker may all close in the same millisecond."""
    create(backend)
    run = begun(backend)
    statuses: list[ClosedStatus] = ["cancelled", "lost", "expired"]

    def close_from_outside(status: ClosedStatus) -> None:
        backend.api(lambda store: store.close(JOB, status))

    def close_from_inside() -> None:
        with suppress(RunGivenUpError):
            run.close(*step("tcp_connect"), status="finished")

    with ThreadPoolExecutor() as pool:
        closing = [pool.submit(close_from_inside)]
        closing += [pool.submit(close_from_outside, status) for status in statuses]
        for one in closing:
            one.result()

    kinds = [entry.kind for _, entry in backend.api(lambda store: store.story(JOB))]
    assert kinds.count("closed") == 1
    assert kinds[-1] == "closed"


def test_every_write_of_the_api_gives_the_job_its_time_to_live(backend: Backend) -> None:
    """Without it, one kind of write would be enough to fill Redis for ever."""
    create(backend)
    after_create = backend.sync.ttl(KEY)
    begun(backend)
    backend.sync.persist(KEY)
    given_up(backend)
    after_requeue = backend.sync.ttl(KEY)
    backend.sync.persist(KEY)
    backend.api(lambda store: store.close(JOB, "cancelled"))

    assert after_create == pytest.approx(TTL_S, abs=5)
    assert after_requeue == pytest.approx(TTL_S, abs=5)
    assert backend.sync.ttl(KEY) == pytest.approx(TTL_S, abs=5)


def test_credentials_are_kept_no_longer_than_they_can_be_used(backend: Backend) -> None:
    """A job that no worker takes in time never needs them."""
    create(backend, new_job(start_within_s=20))

    assert backend.sync.ttl(sealed_key(JOB)) == pytest.approx(20, abs=3)


def test_a_job_of_a_worker_that_died_is_queued_again(backend: Backend) -> None:
    """Nothing irreversible has happened before the sign-in."""
    create(backend)
    begun(backend, "w1")

    assert given_up(backend, "w1") is True

    assert report(backend).status == "queued"
    assert backend.sync.get(sealed_key(JOB)) == SEALED.encode()
    assert backend.sync.zcard(QUEUED) == 1


def test_a_job_whose_worker_may_have_signed_in_is_lost(backend: Backend) -> None:
    """A second sign-in could be the one that locks the account."""
    create(backend)
    begun(backend, "w1").append(step("authenticate")[0])

    assert given_up(backend, "w1") is False

    assert report(backend).status == "lost"
    assert not backend.sync.exists(sealed_key(JOB))
    assert backend.sync.zcard(QUEUED) == 0


def test_a_job_is_not_given_up_twice(backend: Backend) -> None:
    """Two APIs look for dead workers at the same time; one of them queues the job again."""
    create(backend)
    begun(backend, "w1")

    assert [given_up(backend, "w1"), given_up(backend, "w1")] == [True, False]


def test_a_job_that_another_worker_has_is_not_given_up(backend: Backend) -> None:
    """The dead worker's list may be older than the job's next run."""
    create(backend)
    begun(backend, "w1")
    given_up(backend, "w1")
    second = begun(backend, "w2")

    assert given_up(backend, "w1") is False

    second.append(*step("tcp_connect"))
    second.write()
    assert [item.name for item in report(backend).items] == ["dns_lookup", "tcp_connect"]


def test_a_job_that_waits_or_is_over_is_not_given_up(backend: Backend) -> None:
    """There is no run to give up."""
    assert given_up(backend) is False
    create(backend)
    assert given_up(backend) is False
    begun(backend, "w1").close(status="finished")
    assert given_up(backend, "w1") is False

    assert report(backend).status == "finished"


def test_jobs_that_nobody_began_in_time_are_overdue(backend: Backend) -> None:
    """Somebody has to tell their callers."""
    create(backend, new_job("late", start_within_s=-1))
    create(backend, new_job("in-time"))

    assert backend.api(lambda store: store.overdue()) == (["late"], [])


def test_jobs_that_should_long_be_over_are_overdue(backend: Backend) -> None:
    """A worker that lives and still has lost a job must not keep its caller waiting."""
    create(backend)
    begun(backend)
    assert backend.api(lambda store: store.overdue()) == ([], [])

    backend.sync.zadd(RUNNING, {JOB: datetime.now(UTC).timestamp() - 1})
    assert backend.api(lambda store: store.overdue()) == ([], [JOB])

    backend.api(lambda store: store.close(JOB, "lost"))
    assert backend.api(lambda store: store.overdue()) == ([], [])


def test_jobs_that_nobody_has_begun_are_listed_the_most_urgent_first(backend: Backend) -> None:
    """What a broker lost is sent again from this list alone."""
    create(backend, new_job("second", start_within_s=40))
    create(backend, new_job("first", start_within_s=20))
    create(backend)
    begun(backend)

    assert backend.api(lambda store: store.waiting()) == ["first", "second"]


def test_the_oldest_waiting_job_tells_how_long_the_queue_is(backend: Backend) -> None:
    """A caller who is turned away wants to know when to come back."""
    assert backend.api(lambda store: store.oldest_start_by()) is None
    create(backend, new_job("second", start_within_s=40))
    first = new_job("first", start_within_s=20)
    create(backend, first)

    oldest = backend.api(lambda store: store.oldest_start_by())

    assert oldest is not None
    assert abs(oldest - first.start_by) < timedelta(milliseconds=1)
    assert oldest > datetime.now(UTC)


def test_a_worker_without_a_sign_of_life_is_silent_until_it_is_forgotten(backend: Backend) -> None:
    """Its jobs are waited for by callers who know nothing of workers."""
    create(backend)
    for name in ("alive", "dead"):
        backend.worker(name).beat([QUEUE])
    begun(backend, "dead")
    backend.sync.delete(sign_of_worker("dead"))

    assert backend.api(lambda store: store.silent_workers()) == ["dead"]
    assert backend.api(lambda store: store.jobs_of("dead")) == [JOB]
    assert backend.api(lambda store: store.jobs_of("alive")) == []

    backend.api(lambda store: store.forget_job_of("dead", JOB))
    backend.api(lambda store: store.forget_worker("dead"))
    assert backend.api(lambda store: store.silent_workers()) == []
    assert backend.api(lambda store: store.jobs_of("dead")) == []


def test_a_worker_that_still_has_a_job_is_not_forgotten(backend: Backend) -> None:
    """It may have begun one while its last sign of life expired."""
    create(backend)
    begun(backend, "slow")

    backend.api(lambda store: store.forget_worker("slow"))

    assert backend.api(lambda store: store.silent_workers()) == ["slow"]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_a_store_that_is_away_is_named_so(
    operation: Callable[[JobStore], Awaitable[object]],
) -> None:
    """The API answers 503 to that and to nothing else."""
    server = fakeredis.FakeServer()
    server.connected = False
    away = Backend(
        fakeredis.FakeRedis(server=server), lambda: fakeredis.FakeAsyncRedis(server=server)
    )

    with pytest.raises(StoreUnreachableError):
        away.api(operation)


def test_a_store_that_was_away_is_not_asked_again_at_once_but_soon() -> None:
    """A crowd of callers must not each wait for the same time-out, nor need a restart."""
    server = fakeredis.FakeServer()

    async def ask(redis: AsyncRedis) -> list[bool]:
        store = JobStore(redis, TTL_S)
        server.connected = False
        with pytest.raises(StoreUnreachableError):
            await store.is_served(QUEUE)
        server.connected = True
        with pytest.raises(StoreUnreachableError):
            await store.is_served(QUEUE)
        return [await _until_asked(store), await JobStore(redis, TTL_S).is_served(QUEUE)]

    async def _until_asked(store: JobStore) -> bool:
        async with asyncio.timeout(10):
            while True:
                with suppress(StoreUnreachableError):
                    return await store.is_served(QUEUE)
                await asyncio.sleep(0.01)

    assert asyncio.run(ask(fakeredis.FakeAsyncRedis(server=server))) == [False, False]


def test_a_thousand_readers_at_once_are_no_outage(real_redis: Redis, redis_url: str) -> None:
    """A crowd takes turns; a pool that is empty for a moment is not a store that is away."""

    async def read_all() -> list[object]:
        async with connect_async(redis_url) as redis:
            store = JobStore(redis, TTL_S)
            return list(await asyncio.gather(*(store.read(f"job-{n}") for n in range(1000))))

    assert asyncio.run(read_all()) == [None] * 1000
    assert real_redis.dbsize() == 0


def bulk_job(job_id: str, start_within_s: float = 30) -> NewJob:
    """Return a job of a batch that nobody has created yet."""
    one = new_job(job_id, start_within_s)
    return replace(one, queued=one.queued.model_copy(update={"queue": BULK, "target": "t"}))


def create_all(backend: Backend, *jobs: NewJob) -> None:
    """Create jobs as a batch's are: whoever serves them may come later."""
    backend.api(lambda store: store.create_all(jobs))


def test_many_jobs_are_created_together_and_without_a_worker(backend: Backend) -> None:
    """A batch waits for workers; its jobs are not turned away one by one."""
    create_all(backend, *(bulk_job(f"job-{number}", 20 + number) for number in range(3)))

    assert backend.api(lambda store: store.waiting()) == ["job-0", "job-1", "job-2"]
    assert backend.sync.get(sealed_key("job-1")) == SEALED.encode()
    assert backend.api(lambda store: store.queued_job("job-1")) == QueuedJob("job-1", "t", BULK)


def test_creating_a_job_again_leaves_it_as_it_is(backend: Backend) -> None:
    """Who takes up a batch after somebody died does not know how far that one came."""
    create_all(backend, bulk_job("waits"), bulk_job("runs"), bulk_job("closed"))
    backend.worker().begin("runs")
    backend.api(lambda store: store.close("closed", "cancelled"))
    streams = {name: backend.sync.xrange(job_key(name)) for name in ("waits", "runs", "closed")}

    create_all(backend, *(bulk_job(name, 99) for name in (*streams, "new")))

    assert {name: backend.sync.xrange(job_key(name)) for name in streams} == streams
    assert backend.api(lambda store: store.waiting()) == ["waits", "new"]
    assert not backend.sync.exists(sealed_key("closed"))


def test_a_job_without_a_request_of_its_own_keeps_none(backend: Backend) -> None:
    """An empty sealed request would read as one that can't be opened, not as one that is gone."""
    create_all(backend, replace(bulk_job("gone"), sealed=""))

    assert not backend.sync.exists(sealed_key("gone"))
    assert backend.worker().begin("gone").sealed is None


def test_jobs_that_were_created_together_go_by_themselves(backend: Backend) -> None:
    """Nothing may stay in Redis for ever."""
    create_all(backend, bulk_job("job-0"), bulk_job("job-1"))

    lives_s = {key: backend.sync.ttl(key) for key in left(backend)}
    assert set(lives_s) == {
        *(job_key(f"job-{number}") for number in range(2)),
        *(sealed_key(f"job-{number}") for number in range(2)),
        QUEUED,
    }
    assert all(0 < lives <= TTL_S for lives in lives_s.values())


def test_a_requeued_job_of_a_bulk_may_wait_longer(backend: Backend) -> None:
    """It stands behind many, while somebody who waits wants to be told soon."""
    create_all(backend, bulk_job(JOB))
    backend.worker().begin(JOB)
    given_up(backend)

    waits_until = backend.api(lambda store: store.oldest_start_by())
    assert waits_until is not None
    waits_s = (waits_until - datetime.now(UTC)).total_seconds()
    assert waits_s == pytest.approx(REQUEUED_WAITS_S[BULK], abs=5)


def test_whether_jobs_wait_or_run_is_told_in_one_look(backend: Backend) -> None:
    """A batch looks at hundreds of jobs again and again, and reads only those that are over."""
    create_all(backend, *(bulk_job(name) for name in ("waits", "runs", "over", "again")))
    for name in ("runs", "over", "again"):
        run = backend.worker().begin(name)
        if name == "over":
            run.close(status="finished")
    backend.api(lambda store: store.give_up_run("again", "w1"))

    names = ("over", "waits", "gone", "runs", "again")
    places = backend.api(lambda store: store.whereabouts(names))

    assert places == ["neither", "queued", "neither", "running", "queued"]
    assert backend.api(lambda store: store.whereabouts([])) == []


def test_many_jobs_are_read_in_the_order_in_which_they_were_asked_for(backend: Backend) -> None:
    """They are matched with the items of a batch by their places."""
    create_all(backend, bulk_job("a"), bulk_job("b"))
    backend.worker().begin("b").close(*step("dns_lookup"), status="finished")

    b, gone, a = backend.api(lambda store: store.read_all(["b", "gone", "a"]))

    assert (a and a.status, gone, b and b.status) == ("queued", None, "finished")
    assert b == backend.api(lambda store: store.read("b"))
    assert backend.api(lambda store: store.read_all([])) == []


def test_a_job_that_is_gone_is_unknown_to_the_queue(backend: Backend) -> None:
    """A message for it would find nothing."""
    assert backend.api(lambda store: store.queued_job("gone")) is None


def test_a_job_that_its_caller_was_denied_is_closed_when_it_turns_up(backend: Backend) -> None:
    """What was written while the store was away may arrive when it is back; nobody waits for it."""
    until = datetime.now(UTC) + timedelta(seconds=30)

    async def denied(store: JobStore) -> None:
        store.disown("mine", until)
        store.disown("never", until)
        await store.close_disowned()
        await store.create_all([bulk_job("mine"), bulk_job("other")])
        await store.close_disowned()

    backend.api(denied)

    mine, other, never = backend.api(lambda store: store.read_all(["mine", "other", "never"]))
    assert (mine and mine.status, other and other.status, never) == ("cancelled", "queued", None)


def test_a_denied_job_is_not_looked_for_longer_than_it_could_begin(backend: Backend) -> None:
    """A list that only grows is a leak."""

    async def too_late(store: JobStore) -> None:
        store.disown("mine", datetime.now(UTC))
        await store.create_all([bulk_job("mine")])
        await store.close_disowned()

    backend.api(too_late)

    (mine,) = backend.api(lambda store: store.read_all(["mine"]))
    assert mine
    assert mine.status == "queued"


def test_only_those_that_wait_are_closed_together(backend: Backend) -> None:
    """A batch that is cancelled begins nothing more, and cuts off nothing that runs."""
    create_all(backend, *(bulk_job(name) for name in ("waits", "runs", "again", "over", "other")))
    runs, again = (backend.worker().begin(name) for name in ("runs", "again"))
    backend.worker().begin("over").close(status="finished")
    backend.api(lambda store: store.give_up_run("again", "w1"))

    names = ("waits", "runs", "again", "over", "gone")
    backend.api(lambda store: store.close_waiting(names))

    found = backend.api(lambda store: store.read_all([*names, "other"]))
    statuses = [job.status if job else None for job in found]
    assert statuses == ["cancelled", "running", "cancelled", "finished", None, "queued"]
    assert backend.api(lambda store: store.waiting()) == ["other"]
    assert not backend.sync.exists(sealed_key("waits"))
    runs.close(status="finished")
    with pytest.raises(RunGivenUpError):
        again.close(status="finished")
    for name in ("waits", "again"):
        with pytest.raises(RunGivenUpError):
            backend.worker("w2").begin(name)


def test_of_a_worker_that_begins_and_a_caller_who_cancels_one_is_first(real: Backend) -> None:
    """A test that has begun goes on to its end, one that was cancelled does not begin."""
    names = [f"job-{number}" for number in range(40)]
    create_all(real, *map(bulk_job, names))
    begun_ones = set()

    def begin_all() -> None:
        for name in names:
            with suppress(RunGivenUpError):
                real.worker().begin(name)
                begun_ones.add(name)

    with ThreadPoolExecutor() as pool:
        beginning = pool.submit(begin_all)
        real.api(lambda store: store.close_waiting(names[::-1]))
        beginning.result()

    found = dict(zip(names, real.api(lambda store: store.read_all(names)), strict=True))
    assert {name for name, job in found.items() if job and job.status == "running"} == begun_ones
    assert {job.status for job in found.values() if job} <= {"running", "cancelled"}
