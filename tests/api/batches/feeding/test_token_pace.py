import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic  # noqa: TID251 -- for a lower bound
from typing import TypeVar

from redis import Redis

from api.batches.feeding.token_pace import Pace
from api.batches.feeding.unfinished_batch import UnfinishedBatch
from shared.queue.queued_job import BULK
from shared.store.batches.batch import BatchState
from shared.store.connection import connect_async
from shared.store.gate import RedisGate
from shared.store.limits.rate_limits import RateLimits
from tests.api.batches.batching import work_off
from tests.api.batches.feeding.feeding import feeding
from tests.api.broker import queued_jobs
from tests.running.service import poll
from tests.shared.conftest import Backend
from tests.shared.store.batches.batches import a_batch, ask, keep, letters

T = TypeVar("T")
A, B = "a" * 24, "b" * 24
TARGET = "one.example.com:8080"


def of_token(token: str, per_minute: int | None, total: int = 3) -> UnfinishedBatch:
    batch = a_batch(total).model_copy(update={"token_name": token, "items_per_minute": per_minute})
    state = BatchState(batch, "q" * total, None, None)
    return UnfinishedBatch.of(A, state, [TARGET] * total, {})


def with_pace(
    url: str, call: Callable[[Pace], Awaitable[T]], clock: Callable[[], float] = lambda: 0.0
) -> T:
    async def called() -> T:
        async with connect_async(url) as redis:
            return await call(Pace(RateLimits(RedisGate(redis), 120), 120, 4, clock))

    return asyncio.run(called())


def test_a_token_has_room_for_its_items_a_minute(redis_url: str, real_redis: Redis) -> None:
    """All batches of a token share it; one without a limit is not even asked about."""
    ci, own = of_token("ci", 5), of_token("own", None)

    async def ask_for_room(pace: Pace) -> list[dict[str, int]]:
        rooms = [await pace.rooms([ci, of_token("ci", 5), own])]
        await pace.count(ci, 4)
        await pace.count(own, 1000)
        return [*rooms, await pace.rooms([ci, own])]

    assert with_pace(redis_url, ask_for_room) == [{"ci": 5}, {"ci": 1}]


def test_many_batches_of_a_token_cost_one_question(redis_url: str, real_redis: Redis) -> None:
    """The feeder asks thirty times a second, and the items of all tenants wait meanwhile."""

    def asked(batches: int) -> int:
        before = real_redis.info("stats")["total_commands_processed"]
        with_pace(redis_url, lambda pace: pace.rooms([of_token("ci", 5)] * batches))
        return int(real_redis.info("stats")["total_commands_processed"] - before)

    assert asked(100) == asked(1)


def test_a_target_rests_after_a_test(redis_url: str, real_redis: Redis) -> None:
    """Four turns at a time and two seconds each make 120 a minute, and no more."""
    now_s = 0.0

    async def rest(pace: Pace) -> list[list[str]]:
        nonlocal now_s
        assert pace.rest_s == 2
        assert pace.rests(of_token("ci", 5), TARGET)
        assert not pace.rests(of_token("ci", 5), "")  # it was forced, and took no turn
        assert not pace.rests(of_token("own", None), TARGET)
        told = [[*pace.rested()]]
        now_s = 2.0
        return [*told, [*pace.rested()], [*pace.rested()]]

    assert with_pace(redis_url, rest, lambda: now_s) == [[], [TARGET], []]


def have(redis: Redis, url: str, batch_id: str, total: int, per_minute: int | None) -> Backend:
    backend = Backend(redis, lambda: connect_async(url))
    batch = a_batch(total).model_copy(
        update={"token_name": "ci", "items_per_minute": per_minute, "tenant": batch_id}
    )
    ask(backend, lambda store: keep(store, batch, batch_id))
    return backend


def test_more_items_than_a_minute_allows_wait_and_hold_up_nobody_else(
    redis_url: str, real_redis: Redis
) -> None:
    """A batch of thousands is accepted from a token with a limit, and paced."""
    backend = have(real_redis, redis_url, A, 20, 7)
    have(real_redis, redis_url, B, 20, None)

    with feeding(redis_url):
        poll(lambda: len(queued_jobs(real_redis, BULK)) == 27)
        work_off(real_redis)
        poll(lambda: letters(backend, B) == "p" * 20)

        assert letters(backend, A).count("q") == 13


def test_a_platform_is_tested_no_more_often_than_its_rate(
    redis_url: str, real_redis: Redis
) -> None:
    """A batch of one platform a thousand times is no way to hammer it."""
    batch = a_batch(6).model_copy(update={"items_per_minute": 600})
    backend = Backend(real_redis, lambda: connect_async(redis_url))
    ask(backend, lambda store: keep(store, batch, A, targets=[TARGET] * 6))

    def is_done() -> bool:
        work_off(real_redis)
        return letters(backend, A) == "p" * 6

    with feeding(redis_url, per_target=1, target_rate=300):  # a rest of 0.2 s
        began_s = monotonic()
        poll(is_done)

    assert monotonic() - began_s >= 0.2 * 5
