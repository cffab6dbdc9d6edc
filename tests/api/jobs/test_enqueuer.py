import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import pytest
from redis import Redis

from api.jobs.enqueuer import AGAIN_S, MOST_AT_ONCE, Enqueuer
from shared.queue.job_queue import JobQueue, QueueUnreachableError, SpoiltQueueError
from shared.queue.queued_job import BULK, INTERACTIVE, QueuedJob, queue_name
from shared.store.connection import connect
from tests.api.batches.batching import enqueuer_to
from tests.api.broker import queued_jobs
from tests.running.own_redis import OwnRedis

T = TypeVar("T")
HANG_S = 60


def job(number: int) -> QueuedJob:
    return QueuedJob(f"job-{number}", "")


async def all_at_once(enqueuer: Enqueuer, count: int) -> list[BaseException | None]:
    """Return what became of `count` jobs that came in the same moment."""
    sending = (enqueuer.send(job(number)) for number in range(count))
    return await asyncio.gather(*sending, return_exceptions=True)


def run(url: str, call: Callable[[Enqueuer], Awaitable[T]]) -> T:
    """Return what `call` makes of an enqueuer."""

    async def called() -> T:
        with enqueuer_to(url) as enqueuer:
            return await call(enqueuer)

    return asyncio.run(called())


def test_a_job_that_was_sent_is_in_the_queue(real_redis: Redis, redis_url: str) -> None:
    """The caller's 202 is a promise."""
    run(redis_url, lambda enqueuer: enqueuer.send(job(1)))

    assert queued_jobs(real_redis) == ["job-1"]


def test_a_site_that_spoils_its_queue_has_no_other_site_s_jobs_fail(
    real_redis: Redis, redis_url: str
) -> None:
    """Its Redis user can write another kind of key there."""
    sites = ["default", "sin1"] * 5
    real_redis.set(queue_name(INTERACTIVE, "sin1"), "no list")

    async def all_sent(enqueuer: Enqueuer) -> list[BaseException | None]:
        jobs = [QueuedJob(f"job-{n}", "", site=site) for n, site in enumerate(sites)]
        return await asyncio.gather(*map(enqueuer.send, jobs), return_exceptions=True)

    told = run(redis_url, all_sent)

    assert [type(one) for one in told] == [type(None), SpoiltQueueError] * 5
    assert len(queued_jobs(real_redis)) == 5


def test_a_job_is_sent_again_after_a_while_and_not_before(
    real_redis: Redis, redis_url: str
) -> None:
    """The broker may have lost it, and a caller may ask a thousand times a second."""
    moments = iter([0, 0, 1, AGAIN_S, AGAIN_S])

    async def three_times() -> None:
        enqueuer = Enqueuer(JobQueue(redis_url), lambda: next(moments))
        for _ in range(3):
            await enqueuer.send_once(job(1))
        enqueuer.close()

    asyncio.run(three_times())

    assert queued_jobs(real_redis) == ["job-1", "job-1"]


def test_a_new_job_whose_message_came_with_it_is_not_sent_a_moment_later(
    real_redis: Redis, redis_url: str
) -> None:
    """Its caller may repeat the request at once."""

    async def created_then_repeated() -> None:
        enqueuer = Enqueuer(JobQueue(redis_url), is_in_store=True)
        for command in enqueuer.message_of(job(1)):
            real_redis.lpush(*command[1:])
        await enqueuer.send_new(job(1))
        await enqueuer.send_once(job(1))
        enqueuer.close()

    asyncio.run(created_then_repeated())

    assert queued_jobs(real_redis) == ["job-1"]


def test_a_new_job_is_sent_to_a_broker_of_its_own(real_redis: Redis, redis_url: str) -> None:
    """The script that creates it can't reach the broker."""

    async def sent(enqueuer: Enqueuer) -> None:
        assert enqueuer.message_of(job(1)) == []
        await enqueuer.send_new(job(1))

    run(redis_url, sent)

    assert queued_jobs(real_redis) == ["job-1"]


@pytest.mark.parametrize("count", [2, MOST_AT_ONCE, 2 * MOST_AT_ONCE + 1])
def test_of_many_who_send_at_once_each_arrives_once_and_in_turn(
    real_redis: Redis, redis_url: str, count: int
) -> None:
    """A crowd of callers must neither be thinned out nor served twice."""
    outcomes = run(redis_url, lambda enqueuer: all_at_once(enqueuer, count))

    assert outcomes == [None] * count
    assert queued_jobs(real_redis) == [f"job-{number}" for number in range(count)]


def test_who_goes_away_leaves_the_others_alone(real_redis: Redis, redis_url: str) -> None:
    """A client that hangs up must not take everybody's batch along."""

    async def one_of_three_goes(enqueuer: Enqueuer) -> list[BaseException | None]:
        sending = [asyncio.ensure_future(enqueuer.send(job(number))) for number in range(3)]
        await asyncio.sleep(0)  # they have begun to wait
        sending[1].cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        return await all_at_once(enqueuer, 1)

    assert run(redis_url, one_of_three_goes) == [None]
    assert {"job-0", "job-2"} <= set(queued_jobs(real_redis))


@pytest.mark.parametrize("outage", [OwnRedis.hung, OwnRedis.stopped], ids=["hung", "stopped"])
def test_a_broker_that_is_away_fails_all_who_wait_in_time_and_is_used_again(
    own_redis: OwnRedis, outage: Callable[[OwnRedis], AbstractContextManager[None]]
) -> None:
    """They are told 503 before their own time-outs, and the next one needs no restart."""

    async def through_an_outage(enqueuer: Enqueuer) -> None:
        await enqueuer.send(job(1000))
        with outage(own_redis):
            # A time-out for each of them would take a quarter of an hour.
            async with asyncio.timeout(HANG_S):
                outcomes = await all_at_once(enqueuer, 2 * MOST_AT_ONCE + 1)
        assert {type(outcome) for outcome in outcomes} == {QueueUnreachableError}
        await enqueuer.send(job(1001))

    run(own_redis.url, through_an_outage)

    with connect(own_redis.url) as redis:
        assert {"job-1000", "job-1001"} <= set(queued_jobs(redis))


def test_the_number_of_waiting_messages_is_told(real_redis: Redis, redis_url: str) -> None:
    """Jobs without a message are sent again, which is needless while messages wait."""

    async def counted(enqueuer: Enqueuer) -> int:
        await all_at_once(enqueuer, 3)
        return await enqueuer.waiting(INTERACTIVE)

    assert run(redis_url, counted) == 3 == real_redis.llen("interactive")


def test_queues_are_counted_apart(real_redis: Redis, redis_url: str) -> None:
    """A long bulk must not keep a lost message of somebody who waits from being sent again."""

    async def counted(enqueuer: Enqueuer) -> list[int]:
        await asyncio.gather(*(enqueuer.send(QueuedJob(f"{n}", "", BULK)) for n in range(2)))
        await enqueuer.send(job(1))
        return [await enqueuer.waiting(queue) for queue in (INTERACTIVE, BULK)]

    assert run(redis_url, counted) == [1, 2]
    assert queued_jobs(real_redis, BULK) == ["0", "1"]
