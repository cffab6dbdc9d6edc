import json
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from shared.queue import JobQueue
from shared.queued_job import BULK, INTERACTIVE, QueuedJob, QueueName
from shared.store.connection import connect
from shared.store.jobs.job_stream import sign_of_queue
from shared.store.limits.target_limit import TargetLimit, Turn, calls_key
from shared.store.round_trips import RoundTrips
from tests.running.own_redis import OwnRedis
from tests.running.service import poll
from tests.shared.conftest import real_redis, redis_url, turn_limits
from worker.consumer.target_turns import TargetTurns

__all__ = ["real_redis", "redis_url"]

TARGET = "cloud.example.com:8080"
TESTING = f"conncheck:target:{TARGET}:testing"


@pytest.fixture
def queue(redis_url: str) -> Iterator[JobQueue]:
    """Give the queue of the real Redis."""
    jobs = JobQueue(redis_url)
    yield jobs
    jobs.close()


@pytest.fixture
def turns(real_redis: Redis, queue: JobQueue) -> TargetTurns:
    """Give a line in front of targets that take one at a time."""
    limit = TargetLimit(RoundTrips(real_redis), turn_limits(1, own_slots=4), "w1")
    return TargetTurns(limit, queue)


def job(job_id: str, queue: QueueName = INTERACTIVE, target: str = TARGET) -> QueuedJob:
    return QueuedJob(job_id, target, queue)


def called(redis: Redis, queue: QueueName = INTERACTIVE) -> list[str]:
    """Return the jobs that have a message."""
    messages = cast("list[bytes]", redis.lrange(queue, 0, -1))
    return [str(json.loads(message)["headers"]["id"]) for message in reversed(messages)]


def test_who_waits_is_called_when_the_turn_is_free(turns: TargetTurns, real_redis: Redis) -> None:
    """No worker stands about for it meanwhile."""
    with turns.turn(job("a")) as first:
        with turns.turn(job("b")) as second:
            assert (first, second) == (True, False)
        assert called(real_redis) == []

    assert called(real_redis) == ["b"]
    with turns.turn(job("b")) as again:
        assert again


def test_who_is_called_comes_back_through_its_own_queue(
    turns: TargetTurns, real_redis: Redis
) -> None:
    """A test of a batch must not take the place of somebody who waits."""
    real_redis.set(sign_of_queue(BULK), 1)
    with turns.turn(job("a")), turns.turn(job("b", BULK)) as second:
        assert not second

    assert (called(real_redis), called(real_redis, BULK)) == ([], ["b"])


def test_a_job_of_a_share_takes_a_turn_without_a_target(
    turns: TargetTurns, real_redis: Redis
) -> None:
    """Its caller has forced it, and has no more slots for that; here the share is two."""
    jobs = [QueuedJob(job_id, "", INTERACTIVE, "alice") for job_id in ("a", "b", "c")]
    with turns.turn(jobs[0]) as first:
        with turns.turn(jobs[1]) as second, turns.turn(jobs[2]) as third:
            assert (first, second, third) == (True, True, False)
        assert called(real_redis) == ["c"]

    (message,) = cast("list[bytes]", real_redis.lrange(INTERACTIVE, 0, -1))
    arguments = json.loads(b64decode(json.loads(message)["body"]))[0]
    assert arguments == ["c", "", INTERACTIVE, "alice"]


def test_an_operator_s_job_without_a_target_takes_no_turn(
    turns: TargetTurns, real_redis: Redis
) -> None:
    """It was forced, and has no share."""
    with turns.turn(job("a", target="")) as first, turns.turn(job("b", target="")) as second:
        assert (first, second) == (True, True)

    assert real_redis.dbsize() == 0


def test_a_turn_ends_with_the_last_delivery_of_its_job(
    turns: TargetTurns, real_redis: Redis
) -> None:
    """The platform would be tested by more at once than may."""
    with turns.turn(job("a")):
        with turns.turn(job("a")) as again:
            assert again
        turns.catch_up()
        with turns.turn(job("b")) as other:
            assert not other

    assert called(real_redis) == ["b"]
    assert real_redis.zrange(TESTING, 0, -1) == [b"b"]  # for which it is kept


def test_a_second_delivery_of_a_job_that_waits_waits(
    turns: TargetTurns, real_redis: Redis, queue: JobQueue
) -> None:
    """A job is called twice when two turns end at once, and may come twice to one worker."""
    other = TargetTurns(TargetLimit(RoundTrips(real_redis), turn_limits(1), "w2"), queue)
    with other.turn(job("a")), turns.turn(job("b")) as first, turns.turn(job("b")) as second:
        assert (first, second) == (False, False)

    assert called(real_redis) == ["b"]


def test_a_job_that_waits_runs_in_no_gap_between_its_deliveries(
    turns: TargetTurns, real_redis: Redis, queue: JobQueue
) -> None:
    """One delivery leaves as another arrives; a job that had its turn and is over may run."""
    other = TargetTurns(TargetLimit(RoundTrips(real_redis), turn_limits(1), "w2"), queue)

    def deliver(_: int) -> bool:
        with turns.turn(job("b")) as is_ours:
            return is_ours

    with other.turn(job("a")), ThreadPoolExecutor(8) as threads:
        assert not any(threads.map(deliver, range(2000)))


def test_a_job_whose_turn_was_taken_away_needs_another(
    turns: TargetTurns, real_redis: Redis
) -> None:
    """The reaper has queued it again, and this worker's old run of it is not over yet."""
    seen_dead = TargetLimit(RoundTrips(real_redis), turn_limits(1), "w1")
    with turns.turn(job("a")):
        seen_dead.release(Turn("a", TARGET))
        TargetLimit(RoundTrips(real_redis), turn_limits(1), "w2").admit(job("b"))

        with turns.turn(job("a")) as again:
            assert not again


def test_a_test_that_breaks_releases_its_turn(turns: TargetTurns) -> None:
    """Its platform could not be tested for eleven minutes."""
    with pytest.raises(ZeroDivisionError), turns.turn(job("a")):
        raise ZeroDivisionError

    with turns.turn(job("b")) as is_ours:
        assert is_ours


def test_while_the_store_is_away_nobody_is_held_up(queue: JobQueue, tmp_path: Path) -> None:
    """The run itself finds out whether it may write."""
    away = TargetLimit(
        RoundTrips(connect(f"unix://{tmp_path / 'none.sock'}")), turn_limits(1), "w1"
    )
    turns = TargetTurns(away, queue)

    with turns.turn(job("a")) as is_ours:
        assert is_ours
    turns.catch_up()


def test_a_turn_whose_answer_was_lost_is_released(queue: JobQueue, own_redis: OwnRedis) -> None:
    """Redis did what it was asked when it went on; four such turns shut a platform out."""
    with connect(own_redis.url) as redis:
        turns = TargetTurns(TargetLimit(RoundTrips(redis), turn_limits(1), "w1"), queue)
        redis.ping()  # what is sent over a connection that stands arrives, however late
        with own_redis.hung():
            lost = turns.turn(job("a"))
            assert lost.__enter__()
        poll(lambda: bool(redis.exists(TESTING)))
        lost.__exit__(None, None, None)

        with turns.turn(job("b")) as is_ours:
            assert is_ours


def test_a_turn_that_redis_gave_after_all_is_released(queue: JobQueue, own_redis: OwnRedis) -> None:
    """The test was over before the command had arrived."""
    with connect(own_redis.url) as redis:
        turns = TargetTurns(TargetLimit(RoundTrips(redis), turn_limits(1), "w1"), queue)
        redis.ping()
        with own_redis.hung(), turns.turn(job("a")):
            pass
        poll(lambda: bool(redis.exists(TESTING)))
        turns.catch_up()

        with turns.turn(job("b")) as is_ours:
            assert is_ours


def test_a_turn_that_was_asked_for_twice_is_released(real_redis: Redis, queue: JobQueue) -> None:
    """redis-py asks again when the connection breaks before the answer."""
    limit = TargetLimit(RoundTrips(real_redis), turn_limits(1), "w1")
    limit.admit(job("a"))

    with TargetTurns(limit, queue).turn(job("a")) as is_ours:
        assert is_ours

    assert not real_redis.exists(TESTING)


def test_a_turn_that_could_not_be_released_is_released_later(
    queue: JobQueue, own_redis: OwnRedis
) -> None:
    """It would count for eleven minutes."""
    with connect(own_redis.url) as redis:
        turns = TargetTurns(TargetLimit(RoundTrips(redis), turn_limits(1), "w1"), queue)
        held = turns.turn(job("a"))
        assert held.__enter__()
        with own_redis.stopped():
            held.__exit__(None, None, None)
        turns.catch_up()

        with turns.turn(job("b")) as is_ours:
            assert is_ours


def test_a_broker_that_comes_back_is_sent_who_stands_next(
    real_redis: Redis, own_redis: OwnRedis
) -> None:
    """Nobody else would call it while the platform is tested again and again."""
    broker = JobQueue(own_redis.url)
    turns = TargetTurns(TargetLimit(RoundTrips(real_redis), turn_limits(1), "w1"), broker)
    with own_redis.stopped():
        with turns.turn(job("a")), turns.turn(job("b")) as second:
            assert not second
        turns.catch_up()
    assert real_redis.smembers(calls_key("w1")) == {b"interactive:b " + TARGET.encode()}

    turns.catch_up()

    with connect(own_redis.url) as redis:
        assert called(redis) == ["b"]
    assert real_redis.smembers(calls_key("w1")) == set()
    broker.close()
