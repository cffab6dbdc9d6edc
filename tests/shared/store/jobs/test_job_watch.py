import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from redis import Redis

from shared.store.connection import connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_watch import (
    MOST_TOLD,
    MOST_UNHEARD,
    JobWatch,
    look_after,
    look_until_back,
)
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from tests.running.service import poll

WITHIN_S = 60
WAITERS = 500

Check = Callable[[JobWatch], Awaitable[None]]


@asynccontextmanager
async def _watching(url: str) -> AsyncIterator[JobWatch]:
    async with connect_async(url) as redis:
        watch = JobWatch(redis)
        running = asyncio.create_task(watch.run())
        try:
            # Once it is subscribed, each further channel is confirmed once and no more.
            async with watch.changes(DEFAULT_KEYS.job("another")) as changed:
                await changed.wait()
                yield watch
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def watch(url: str, check: Check) -> None:
    """Run `check` with a watch at work, for WITHIN_S at most."""

    async def checked() -> None:
        async with asyncio.timeout(WITHIN_S), _watching(url) as at_work:
            await check(at_work)

    asyncio.run(checked())


async def woken(changed: asyncio.Event) -> None:
    """Wait for the event and clear it, as everybody does who then looks."""
    await changed.wait()
    changed.clear()


def subscribers(redis: Redis) -> int:
    """Return how many connections are subscribed to anything."""
    clients = redis.client_list(_type="pubsub")
    assert isinstance(clients, list)
    return len(clients)


def test_a_waiter_wakes_when_the_job_changes(real_redis: Redis, redis_url: str) -> None:
    """It would have to poll otherwise."""

    async def check(at_work: JobWatch) -> None:
        async with at_work.changes(DEFAULT_KEYS.job("4f2a")) as changed:
            await woken(changed)
            real_redis.publish(DEFAULT_KEYS.job("4f2a"), "step_started")
            await woken(changed)

    watch(redis_url, check)


def test_a_change_before_the_subscription_is_not_missed(real_redis: Redis, redis_url: str) -> None:
    """A job may end between its creation and the first look: the waiter looks once anyway."""

    async def check(at_work: JobWatch) -> None:
        real_redis.publish(DEFAULT_KEYS.job("4f2a"), "closed")
        async with at_work.changes(DEFAULT_KEYS.job("4f2a"), only_the_end=True) as changed:
            await woken(changed)

    watch(redis_url, check)


def test_who_waits_for_the_end_is_spared_the_steps(real_redis: Redis, redis_url: str) -> None:
    """Each needless wake-up is a needless look into Redis."""

    async def check(at_work: JobWatch) -> None:
        async with (
            at_work.changes(DEFAULT_KEYS.job("4f2a"), only_the_end=True) as ended,
            at_work.changes(DEFAULT_KEYS.job("4f2a")) as changed,
        ):
            await woken(ended)
            await woken(changed)
            real_redis.publish(DEFAULT_KEYS.job("4f2a"), "step_started")
            await woken(changed)
            assert not ended.is_set()

            real_redis.publish(DEFAULT_KEYS.job("4f2a"), "closed")
            await woken(ended)
            await woken(changed)

    watch(redis_url, check)


def test_a_waiter_is_not_woken_for_other_jobs(real_redis: Redis, redis_url: str) -> None:
    """Thousands wait at the same time."""

    async def check(at_work: JobWatch) -> None:
        async with (
            at_work.changes(DEFAULT_KEYS.job("mine")) as mine,
            at_work.changes(DEFAULT_KEYS.job("other")) as other,
        ):
            await woken(mine)
            await woken(other)
            real_redis.publish(DEFAULT_KEYS.job("other"), "closed")
            await woken(other)
            assert not mine.is_set()

    watch(redis_url, check)


def test_who_creates_a_job_wakes_at_its_end_and_not_before(
    real_redis: Redis, redis_url: str
) -> None:
    """It is told of everything from the beginning, so a look at once would show nothing."""

    async def check(at_work: JobWatch) -> None:
        async with (
            at_work.expecting_job(DEFAULT_KEYS) as (job_id, ended),
            at_work.changes(DEFAULT_KEYS.job(job_id)) as changed,
        ):
            await woken(changed)
            for said in ("queued", "started"):
                real_redis.publish(DEFAULT_KEYS.job(job_id), said)
                await woken(changed)
            assert not ended.is_set()

            real_redis.publish(DEFAULT_KEYS.job(job_id), "closed")
            await woken(ended)

    watch(redis_url, check)


def test_who_created_a_job_looks_again_after_a_lost_connection(
    real_redis: Redis, redis_url: str
) -> None:
    """What was announced meanwhile has reached nobody."""

    async def check(at_work: JobWatch) -> None:
        async with at_work.expecting_job(DEFAULT_KEYS) as (job_id, ended):
            for _ in range(3):
                real_redis.client_kill_filter(_type="pubsub")
                await woken(ended)
            real_redis.publish(DEFAULT_KEYS.job(job_id), "closed")
            await woken(ended)

    watch(redis_url, check)


def test_a_job_of_this_process_can_be_waited_for_later(real_redis: Redis, redis_url: str) -> None:
    """It may have ended since it was created."""

    async def check(at_work: JobWatch) -> None:
        job_id = at_work.new_job_id()
        real_redis.publish(DEFAULT_KEYS.job(job_id), "closed")
        async with at_work.changes(DEFAULT_KEYS.job(job_id), only_the_end=True) as ended:
            await woken(ended)
            real_redis.publish(DEFAULT_KEYS.job(job_id), "closed")
            await woken(ended)

    watch(redis_url, check)


def test_a_site_that_publishes_what_is_no_text_wakes_nobody(
    real_redis: Redis, redis_url: str
) -> None:
    """A stolen worker knows how the ids of a process begin; the jobs of all sites are watched."""

    async def check(at_work: JobWatch) -> None:
        async with at_work.expecting_job(DEFAULT_KEYS) as (job_id, ended):
            channel = SiteKeys.of("fra1").job(job_id).encode() + b"\xff"
            following = SiteKeys.of("fra1").job("next")
            async with at_work.changes(following) as changed:
                await woken(changed)  # Redis has seen the pattern
                assert real_redis.publish(channel, "closed") == 1
                real_redis.publish(following, "changed")
                await woken(changed)
            assert not ended.is_set()  # a lost connection would have it look again

    watch(redis_url, check)


def test_a_site_that_publishes_without_pause_keeps_nobody_busy(
    real_redis: Redis, redis_url: str
) -> None:
    """Each message makes all that wait for the job read it."""

    async def check(at_work: JobWatch) -> None:
        async with (
            at_work.expecting_job(DEFAULT_KEYS) as (job_id, ended),
            at_work.changes("next") as changed,
        ):
            await woken(changed)  # Redis has seen the patterns
            channel = DEFAULT_KEYS.job(job_id)
            for _ in range(MOST_TOLD):
                real_redis.publish(channel, "closed")
            real_redis.publish("next", "changed")
            await woken(changed)
            assert ended.is_set()

            ended.clear()
            real_redis.publish(channel, "closed")
            real_redis.publish("next", "changed")
            await woken(changed)
            assert not ended.is_set()

    watch(redis_url, check)


async def flooded(redis: Redis, channel: str) -> None:
    """Publish to a key that is listened to and not waited for, until that is too much."""
    with redis.pipeline(transaction=False) as pipe:
        for _ in range(MOST_UNHEARD // 1_000_000 + 1):
            pipe.publish(channel, b"x" * 1_000_000)
        await asyncio.to_thread(pipe.execute)


def test_a_flood_of_one_site_keeps_no_waiter_of_the_default_site(
    real_redis: Redis, redis_url: str
) -> None:
    """Who has a site's password could delay the answers of all others by seconds."""
    fra1 = SiteKeys.of("fra1")

    async def check(at_work: JobWatch) -> None:
        async with (
            at_work.expecting_job(DEFAULT_KEYS) as (job_id, ended),
            at_work.expecting_job(fra1) as (_, ended_there),
            at_work.changes(fra1.job("next")) as there,
        ):
            await woken(there)  # Redis has seen the pattern
            ended.clear()
            ended_there.clear()
            before = _clients(real_redis)
            await flooded(real_redis, fra1.job(at_work.new_job_id()))

            await woken(ended_there)  # connected anew, whoever waits there looks
            await woken(there)
            assert not ended.is_set()
            assert len(before) == len(_clients(real_redis)) == 2
            assert len(before & _clients(real_redis)) == 1
            real_redis.publish(DEFAULT_KEYS.job(job_id), "closed")
            await woken(ended)

    watch(redis_url, check)


def _clients(redis: Redis) -> set[str]:
    return {client["id"] for client in redis.client_list(_type="pubsub")}


def test_what_waiters_are_told_is_no_flood(real_redis: Redis, redis_url: str) -> None:
    """An API process that creates many tests is told of each of their steps."""
    fra1 = SiteKeys.of("fra1")

    async def check(at_work: JobWatch) -> None:
        async with (
            at_work.expecting_job(fra1) as (_, ended),
            at_work.changes(fra1.job("next")) as changed,
            at_work.changes(fra1.job("last")) as last,
        ):
            await woken(changed)
            await woken(last)
            ended.clear()
            with real_redis.pipeline(transaction=False) as pipe:
                for _ in range(MOST_TOLD):
                    pipe.publish(fra1.job("next"), b"x" * 20_000)
                pipe.execute()
            real_redis.publish(fra1.job("last"), "closed")
            await woken(last)
            assert changed.is_set()
            assert not ended.is_set()

    watch(redis_url, check)


def test_the_jobs_of_this_process_are_subscribed_to_together(
    real_redis: Redis, redis_url: str
) -> None:
    """A subscription for each would be two commands and their answers."""

    async def check(at_work: JobWatch) -> None:
        async with (
            at_work.expecting_job(DEFAULT_KEYS) as (job_id, _),
            at_work.changes("next") as changed,
        ):
            await woken(changed)  # Redis has seen what was said before this
            assert real_redis.pubsub_numsub(DEFAULT_KEYS.job(job_id)) == [
                (DEFAULT_KEYS.job(job_id).encode(), 0)
            ]
            assert real_redis.pubsub_numpat() == 1
            following = SiteKeys.of("fra1").job("next")
            async with at_work.changes(following) as elsewhere:
                await woken(elsewhere)
                assert real_redis.pubsub_numpat() == 2  # of the default site, and of all others

    watch(redis_url, check)


def test_two_waiters_for_one_job_both_wake(real_redis: Redis, redis_url: str) -> None:
    """Two browser windows show the same job."""

    async def check(at_work: JobWatch) -> None:
        async with (
            at_work.changes(DEFAULT_KEYS.job("4f2a")) as first,
            at_work.changes(DEFAULT_KEYS.job("4f2a")) as second,
        ):
            await woken(first)
            await woken(second)
            real_redis.publish(DEFAULT_KEYS.job("4f2a"), "closed")
            await woken(first)
            await woken(second)

    watch(redis_url, check)


def test_a_waiter_goes_on_when_another_one_leaves(real_redis: Redis, redis_url: str) -> None:
    """The first window that is closed must not end the subscription of the second."""

    async def check(at_work: JobWatch) -> None:
        async with AsyncExitStack() as staying:
            async with at_work.changes(DEFAULT_KEYS.job("4f2a")) as leaving:
                await woken(leaving)
                changed = await staying.enter_async_context(
                    at_work.changes(DEFAULT_KEYS.job("4f2a"))
                )
                await woken(changed)
            real_redis.publish(DEFAULT_KEYS.job("4f2a"), "closed")
            await woken(changed)

    watch(redis_url, check)


def test_a_job_that_nobody_waits_for_is_not_subscribed(real_redis: Redis, redis_url: str) -> None:
    """Subscriptions that only grow are a leak."""

    async def check(at_work: JobWatch) -> None:
        async with at_work.changes(DEFAULT_KEYS.job("4f2a")) as changed:
            await woken(changed)
            assert real_redis.pubsub_numsub(DEFAULT_KEYS.job("4f2a")) == [
                (DEFAULT_KEYS.job("4f2a").encode(), 1)
            ]
        async with at_work.changes(DEFAULT_KEYS.job("next")) as changed:
            await woken(changed)  # Redis has seen what was said before this
        assert real_redis.pubsub_numsub(DEFAULT_KEYS.job("4f2a")) == [
            (DEFAULT_KEYS.job("4f2a").encode(), 0)
        ]

    watch(redis_url, check)


def test_a_job_can_be_waited_for_again(real_redis: Redis, redis_url: str) -> None:
    """A client that reconnects leaves and comes back at once."""

    async def check(at_work: JobWatch) -> None:
        for _ in range(20):
            async with at_work.changes(DEFAULT_KEYS.job("4f2a")) as changed:
                await woken(changed)
                real_redis.publish(DEFAULT_KEYS.job("4f2a"), "closed")
                await woken(changed)

    watch(redis_url, check)


def test_a_lost_connection_is_made_up_for(real_redis: Redis, redis_url: str) -> None:
    """Who waits looks once more after it, and is told of everything that comes later."""

    async def check(at_work: JobWatch) -> None:
        async with (
            at_work.changes(DEFAULT_KEYS.job("a")) as changed,
            at_work.changes(DEFAULT_KEYS.job("b"), only_the_end=True) as ended,
        ):
            for _ in range(3):
                await woken(changed)
                await woken(ended)
                real_redis.client_kill_filter(_type="pubsub")
            await woken(changed)
            await woken(ended)
            real_redis.publish(DEFAULT_KEYS.job("a"), "step_started")
            real_redis.publish(DEFAULT_KEYS.job("b"), "closed")
            await woken(changed)
            await woken(ended)

    watch(redis_url, check)


def test_a_connection_on_which_nothing_happens_is_kept(real_redis: Redis, redis_url: str) -> None:
    """What is said only to hear from Redis must not be taken for a change, nor for an error."""

    def pinged() -> list[str]:
        clients = real_redis.client_list(_type="pubsub")
        return [client["id"] for client in clients if client["cmd"] == "ping"]

    async def check(at_work: JobWatch) -> None:
        async with at_work.expecting_job(DEFAULT_KEYS) as (job_id, ended):
            await asyncio.to_thread(poll, lambda: bool(pinged()))
            before = pinged()
            real_redis.publish(DEFAULT_KEYS.job(job_id), "closed")
            await woken(ended)
            assert pinged() == before

    watch(redis_url, check)


def test_all_waiters_share_one_connection(real_redis: Redis, redis_url: str) -> None:
    """One connection a waiter would use up what Redis allows."""

    async def check(at_work: JobWatch) -> None:
        async with AsyncExitStack() as all_of_them:
            events = [
                await all_of_them.enter_async_context(
                    at_work.changes(DEFAULT_KEYS.job(f"job-{number}"))
                )
                for number in range(WAITERS)
            ]
            for changed in events:
                await woken(changed)
            assert subscribers(real_redis) == 1
            for number in range(WAITERS):
                real_redis.publish(DEFAULT_KEYS.job(f"job-{number}"), "closed")
            for changed in events:
                await woken(changed)

    watch(redis_url, check)


def test_one_event_tells_of_several_keys(real_redis: Redis, redis_url: str) -> None:
    """A comparison changes with each of its jobs."""

    async def check(at_work: JobWatch) -> None:
        keys = ["conncheck:comparison:c1", DEFAULT_KEYS.job("4f2a")]
        async with at_work.changes_of_any(keys) as changed:
            # The keys are subscribed in this order, so after the last one none is missing.
            async with at_work.changes("conncheck:another") as confirmed:
                await woken(confirmed)
            changed.clear()
            for key in keys:
                real_redis.publish(key, "changed")
                await woken(changed)

    watch(redis_url, check)


def test_a_change_during_a_look_makes_for_another_one() -> None:
    """What is written between the look and the next wait would else be seen by nobody."""
    changed, seen = asyncio.Event(), [1, 2]

    async def look() -> int:
        changed.set()  # somebody writes meanwhile
        return seen.pop(0)

    async def looks() -> list[int]:
        changed.set()
        return [await look_after(changed, look) for _ in range(2)]

    assert asyncio.run(looks()) == [1, 2]


def test_who_waits_for_a_while_looks_without_a_change() -> None:
    """Not everything is announced."""

    async def look() -> str:
        return "seen"

    async def unannounced() -> str:
        return await look_after(asyncio.Event(), look, within_s=0)

    assert asyncio.run(unannounced()) == "seen"


def test_a_look_at_a_store_that_is_away_is_made_again() -> None:
    """Nothing is announced when it is back."""
    away = [StoreUnreachableError(), StoreUnreachableError()]

    async def look() -> str:
        if away:
            raise away.pop()
        return "back"

    assert asyncio.run(look_until_back(look)) == "back"
