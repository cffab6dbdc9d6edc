"""Moments that one process writes and another judges are of one clock, which is Redis'."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from shared.queue.queued_job import QueuedJob
from shared.request import JobRequest
from shared.store.gate import RedisGate
from shared.store.jobs.job_store import JobStore
from shared.store.limits.address_rate import AddressRate
from shared.store.limits.sign_in_memory import SignInMemory
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import DEFAULT_KEYS
from tests.running.service import a_request
from tests.shared.conftest import TTL_S, Backend, forced, turn_limits
from tests.shared.store.elsewhen import AHEAD, elsewhen
from tests.shared.store.jobs.jobs import JOB, create, new_job
from tests.shared.store.limits.turns import Turns

EPOCH = re.compile(r"(?<![\d.])1[789]\d{8}(?!\d)")  # seconds, of the years 2023 to 2033
KEY = b"k" * 32


def test_the_clock_is_that_of_redis_and_is_asked_once(real: Backend) -> None:
    """A call of the API must not cost a round trip more because of it."""

    async def ask_twice(redis: AsyncRedis) -> tuple[datetime, int]:
        there = elsewhen(redis)
        clock = JobStore.of(RedisGate(there), TTL_S, turn_limits()).clock
        await clock.now()
        return await clock.now(), there.asked

    now, asked = real.run(ask_twice)

    assert abs(now - AHEAD - datetime.now(UTC)) < timedelta(seconds=60)
    assert asked == 1


def test_jobs_are_overdue_by_the_clock_of_redis(real: Backend) -> None:
    """An API whose own clock is ahead would close the jobs of all others."""
    create(real, new_job("waits", AHEAD.total_seconds() + 300))
    create(real, new_job("late", AHEAD.total_seconds() - 300))

    found = real.run(
        lambda redis: JobStore.of(
            RedisGate(elsewhen(redis)), TTL_S, turn_limits()
        ).workload.overdue()
    )

    assert found == (["late"], [])


@contextmanager
def overheard(redis: Redis) -> Iterator[list[str]]:
    """Give what Redis is told while the block runs, once that is over."""
    told: list[str] = []
    with redis.monitor() as monitor:  # type: ignore[no-untyped-call] # bare in redis-py
        heard = monitor.listen()
        yield told
        redis.echo("over")
        while "over" not in (said := next(heard))["command"]:
            if said["client_type"] != "lua":  # what a script does is Redis' own
                told.append(said["command"])


def begin_a_job(backend: Backend) -> None:
    create(backend)
    with overheard(backend.sync) as told:
        backend.worker().begin(forced(JOB))
    assert not EPOCH.search("".join(told).replace(JOB, ""))


def take_a_turn(backend: Backend) -> None:
    limit = Turns(backend.sync, turn_limits(), "w1")
    with overheard(backend.sync) as told:
        assert limit.admit(QueuedJob("job", "t")) == "taken"
    assert not EPOCH.search("".join(told))


def remember_a_rejection(backend: Backend) -> None:
    memory = SignInMemory(RoundTrips(backend.sync), KEY, DEFAULT_KEYS)
    request = JobRequest.model_validate(a_request("h"))
    with overheard(backend.sync) as told:
        memory.remember_rejection(request, "auth.rejected")
        assert memory.look(request)().of_this_pair_until
    assert not EPOCH.search("".join(told))


def count_a_connection(backend: Backend) -> None:
    rate = AddressRate(RoundTrips(backend.sync), 1, DEFAULT_KEYS)
    with overheard(backend.sync) as told:
        assert rate.admits(ip_address("192.0.2.7"), 443)
    assert not re.search(r"443:\d", "".join(told))


@pytest.mark.parametrize(
    "act", [begin_a_job, take_a_turn, remember_a_rejection, count_a_connection]
)
def test_a_worker_tells_redis_no_time_of_its_own(
    act: Callable[[Backend], None], real: Backend
) -> None:
    """One whose clock is off would end the turns and the jobs of others, or lock an account."""
    act(real)


def test_a_run_knows_when_it_began_by_the_clock_of_redis(real: Backend) -> None:
    """Until when it may begin was written by an API, whose clock is not the worker's."""
    create(real)

    run = real.worker().begin(forced(JOB))

    seconds, _ = real.sync.time()
    assert 0 <= seconds - run.began_at.timestamp() < 60
