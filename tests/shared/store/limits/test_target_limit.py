from pathlib import Path

import pytest
from redis import Redis

from shared.queued_job import BULK, INTERACTIVE, QueuedJob, QueueName
from shared.store.connection import connect, connect_async
from shared.store.errors import StoreUnreachableError
from shared.store.limits.target_limit import TargetLimit, release
from shared.store.round_trips import RoundTrips
from tests.shared.conftest import Backend

TARGET = "cloud.example.com:8080"


def job(job_id: str, queue: QueueName = INTERACTIVE) -> QueuedJob:
    """Return a job at the target."""
    return QueuedJob(job_id, TARGET, queue)


@pytest.fixture
def limit(real_redis: Redis) -> TargetLimit:
    """Give a limit of two tests at a time."""
    return TargetLimit(RoundTrips(real_redis), 2)


def test_a_few_tests_at_a_time_have_their_turn(limit: TargetLimit) -> None:
    """A platform that is tested by a hundred at once is one that we have brought down."""
    turns = [limit.admit(job(job_id)) for job_id in ("a", "b", "c")]

    assert turns == ["taken", "taken", "waiting"]


def test_targets_do_not_wait_for_each_other(limit: TargetLimit) -> None:
    """A slow platform is nobody else's problem."""
    for job_id in ("a", "b", "c"):
        limit.admit(job(job_id))

    assert limit.admit(QueuedJob("d", "other.example.com:8080")) == "taken"


def test_a_turn_that_is_given_back_goes_to_the_next_in_line(limit: TargetLimit) -> None:
    """Whoever waits longest is first."""
    for job_id in ("a", "b", "c", "d"):
        limit.admit(job(job_id))

    assert limit.release(TARGET, "a") == job("c")
    assert limit.admit(job("c")) == "taken"
    assert limit.release(TARGET, "b") == job("d")
    assert limit.release(TARGET, "c") is None


def test_the_same_job_delivered_again_holds_its_turn_already(limit: TargetLimit) -> None:
    """A queue delivers at least once; a second turn would never be given back."""
    limit.admit(job("a"))

    assert limit.admit(job("a")) == "held"
    assert limit.admit(job("b")) == "taken"


def test_a_job_stands_in_line_once_however_often_it_is_delivered(limit: TargetLimit) -> None:
    """A turn that is offered to a job that has had it is one that nobody else gets."""
    for job_id in ("a", "b", "c", "c", "d"):
        limit.admit(job(job_id))

    called = [limit.release(TARGET, job_id) for job_id in ("a", "b", "c")]
    assert called == [job("c"), job("d"), None]


def test_who_stood_in_line_goes_back_to_its_own_queue(limit: TargetLimit) -> None:
    """Somebody who waits must not be sent to the end of a bulk, nor the other way round."""
    for one in (job("a"), job("b", BULK), job("c", BULK), job("d")):
        limit.admit(one)

    assert limit.release(TARGET, "a") == job("c", BULK)
    assert limit.release(TARGET, "b") == job("d", INTERACTIVE)


def test_the_turn_of_a_dead_worker_can_be_given_back_for_it(
    real_redis: Redis, redis_url: str
) -> None:
    """Otherwise its platform could not be tested for ten minutes."""
    limit = TargetLimit(RoundTrips(real_redis), 1)
    limit.admit(job("a"))
    limit.admit(job("b"))
    backend = Backend(real_redis, lambda: connect_async(redis_url))

    assert backend.run(lambda redis: release(redis, TARGET, "a")) == job("b")
    assert limit.admit(job("b")) == "taken"


def test_nothing_of_it_stays_for_ever(limit: TargetLimit, real_redis: Redis) -> None:
    """Every address that was ever tested would have its keys."""
    for job_id in ("a", "b", "c"):
        limit.admit(job(job_id))

    keys = real_redis.keys("*")
    assert isinstance(keys, list)
    assert len(keys) == 2
    assert all(real_redis.ttl(key) != -1 for key in keys)


def test_a_store_that_is_away_is_named_so(tmp_path: Path) -> None:
    """A worker that can't tell must be able to say so."""
    away = TargetLimit(RoundTrips(connect(f"unix://{tmp_path / 'none.sock'}")), 2)

    with pytest.raises(StoreUnreachableError):
        away.admit(job("a"))
    with pytest.raises(StoreUnreachableError):
        away.release(TARGET, "a")
