import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from pydantic import SecretStr
from redis import Redis

from api.access.caller import Caller
from api.jobs.enqueuer import Enqueuer
from api.jobs.jobs import Jobs
from api.problems import ProblemError
from api.submission import submit
from shared.idempotency import IdempotencyStore
from shared.store.jobs.job_stream import job_key, sign_of_queue
from shared.job_store import JobStore
from shared.store.jobs.job_watch import JobWatch
from shared.request import REVEAL, JobRequest
from shared.queue import JobQueue
from shared.queued_job import INTERACTIVE
from shared.store.connection import connect_async
from shared.sealing import Sealer, new_key_pair
from tests.api.broker import queued_jobs
from tests.running.service import a_request
from tests.shared.conftest import TTL_S

T = TypeVar("T")
ALICE = Caller("alice", "alice", SecretStr("alice-token"))
REQUEST = JobRequest.model_validate(a_request("127.0.0.1:8080"))
KEY = "order-1"


class Unlimited:
    """The limits of a caller who has none."""

    async def take(self, caller: Caller, target: str) -> None:
        """Count nothing."""


def with_jobs(url: str, call: Callable[[Jobs], Awaitable[T]]) -> T:
    """Return what `call` makes of the API's jobs."""

    async def called() -> T:
        enqueuer = Enqueuer(JobQueue(url))
        try:
            async with connect_async(url) as redis:
                jobs = Jobs(
                    store=JobStore(redis, TTL_S),
                    watch=JobWatch(redis),
                    enqueuer=enqueuer,
                    idempotency=IdempotencyStore(redis),
                    sealer=Sealer(new_key_pair()[1]),
                    job_deadline_s=30,
                    investigate_s=3,
                    max_queued=10,
                )
                return await call(jobs)
        finally:
            enqueuer.close()

    return asyncio.run(called())


def let_a_worker_live(redis: Redis) -> None:
    redis.set(sign_of_queue(INTERACTIVE), 1)


def test_without_a_key_every_request_is_a_test_of_its_own(
    real_redis: Redis, redis_url: str
) -> None:
    """Whoever asks twice may want to know it twice."""
    let_a_worker_live(real_redis)

    async def twice(jobs: Jobs) -> list[str]:
        return [await submit(jobs, REQUEST, ALICE, Unlimited(), None) for _ in range(2)]

    made = with_jobs(redis_url, twice)

    assert len(set(made)) == 2
    assert queued_jobs(real_redis) == made


def test_a_key_whose_job_has_expired_makes_no_second_one(real_redis: Redis, redis_url: str) -> None:
    """Whoever waits for it would wait in vain, and be told that no worker was free."""
    let_a_worker_live(real_redis)

    async def before_and_after(jobs: Jobs) -> list[str]:
        made = await submit(jobs, REQUEST, ALICE, Unlimited(), KEY)
        real_redis.delete(job_key(made))
        with pytest.raises(ProblemError) as raised:
            await submit(jobs, REQUEST, ALICE, Unlimited(), KEY)
        assert raised.value.problem.status == 404
        assert made in raised.value.problem.detail
        return [made]

    assert with_jobs(redis_url, before_and_after) == queued_jobs(real_redis)


def test_a_key_of_which_nothing_came_makes_a_job_later(real_redis: Redis, redis_url: str) -> None:
    """A 503 asks the caller to send the same again."""

    async def before_and_after(jobs: Jobs) -> list[str]:
        with pytest.raises(ProblemError) as raised:
            await submit(jobs, REQUEST, ALICE, Unlimited(), KEY)
        assert raised.value.problem.status == 503
        let_a_worker_live(real_redis)
        return [await submit(jobs, REQUEST, ALICE, Unlimited(), KEY) for _ in range(2)]

    first, second = with_jobs(redis_url, before_and_after)

    assert first == second
    assert queued_jobs(real_redis) == [first]


def test_a_request_that_is_being_taken_is_not_taken_a_second_time(
    real_redis: Redis, redis_url: str
) -> None:
    """A retry can overtake the answer to the first; it is to come again."""
    let_a_worker_live(real_redis)
    content = REQUEST.model_dump_json(by_alias=True, context=REVEAL).encode()

    async def while_another_is_taken(jobs: Jobs) -> None:
        await jobs.idempotency.result_of(ALICE.claim(KEY, content))
        await submit(jobs, REQUEST, ALICE, Unlimited(), KEY)

    with pytest.raises(ProblemError) as raised:
        with_jobs(redis_url, while_another_is_taken)

    assert raised.value.problem.status == 409
    assert int(raised.value.headers["Retry-After"]) > 0
    assert queued_jobs(real_redis) == []


def test_what_redis_keeps_of_a_key_shows_nothing_of_the_request(
    real_redis: Redis, redis_url: str
) -> None:
    """It stays there for a day."""
    let_a_worker_live(real_redis)
    with_jobs(redis_url, lambda jobs: submit(jobs, REQUEST, ALICE, Unlimited(), KEY))

    (name,) = real_redis.scan_iter("conncheck:idempotency:*")
    kept = name + b" " + bytes(str(real_redis.get(name)), "utf-8")

    for text in (KEY, "SECRET", "AKID", "alice"):
        assert text.encode() not in kept
