from typing import cast

import pytest
from redis import Redis

from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import INTERACTIVE, QueuedJob
from shared.queue.taken_messages import (
    TakenMessages,
    forget_taken,
    job_id_of,
    taken_in,
)
from shared.store.site_keys import DEFAULT_KEYS
from tests.api.broker import queued_jobs

WORKER = "worker-1"
KEY = DEFAULT_KEYS.taken_by(WORKER)


@pytest.fixture
def taken(real_redis: Redis, redis_url: str) -> TakenMessages:
    """Give what a worker has of a queue of three jobs: nothing yet."""
    queue = JobQueue(redis_url)
    queue.send([QueuedJob(job_id, "") for job_id in "abc"])
    queue.close()
    return TakenMessages(KEY, INTERACTIVE, DEFAULT_KEYS)


def take(redis: Redis, taken: TakenMessages) -> str:
    """Take the next message, and return its tag."""
    message = move(redis)
    tag = job_id_of(message)
    assert tag
    taken.add(tag, message)
    return tag


def move(redis: Redis) -> bytes:
    """Let Redis give the worker the next message, whose arrival is not certain."""
    return cast("bytes", redis.lmove(INTERACTIVE, KEY, "RIGHT", "LEFT"))


def in_list(redis: Redis) -> list[str | None]:
    return [job_id_of(message) for message in taken_in(redis, KEY)]


def test_what_is_over_leaves_the_list_and_the_rest_stays(
    real_redis: Redis, taken: TakenMessages
) -> None:
    """Whoever buries the worker sends the rest again."""
    first, _, _ = (take(real_redis, taken) for _ in range(3))
    taken.end(first)
    assert (len(taken), in_list(real_redis)) == (2, ["a", "b", "c"])

    taken.tidy(real_redis)

    assert in_list(real_redis) == ["b", "c"]
    assert real_redis.ttl(KEY) > 0
    assert queued_jobs(real_redis) == []


def test_a_message_whose_arrival_was_lost_is_given_back(
    real_redis: Redis, taken: TakenMessages
) -> None:
    """Its connection was cut, and no other worker would hear of it while this one lives."""
    take(real_redis, taken)
    move(real_redis)

    taken.tidy(real_redis)
    assert queued_jobs(real_redis) == ["c"]  # it may be arriving just now
    taken.tidy(real_redis)

    assert queued_jobs(real_redis) == ["b", "c"]
    assert in_list(real_redis) == ["a"]


def test_a_message_that_was_just_arriving_is_not_given_back(
    real_redis: Redis, taken: TakenMessages
) -> None:
    """Its job would be sent twice."""
    message = move(real_redis)
    taken.tidy(real_redis)
    taken.add("a", message)

    taken.tidy(real_redis)

    assert queued_jobs(real_redis) == ["b", "c"]
    assert in_list(real_redis) == ["a"]


def test_a_redis_that_forgot_the_list_loses_and_doubles_nothing(
    real_redis: Redis, taken: TakenMessages
) -> None:
    """A failover may have kept the queue of a moment before."""
    first = take(real_redis, taken)
    real_redis.lmove(KEY, INTERACTIVE, "LEFT", "RIGHT")
    taken.end(first)

    taken.tidy(real_redis)
    taken.give_back_all(real_redis)

    assert queued_jobs(real_redis) == ["a", "b", "c"]


def test_a_worker_that_stops_gives_back_all_that_is_not_over(
    real_redis: Redis, taken: TakenMessages
) -> None:
    """Another one can take it at once, the oldest first."""
    first = take(real_redis, taken)
    take(real_redis, taken)
    move(real_redis)
    taken.end(first)

    taken.give_back_all(real_redis)

    assert queued_jobs(real_redis) == ["b", "c"]
    assert real_redis.exists(KEY) == 0


def test_what_could_not_be_told_is_told_later(real_redis: Redis, taken: TakenMessages) -> None:
    """The broker was away, or refused writes; then the message would come back to life."""
    taken.end(take(real_redis, taken))
    real_redis.replicaof("127.0.0.1", "1")
    with pytest.raises(Exception, match="read only replica"):
        taken.tidy(real_redis)
    real_redis.replicaof("NO", "ONE")

    taken.tidy(real_redis)

    assert in_list(real_redis) == []


def test_only_what_was_seen_of_a_dead_worker_is_forgotten(
    real_redis: Redis, taken: TakenMessages
) -> None:
    """It may have been slow, and take more meanwhile."""
    take(real_redis, taken)
    seen = taken_in(real_redis, KEY)
    take(real_redis, taken)

    forget_taken(real_redis, KEY, seen)

    assert in_list(real_redis) == ["b"]


@pytest.mark.parametrize("message", [b"", b"[]", b"{}", b'{"headers": {"id": 1}}', b"\xff"])
def test_a_message_of_another_kind_is_no_job_s(message: bytes) -> None:
    """One that can't be read must not keep the reaper from the others."""
    assert job_id_of(message) is None
