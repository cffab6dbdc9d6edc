import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar, cast

import pytest
from pydantic import SecretStr
from redis import Redis

from api.access.caller import Caller
from api.jobs.enqueuer import Enqueuer
from api.jobs.jobs import QUEUE_ALLOWANCE_S, Jobs
from api.jobs.submission import submit
from api.problems import ApiProblemError
from shared.diagnosis.entries import ClosedStatus
from shared.policy.target_policy import TargetPolicy
from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import INTERACTIVE, queue_name
from shared.request import JobRequest
from shared.request.message import JobMessage
from shared.request.options import REVEAL
from shared.sealing import Opener, Sealers, new_key_pair
from shared.site_name import DEFAULT_SITE
from shared.sites.site_choice import SiteChoice
from shared.sites.watched_sites import WatchedSites
from shared.store.connection import connect_async
from shared.store.gate import RedisGate
from shared.store.idempotency import IdempotencyStore
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.job_watch import JobWatch
from shared.store.limits.kept_results import NO_LIMIT
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from tests.api.broker import queued_jobs
from tests.running.service import a_request
from tests.running.sites import Sites
from tests.shared.conftest import TTL_S, turn_limits
from tests.shared.store.elsewhen import AHEAD, elsewhen
from tests.shared.store.jobs.jobs import new_job

T = TypeVar("T")
AT_FRA1 = TargetPolicy(ports=(8080,))
ALICE = Caller("alice", "alice", SecretStr("alice-token"), site_policies={"fra1": AT_FRA1})
REQUEST = JobRequest.model_validate(a_request("127.0.0.1:8080"))
CONTENT = REQUEST.model_dump_json(by_alias=True, context=REVEAL).encode()
KEY = "order-1"
NOBODY = 1
"""A port on which nothing listens."""


class Unlimited:
    """The limits of a caller who has none."""

    async def take(self, caller: Caller, target: str, site: str = DEFAULT_SITE) -> None:
        """Count nothing."""


class Exhausted:
    """The limits of a caller who has used them up."""

    async def take(self, caller: Caller, target: str, site: str = DEFAULT_SITE) -> None:
        """Refuse."""
        raise ApiProblemError(HTTPStatus.TOO_MANY_REQUESTS, "Too many tests.", kind="rate-limited")


def with_jobs(
    url: str,
    call: Callable[[Jobs], Awaitable[T]],
    queue_url: str = "",
    sites: Sites | None = None,
    most_kept: int = NO_LIMIT,
) -> T:
    """Return what `call` makes of the API's jobs."""
    watched = sites.watched() if sites else WatchedSites()

    async def called() -> T:
        queue = JobQueue(queue_url or url)
        enqueuer = Enqueuer(queue, is_in_store=queue_url in ("", url))
        try:
            async with connect_async(url) as redis:
                gate = RedisGate(redis)
                jobs = Jobs(
                    store=JobStore.of(gate, TTL_S, turn_limits(), most_kept),
                    watch=JobWatch(redis),
                    enqueuer=enqueuer,
                    idempotency=IdempotencyStore(gate),
                    sealers=Sealers(new_key_pair()[1], watched.sealing_key),
                    sites=SiteChoice(watched),
                    job_deadline_s=30,
                    investigate_s=3,
                    max_queued=10,
                )
                return await call(jobs)
        finally:
            enqueuer.close()

    return asyncio.run(called())


@pytest.fixture(params=["in the store", "elsewhere"])
def queue_url(request: pytest.FixtureRequest, redis_url: str) -> str:
    """Give the URL of the queue: the store's, and one that is only the same Redis by chance."""
    return redis_url if request.param == "in the store" else f"{redis_url}?db=0"


@pytest.fixture
def sites(tmp_path: Path) -> Sites:
    """Give the default site and fra1."""
    return Sites.declared(tmp_path, "fra1")


def let_a_worker_live(redis: Redis) -> None:
    redis.set(DEFAULT_KEYS.sign_of_queue(INTERACTIVE), 1)


def test_without_a_key_every_request_is_a_test_of_its_own(
    real_redis: Redis, redis_url: str, queue_url: str
) -> None:
    """Whoever asks twice may want to know it twice."""
    let_a_worker_live(real_redis)

    async def twice(jobs: Jobs) -> list[str]:
        return [
            await submit(jobs, REQUEST, ALICE, Unlimited(), None, site=DEFAULT_SITE)
            for _ in range(2)
        ]

    made = with_jobs(redis_url, twice, queue_url)

    assert len(set(made)) == 2
    assert queued_jobs(real_redis) == made


def test_how_long_a_job_may_wait_goes_by_the_clock_of_redis(
    real_redis: Redis, redis_url: str
) -> None:
    """An API whose own clock is off would have its jobs expire at once, or never."""
    let_a_worker_live(real_redis)

    async def with_another_clock(jobs: Jobs) -> str:
        async with connect_async(redis_url) as redis:
            there = replace(
                jobs, store=JobStore.of(RedisGate(elsewhen(redis)), TTL_S, turn_limits())
            )
            return await submit(there, REQUEST, ALICE, Unlimited(), None, site=DEFAULT_SITE)

    with_jobs(redis_url, with_another_clock)

    queued = cast(
        "list[tuple[bytes, float]]", real_redis.zrange(DEFAULT_KEYS.queued, 0, -1, withscores=True)
    )
    ((_, start_by_s),) = queued
    waits_s = start_by_s - float(real_redis.time()[0]) - AHEAD.total_seconds()
    assert 0 < waits_s <= 30 + QUEUE_ALLOWANCE_S + 1


def test_a_key_whose_job_has_expired_makes_no_second_one(real_redis: Redis, redis_url: str) -> None:
    """Whoever waits for it would wait in vain, and be told that no worker was free."""
    let_a_worker_live(real_redis)

    async def before_and_after(jobs: Jobs) -> list[str]:
        made = await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
        real_redis.delete(DEFAULT_KEYS.job(made))
        with pytest.raises(ApiProblemError) as raised:
            await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
        assert raised.value.problem.status == 404
        assert made in raised.value.problem.detail
        return [made]

    assert with_jobs(redis_url, before_and_after) == queued_jobs(real_redis)


def test_a_key_of_which_nothing_came_makes_a_job_later(real_redis: Redis, redis_url: str) -> None:
    """A 503 asks the caller to send the same again."""

    async def before_and_after(jobs: Jobs) -> list[str]:
        with pytest.raises(ApiProblemError) as raised:
            await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
        assert raised.value.problem.status == 503
        let_a_worker_live(real_redis)
        return [
            await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
            for _ in range(2)
        ]

    first, second = with_jobs(redis_url, before_and_after)

    assert first == second
    assert set(queued_jobs(real_redis)) == {first}


def test_the_same_request_many_times_at_once_is_one_job(
    real_redis: Redis, redis_url: str, queue_url: str
) -> None:
    """A retry can overtake the answer to the first."""
    let_a_worker_live(real_redis)

    async def together(jobs: Jobs) -> list[str]:
        return await asyncio.gather(
            *(submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE) for _ in range(20))
        )

    made = with_jobs(redis_url, together, queue_url)

    assert len(set(made)) == 1
    assert set(queued_jobs(real_redis)) == set(made)
    assert real_redis.zcard(DEFAULT_KEYS.queued) == 1


def test_a_job_whose_api_died_before_it_was_queued_is_queued_by_its_key(
    real_redis: Redis, redis_url: str, queue_url: str
) -> None:
    """Its caller has no answer, and asks again."""
    let_a_worker_live(real_redis)
    job = new_job("4f2a" * 8)

    async def after_a_death(jobs: Jobs) -> str:
        await jobs.store.creation.create(job, 1, ALICE.claim(KEY, CONTENT))
        return await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)

    assert with_jobs(redis_url, after_a_death, queue_url) == job.job_id
    assert queued_jobs(real_redis) == [job.job_id]


def test_a_request_that_is_repeated_again_and_again_is_one_message(
    real_redis: Redis, redis_url: str, queue_url: str
) -> None:
    """Repeating is not metered, and everybody's tests would wait behind the messages."""
    let_a_worker_live(real_redis)

    async def often(jobs: Jobs) -> set[str]:
        return {
            await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
            for _ in range(20)
        }

    (made,) = with_jobs(redis_url, often, queue_url)

    assert queued_jobs(real_redis) == [made]


def test_a_job_that_the_queue_did_not_take_is_the_keys_job_all_the_same(
    real_redis: Redis, redis_url: str
) -> None:
    """Its message may have arrived; a job closed now would be what the key gives."""
    let_a_worker_live(real_redis)

    async def refused(jobs: Jobs) -> None:
        await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)

    for _ in range(2):
        with pytest.raises(ApiProblemError) as raised:
            with_jobs(redis_url, refused, queue_url=f"redis://127.0.0.1:{NOBODY}/0")
        assert raised.value.problem.status == 503
    made = with_jobs(
        redis_url, lambda jobs: submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
    )

    assert queued_jobs(real_redis) == [made]
    assert real_redis.zrange(DEFAULT_KEYS.queued, 0, -1) == [made.encode()]


def test_a_key_whose_job_never_began_in_time_makes_another_one(
    real_redis: Redis, redis_url: str
) -> None:
    """The service was away for a minute; whoever asks again by its word wants a test."""
    let_a_worker_live(real_redis)

    async def before_and_after(jobs: Jobs) -> list[str]:
        made = [await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)]
        await jobs.store.closer.close(made[0], "expired")
        made += [
            await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
            for _ in range(2)
        ]
        return made

    first, second, third = with_jobs(redis_url, before_and_after)

    assert first != second
    assert second == third
    assert real_redis.zrange(DEFAULT_KEYS.queued, 0, -1) == [second.encode()]


@pytest.mark.parametrize("status", ["cancelled", "lost"])
def test_a_key_gives_the_job_that_is_over(
    real_redis: Redis, redis_url: str, status: ClosedStatus
) -> None:
    """One that is lost may have signed in, and one that was cancelled is as its caller wants it."""
    let_a_worker_live(real_redis)

    async def before_and_after(jobs: Jobs) -> list[str]:
        made = await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
        await jobs.store.closer.close(made, status)
        return [made, await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)]

    first, second = with_jobs(redis_url, before_and_after)

    assert first == second
    assert real_redis.zcard(DEFAULT_KEYS.queued) == 0


def test_a_request_beyond_the_rate_leaves_its_key_alone(real_redis: Redis, redis_url: str) -> None:
    """A 429 asks the caller to come again; its key must not be used up, nor be charged twice."""
    let_a_worker_live(real_redis)

    async def before_and_after(jobs: Jobs) -> list[str]:
        with pytest.raises(ApiProblemError):
            await submit(jobs, REQUEST, ALICE, Exhausted(), KEY, site=DEFAULT_SITE)
        made = await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
        return [made, await submit(jobs, REQUEST, ALICE, Exhausted(), KEY, site=DEFAULT_SITE)]

    first, second = with_jobs(redis_url, before_and_after)

    assert first == second
    assert queued_jobs(real_redis)[0] == first


def test_what_redis_keeps_of_a_key_shows_nothing_of_the_request(
    real_redis: Redis, redis_url: str
) -> None:
    """It stays there for a day."""
    let_a_worker_live(real_redis)
    with_jobs(
        redis_url, lambda jobs: submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=DEFAULT_SITE)
    )

    (name,) = real_redis.scan_iter("conncheck:idempotency:*")
    kept = name + b" " + bytes(str(real_redis.get(name)), "utf-8")

    for text in (KEY, "SECRET", "AKID", "alice"):
        assert text.encode() not in kept


def test_a_job_waits_at_its_site_for_a_worker_of_that_site(
    real_redis: Redis, redis_url: str, queue_url: str, sites: Sites
) -> None:
    """A worker of another site can't open it, and may not reach the platform."""
    fra1 = SiteKeys.of("fra1")
    let_a_worker_live(real_redis)

    async def at_fra1(jobs: Jobs) -> str:
        with pytest.raises(ApiProblemError) as raised:
            await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site="fra1")
        assert raised.value.problem.detail == "No worker is alive at the site fra1 to run the test."
        real_redis.set(fra1.sign_of_queue(INTERACTIVE), 1)
        return await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site="fra1")

    made = with_jobs(redis_url, at_fra1, queue_url, sites)

    assert not queued_jobs(real_redis)
    assert queued_jobs(real_redis, queue_name(INTERACTIVE, "fra1")) == [made]
    sealed = str(real_redis.get(fra1.sealed(made)), "ascii")  # type: ignore[arg-type]
    message = JobMessage.from_bytes(Opener([sites.private_keys["fra1"]], "fra1").open(sealed, made))
    assert message.policy == AT_FRA1


def test_a_key_gives_the_job_at_the_site_where_it_was_made(
    real_redis: Redis, redis_url: str, queue_url: str, sites: Sites
) -> None:
    """A rule may have changed meanwhile, and the account may have been signed in to."""
    for keys in (DEFAULT_KEYS, SiteKeys.of("fra1")):
        real_redis.set(keys.sign_of_queue(INTERACTIVE), 1)

    async def twice(jobs: Jobs) -> list[str]:
        each = ("fra1", DEFAULT_SITE)
        return [await submit(jobs, REQUEST, ALICE, Unlimited(), KEY, site=site) for site in each]

    first, second = with_jobs(redis_url, twice, queue_url, sites)

    assert first == second
    assert not queued_jobs(real_redis)
    assert set(queued_jobs(real_redis, queue_name(INTERACTIVE, "fra1"))) == {first}


def test_the_queue_of_one_site_may_be_full_alone(
    real_redis: Redis, redis_url: str, sites: Sites
) -> None:
    """A site without workers that keep up must not have the others refuse."""
    for keys in (DEFAULT_KEYS, SiteKeys.of("fra1")):
        real_redis.set(keys.sign_of_queue(INTERACTIVE), 1)

    async def many(jobs: Jobs) -> str:
        for _ in range(jobs.max_queued):
            await submit(jobs, REQUEST, ALICE, Unlimited(), None, site="fra1")
        with pytest.raises(ApiProblemError) as raised:
            await submit(jobs, REQUEST, ALICE, Unlimited(), None, site="fra1")
        assert raised.value.problem.type == "urn:conncheck:problem:queue-full"
        return await submit(jobs, REQUEST, ALICE, Unlimited(), None, site=DEFAULT_SITE)

    made = with_jobs(redis_url, many, sites=sites)

    assert queued_jobs(real_redis) == [made]


def test_a_test_that_is_refused_for_too_many_results_is_logged_with_its_site(
    real_redis: Redis, redis_url: str, sites: Sites, caplog: pytest.LogCaptureFixture
) -> None:
    """Each line of the audit log says where a test would have run."""
    real_redis.set(SiteKeys.of("fra1").sign_of_queue(INTERACTIVE), 1)

    async def twice(jobs: Jobs) -> None:
        await submit(jobs, REQUEST, ALICE, Unlimited(), None, site="fra1")
        with pytest.raises(ApiProblemError):
            await submit(jobs, REQUEST, ALICE, Unlimited(), None, site="fra1")

    with caplog.at_level(logging.INFO, "conncheck.audit"):
        with_jobs(redis_url, twice, sites=sites, most_kept=1)

    (line,) = (record.__dict__["fields"] for record in caplog.records if "fields" in vars(record))
    assert (line["cause"], line["site"]) == ("too-many-kept", "fra1")
