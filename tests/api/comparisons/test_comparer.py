import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import ClassVar, TypeVar, cast

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from api.comparisons.comparer import Comparer
from api.jobs.enqueuer import Enqueuer
from shared.comparison.record import Comparison, SignIn, Standing
from shared.diagnosis.entries import Entry
from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import INTERACTIVE, QueuedJob, queue_name
from shared.store.comparisons.comparison_store import (
    MOST_LOOKED_AT,
    UNFINISHED,
    ComparisonStore,
    comparison_key,
    pending_key,
)
from shared.store.connection import connect_async
from shared.store.copies import Copies
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.jobs.job_creation import NewJob
from shared.store.jobs.job_reader import JobReader
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.site_index import LONGEST_RUN_S
from shared.store.lease import Lease
from shared.store.site_keys import SiteKeys
from tests.shared.conftest import TTL_S, turn_limits, worker_of
from tests.shared.diagnosis.stories import REFUSED, step
from tests.shared.store.comparisons.comparisons import ID, SITES, a_comparison, job_id, jobs_of
from tests.shared.store.jobs.jobs import MOST_QUEUED

T = TypeVar("T")


def jobs_in(redis: Redis, queue: str) -> list[str]:
    """Return the ids of the jobs in a queue, the oldest first."""
    messages = cast("list[bytes]", redis.lrange(queue, 0, -1))
    return [str(json.loads(message)["headers"]["id"]) for message in reversed(messages)]


class Process:
    """What an API process has of comparisons; `store` can be one with a fault."""

    def __init__(self, redis: AsyncRedis, url: str, store: type[ComparisonStore]) -> None:
        gate = RedisGate(redis)
        reader = JobReader(gate)
        self.jobs = JobStore.of(gate, TTL_S, turn_limits())
        self.store = store(gate, Copies(gate), reader, TTL_S)
        self.enqueuer = Enqueuer(JobQueue(url), is_in_store=True)
        lease = Lease(gate, "conncheck:comparer")
        self.comparer = Comparer(self.store, self.jobs, self.enqueuer, lease, MOST_QUEUED)


class Api:
    """A Redis, and processes that come and go."""

    def __init__(self, redis: Redis, url: str) -> None:
        self.redis = redis
        self._url = url

    def do(
        self,
        call: Callable[[Process], Awaitable[T]],
        store: type[ComparisonStore] = ComparisonStore,
    ) -> T:
        """Return what `call` makes of a new process, which ends then."""

        async def done() -> T:
            async with connect_async(self._url) as redis:
                process = Process(redis, self._url, store)
                try:
                    return await call(process)
                finally:
                    process.enqueuer.close()

        return asyncio.run(done())

    def advance(self, store: type[ComparisonStore] = ComparisonStore) -> Standing:
        """Return how the comparison stands when a process has advanced it."""
        standing = self.do(lambda process: process.comparer.advance(ID), store)
        assert standing
        return standing

    def serve(self, *sites: str) -> None:
        """Let a worker of each site be alive."""
        for site in sites:
            self.redis.set(SiteKeys.of(site).sign_of_queue(INTERACTIVE), 1)

    def submit(self, sign_in: SignIn = "first") -> Comparison:
        """Return a comparison of SITES that has been accepted."""
        made = a_comparison(sign_in)
        self.do(lambda process: process.store.create(ID, made, jobs_of(made)))
        return made

    def waiting(self, site: str) -> list[str]:
        """Return the jobs in a site's queue."""
        return jobs_in(self.redis, queue_name(INTERACTIVE, site))

    def test_passes(self, site: str) -> None:
        """Let a site's worker make its test, which passes."""
        self._end(site, *step("product_identify"), *step("authenticate"))

    def sign_in_fails(self, site: str) -> None:
        """Let a site's worker make its test, whose sign-in fails."""
        self._end(site, *step("product_identify"), *step("authenticate", REFUSED))

    def _end(self, site: str, *entries: Entry) -> None:
        worker = worker_of(self.redis, f"w-{site}", keys=SiteKeys.of(site))
        run = worker.begin(QueuedJob(job_id(site), "", site=site))
        run.close(*entries, status="finished")


class Cancelling(ComparisonStore):
    """Comparisons that are cancelled just when a job is to be created."""

    async def pending(self, comparison_id: str, site: str) -> NewJob | None:
        """Return the job, which must not run any more."""
        job = await super().pending(comparison_id, site)
        await self.cancel(comparison_id)
        return job


class Dying(ComparisonStore):
    """Comparisons whose process dies when it has created the first job."""

    async def pending(self, comparison_id: str, site: str) -> NewJob | None:
        """Return the first job alone."""
        if site != SITES[0]:
            raise StoreUnreachableError
        return await super().pending(comparison_id, site)

    async def begun(self, comparison_id: str, site: str) -> None:
        """Die."""
        raise StoreUnreachableError


class Telling(ComparisonStore):
    """Comparisons that tell when the last of their jobs was created."""

    has_begun_both: ClassVar[asyncio.Event] = asyncio.Event()

    async def begun(self, comparison_id: str, site: str) -> None:
        """Forget the request of a site."""
        await super().begun(comparison_id, site)
        if site == SITES[-1]:
            self.has_begun_both.set()


class Ending(ComparisonStore):
    """Comparisons that tell when none of them is overdue any more."""

    is_none_overdue: ClassVar[asyncio.Event]

    async def finish(self, comparison_id: str, expires_at: datetime) -> None:
        """Keep a comparison that is over."""
        await super().finish(comparison_id, expires_at)
        await self._tell()

    async def give_up(self, comparison_id: str) -> None:
        """Look after a comparison no more."""
        await super().give_up(comparison_id)
        await self._tell()

    async def _tell(self) -> None:
        if not await self.overdue(datetime.now(UTC)):
            self.is_none_overdue.set()


async def look_until_none_is_overdue(process: Process) -> Sequence[str]:
    """Let a process look after all comparisons; return what is unfinished then."""
    Ending.is_none_overdue = asyncio.Event()
    looking = asyncio.create_task(process.comparer.run())
    async with asyncio.timeout(60):
        await Ending.is_none_overdue.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    return await process.store.unfinished()


@pytest.fixture
def api(real_redis: Redis, redis_url: str) -> Api:
    """Give an API whose sites have no workers."""
    return Api(real_redis, redis_url)


def test_each_site_gets_its_job_at_once_where_one_signs_in(api: Api) -> None:
    """The tests run at the same time, as they lock nothing."""
    api.serve(*SITES)
    api.submit()

    standing = api.advance()

    assert [job.status for job in standing.jobs.values()] == ["queued", "queued"]
    assert [api.waiting(site) for site in SITES] == [[job_id(site)] for site in SITES]
    assert not api.redis.exists(pending_key(ID))


def test_a_site_without_workers_is_left_out(api: Api) -> None:
    """Its column says so, and the others are compared."""
    api.serve("fra1")
    api.submit()

    standing = api.advance()

    assert standing.left_out == {"default": "no_worker"}
    assert api.waiting("default") == []
    assert api.waiting("fra1") == [job_id("fra1")]


def test_sites_that_sign_in_take_turns(api: Api) -> None:
    """Two at once could be one attempt too many."""
    api.serve(*SITES)
    api.submit("all")

    api.advance()
    assert api.waiting("fra1") == []
    api.advance()
    assert api.waiting("fra1") == []
    api.test_passes("default")
    api.advance()

    assert api.waiting("fra1") == [job_id("fra1")]


def test_a_sign_in_that_failed_ends_the_comparison(api: Api) -> None:
    """No account is locked by a test of the network."""
    api.serve(*SITES)
    api.submit("all")
    api.advance()
    api.sign_in_fails("default")

    standing = api.advance()

    assert standing.left_out == {"fra1": "sign_in_failed"}
    assert standing.is_over
    assert not api.redis.exists(pending_key(ID))
    assert api.do(lambda process: process.store.unfinished()) == []


def test_two_processes_at_once_create_each_job_once(api: Api) -> None:
    """The one that took the request, and the one that looks after all."""
    api.serve(*SITES)
    api.submit()

    async def both(process: Process) -> None:
        await asyncio.gather(*(process.comparer.advance(ID) for _ in range(5)))

    api.do(both)

    assert [api.waiting(site) for site in SITES] == [[job_id(site)] for site in SITES]


def test_another_process_goes_on_where_one_died(api: Api) -> None:
    """A comparison is not lost, and nothing of it is done twice."""
    api.serve(*SITES)
    api.submit()
    with pytest.raises(StoreUnreachableError):
        api.advance(Dying)
    assert api.waiting("fra1") == []

    api.advance()

    assert [api.waiting(site) for site in SITES] == [[job_id(site)] for site in SITES]


def test_a_cancelled_comparison_has_its_jobs_cancelled(api: Api) -> None:
    """Those that run, and those that would have followed."""
    api.serve(*SITES)
    api.submit("all")
    api.advance()
    api.do(lambda process: process.store.cancel(ID))

    standing = api.advance()

    assert standing.jobs["default"].status == "cancelled"
    assert standing.left_out == {"fra1": "cancelled"}
    assert standing.is_over


def test_a_job_that_was_created_while_it_was_cancelled_is_cancelled(api: Api) -> None:
    """Whoever read the request a moment before creates it all the same."""
    api.serve(*SITES)
    api.submit("all")

    standing = api.advance(Cancelling)

    assert standing.jobs["default"].status == "cancelled"
    assert standing.left_out == {"fra1": "cancelled"}


def test_requests_that_are_gone_are_not_waited_for(api: Api) -> None:
    """A test from one site took so long that it was too late for the other."""
    api.serve(*SITES)
    api.submit("all")
    api.advance()
    api.test_passes("default")
    api.redis.delete(pending_key(ID))

    standing = api.advance()

    assert standing.left_out == {"fra1": "late"}


def test_a_process_looks_after_what_others_have_taken(api: Api) -> None:
    """Whoever took the request may be gone; what cannot be read stops nobody, and stays."""
    expired, newer = "e" * 32, "f" * 32
    api.serve(*SITES)
    api.submit()
    now_s = datetime.now(UTC).timestamp()
    api.redis.zadd(UNFINISHED, {expired: now_s, newer: now_s})
    api.redis.hset(comparison_key(newer), "record", "{}")

    async def look(process: Process) -> Sequence[str]:
        looking = asyncio.create_task(process.comparer.run())
        await Telling.has_begun_both.wait()
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        return await process.store.unfinished()

    assert sorted(api.do(look, Telling)) == sorted([ID, newer])
    assert [api.waiting(site) for site in SITES] == [[job_id(site)] for site in SITES]


def test_a_site_whose_keys_hold_something_else_keeps_no_other_waiting(api: Api) -> None:
    """Who can write there must not be able to end the comparison of the others."""
    api.serve(*SITES)
    made = a_comparison()
    made = made.model_copy(update={"parts": made.parts[::-1]})
    api.do(lambda process: process.store.create(ID, made, jobs_of(made)))
    api.redis.set(SiteKeys.of("fra1").queued, "nonsense")

    with pytest.raises(StoreUnreachableError):
        api.advance()

    assert [api.waiting(site) for site in SITES] == [[job_id("default")], []]


def test_a_job_that_a_newer_version_sealed_keeps_no_comparison_waiting(api: Api) -> None:
    """It is left to a process that can read it."""

    class Told(Telling):
        has_begun_both: ClassVar[asyncio.Event] = asyncio.Event()

    newer, made = "0" * 32, a_comparison()
    parts = tuple(part.model_copy(update={"job_id": f"{part.job_id}-2"}) for part in made.parts)
    other = made.model_copy(update={"parts": parts})
    api.serve(*SITES)
    api.do(lambda process: process.store.create(newer, other, jobs_of(other)))
    api.redis.hset(pending_key(newer), mapping=dict.fromkeys(SITES, '{"of": "a newer version"}'))
    api.redis.zadd(UNFINISHED, {newer: datetime.now(UTC).timestamp()})
    api.submit()

    async def look(process: Process) -> None:
        looking = asyncio.create_task(process.comparer.run())
        async with asyncio.timeout(10):
            await Told.has_begun_both.wait()
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    api.do(look, Told)

    assert [api.waiting(site) for site in SITES] == [[job_id(site)] for site in SITES]
    assert api.redis.hlen(pending_key(newer)) == len(SITES)


def test_a_site_that_ends_no_job_keeps_no_comparison_of_others_waiting(api: Api) -> None:
    """Who has its password can take jobs from the lists by which the API ends them."""
    api.serve(*SITES)
    api.submit("all")
    api.advance()
    api.redis.zrem(SiteKeys.of("default").queued, job_id("default"))
    long_ago = datetime.now(UTC).timestamp() - LONGEST_RUN_S - 1
    unending = [f"{n:032}" for n in range(MOST_LOOKED_AT)]
    api.redis.zadd(UNFINISHED, dict.fromkeys(unending, long_ago))
    record = api.redis.hget(comparison_key(ID), "record")
    with api.redis.pipeline() as pipe:
        for one in unending:
            pipe.hset(comparison_key(one), "record", record)
        pipe.execute()

    assert api.do(look_until_none_is_overdue, Ending) == [ID]


def test_a_comparison_that_nobody_looked_after_for_long_ends_nevertheless(api: Api) -> None:
    """Redis was away; the caller learns that it is too late for the other site."""
    api.serve(*SITES)
    api.submit("all")
    api.advance()
    api.test_passes("default")
    api.redis.delete(pending_key(ID))
    api.redis.zadd(UNFINISHED, {ID: datetime.now(UTC).timestamp() - LONGEST_RUN_S - 1})

    assert api.do(look_until_none_is_overdue, Ending) == []

    standing = api.do(lambda process: process.store.standing(ID))

    assert standing
    assert standing.left_out == {"fra1": "late"}
    assert standing.is_over
