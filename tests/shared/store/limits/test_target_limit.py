from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from shared.queued_job import BULK, INTERACTIVE, QueuedJob, QueueName
from shared.store.connection import connect, connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.jobs.job_stream import WORKERS
from shared.store.limits.target_limit import (
    TargetLimit,
    Turn,
    calls_of,
    forget_call,
    release,
    turns_of,
)
from shared.store.round_trips import RoundTrips
from tests.shared.conftest import Backend

TARGET, WORKER = "cloud.example.com:8080", "w1"


def job(job_id: str, queue: QueueName = INTERACTIVE) -> QueuedJob:
    """Return a job at the target."""
    return QueuedJob(job_id, TARGET, queue)


def turn(job_id: str) -> Turn:
    """Return the turn of a job at the target."""
    return Turn(job_id, TARGET)


@pytest.fixture
def limit(real_redis: Redis) -> TargetLimit:
    """Give a limit of two tests at a time."""
    return TargetLimit(RoundTrips(real_redis), 2, WORKER)


def test_a_few_tests_at_a_time_have_their_turn(limit: TargetLimit) -> None:
    """A platform that is tested by a hundred at once is one that we have brought down."""
    turns = [limit.admit(job(job_id)) for job_id in ("a", "b", "c")]

    assert turns == ["taken", "taken", "waiting"]


def test_targets_do_not_wait_for_each_other(limit: TargetLimit) -> None:
    """A slow platform is nobody else's problem."""
    for job_id in ("a", "b", "c"):
        limit.admit(job(job_id))

    assert limit.admit(QueuedJob("d", "other.example.com:8080")) == "taken"


def test_a_turn_that_is_released_goes_to_the_next_in_line(limit: TargetLimit) -> None:
    """Whoever waits longest is first."""
    for job_id in ("a", "b", "c", "d"):
        limit.admit(job(job_id))

    assert limit.release(turn("a")) == job("c")
    assert limit.admit(job("c")) == "taken"
    assert limit.release(turn("b")) == job("d")
    assert limit.admit(job("d")) == "taken"
    assert limit.release(turn("c")) is None


def test_the_same_job_delivered_to_another_worker_takes_no_second_turn(
    limit: TargetLimit, real_redis: Redis
) -> None:
    """A queue delivers at least once; a second turn would never be released."""
    other = TargetLimit(RoundTrips(real_redis), 2, "w2")
    limit.admit(job("a"))

    assert other.admit(job("a")) == "held"
    assert limit.admit(job("b")) == "taken"


def test_a_job_stands_in_line_once_however_often_it_is_delivered(limit: TargetLimit) -> None:
    """A turn that is offered to a job that has had it is one that nobody else gets."""
    for job_id in ("a", "b", "c", "c", "d"):
        limit.admit(job(job_id))

    called = [limit.release(turn(job_id)) for job_id in ("a", "b")]
    assert called == [job("c"), job("d")]
    assert [limit.admit(job(job_id)) for job_id in ("c", "d")] == ["taken", "taken"]
    assert limit.release(turn("c")) is None


def test_who_stood_in_line_goes_back_to_its_own_queue(limit: TargetLimit) -> None:
    """Somebody who waits must not be sent to the end of a bulk, nor the other way round."""
    for one in (job("a"), job("b", BULK), job("c", BULK), job("d")):
        limit.admit(one)

    assert limit.release(turn("a")) == job("c", BULK)
    assert limit.release(turn("b")) == job("d", INTERACTIVE)


def test_whoever_is_called_stays_in_line_until_it_has_a_turn(limit: TargetLimit) -> None:
    """The call goes through the broker, and may be lost there."""
    for job_id in ("a", "b", "c"):
        limit.admit(job(job_id))

    assert limit.release(turn("a")) == job("c")
    assert limit.release(turn("b")) == job("c")
    assert limit.admit(job("c")) == "taken"
    assert limit.release(turn("c")) is None


def test_a_call_is_the_worker_s_until_it_is_made(limit: TargetLimit) -> None:
    """If it dies before, the API calls the next in line; nobody else would."""
    for one in (job("a"), job("b"), job("c", BULK)):
        limit.admit(one)

    limit.release(turn("a"))
    assert limit.turns() == [turn("b")]
    assert limit.calls() == [job("c", BULK)]

    limit.forget_call(job("c", BULK))
    assert limit.calls() == []


def test_a_release_whose_answer_was_lost_is_not_done_twice(limit: TargetLimit) -> None:
    """redis-py repeats it; the call is among the worker's."""
    for job_id in ("a", "b", "c", "d"):
        limit.admit(job(job_id))

    assert limit.release(turn("a")) == job("c")
    assert limit.release(turn("a")) is None
    assert limit.calls() == [job("c")]


def test_a_turn_that_another_worker_has_by_now_stays(limit: TargetLimit, real_redis: Redis) -> None:
    """The first worker was cut off, and its job was given to the other one."""
    other = TargetLimit(RoundTrips(real_redis), 2, "w2")
    other.admit(job("a"))
    other.admit(job("b"))

    assert limit.admit(job("a")) == "held"
    assert limit.release(turn("a")) is None
    assert limit.admit(job("c")) == "waiting"


def test_a_worker_that_asks_twice_has_its_turn(limit: TargetLimit) -> None:
    """redis-py repeats what it got no answer to; nobody else would release it."""
    limit.admit(job("a"))

    assert limit.admit(job("a")) == "taken"
    assert limit.turns() == [turn("a")]


def test_a_worker_is_known_with_its_first_turn(limit: TargetLimit, real_redis: Redis) -> None:
    """It may die before its first sign of life."""
    limit.admit(job("a"))

    assert real_redis.smembers(WORKERS) == {WORKER.encode()}


def test_the_turn_of_a_dead_worker_can_be_released_for_it(
    real_redis: Redis, redis_url: str
) -> None:
    """Otherwise its platform could not be tested for eleven minutes."""
    limit = TargetLimit(RoundTrips(real_redis), 1, WORKER)
    limit.admit(job("a"))
    limit.admit(job("b"))
    backend = Backend(real_redis, lambda: connect_async(redis_url))

    assert backend.run(lambda redis: turns_of(redis, WORKER)) == [turn("a")]
    backend.run(lambda redis: release(redis, WORKER, turn("a")))
    assert backend.run(lambda redis: turns_of(redis, WORKER)) == []
    assert backend.run(lambda redis: calls_of(redis, WORKER)) == [job("b")]
    backend.run(lambda redis: forget_call(redis, WORKER, job("b")))
    assert backend.run(lambda redis: calls_of(redis, WORKER)) == []
    assert limit.admit(job("b")) == "taken"


def test_a_turn_of_which_no_worker_knows_counts_for_a_time(
    limit: TargetLimit, real_redis: Redis
) -> None:
    """Redis may have lost the worker's part of it."""
    ends = {"over": 1, "not yet": 2**40}  # seconds since 1970
    real_redis.zadd(f"conncheck:target:{TARGET}:testing", ends)

    assert [limit.admit(job(job_id)) for job_id in ("a", "b")] == ["taken", "waiting"]


def test_nothing_of_it_stays_for_ever(limit: TargetLimit, real_redis: Redis) -> None:
    """Every address that was ever tested would have its keys."""
    for job_id in ("a", "b", "c"):
        limit.admit(job(job_id))
    limit.release(turn("a"))

    keys = cast("list[bytes]", real_redis.keys("*"))
    keys.remove(WORKERS.encode())  # which every sign of life keeps for a day
    assert len(keys) == 4
    assert all(real_redis.ttl(key) != -1 for key in keys)


def test_a_store_that_is_away_is_named_so(tmp_path: Path) -> None:
    """A worker that can't tell must be able to say so."""
    away = TargetLimit(RoundTrips(connect(f"unix://{tmp_path / 'none.sock'}")), 2, WORKER)

    with pytest.raises(StoreUnreachableError):
        away.admit(job("a"))
    with pytest.raises(StoreUnreachableError):
        away.release(turn("a"))
