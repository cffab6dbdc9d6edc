import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
from redis import Redis

from shared.queue import (
    INTERACTIVE,
    QUEUES,
    RUN_JOB,
    JobQueue,
    QueuedJob,
    QueueUnreachableError,
    broker_url,
    celery_app,
)


@pytest.fixture
def queue(real_redis: Redis, redis_url: str) -> Iterator[JobQueue]:
    """Give the API's end of a queue in the real Redis, empty."""
    jobs = JobQueue(redis_url)
    yield jobs
    jobs.close()


def messages(redis: Redis) -> list[dict[str, Any]]:
    """Return what waits in the queue, the oldest first."""
    raw = cast("list[bytes]", redis.lrange(INTERACTIVE, 0, -1))
    return [json.loads(message) for message in reversed(raw)]


@pytest.mark.parametrize(
    ("redis_url", "kombu_url"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("rediss://:secret@h/1", "rediss://:secret@h/1?ssl_cert_reqs=required"),
        ("rediss://h/1?a=b", "rediss://h/1?a=b&ssl_cert_reqs=required"),
        ("rediss://h?ssl_cert_reqs=none", "rediss://h?ssl_cert_reqs=none"),
        ("amqp://h", "amqp://h"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
    ],
)
def test_kombu_is_given_its_own_spelling_of_a_url(redis_url: str, kombu_url: str) -> None:
    """The operator sets one URL; kombu spells sockets otherwise and checks no certificate."""
    assert broker_url(redis_url) == kombu_url


def test_a_job_is_one_message_with_its_id_and_its_target_and_nothing_else(
    queue: JobQueue, real_redis: Redis
) -> None:
    """The queue is the place where a request would be repeated, logged and monitored."""
    queue.send([QueuedJob("4f2a", "t")])

    (message,) = messages(real_redis)
    args, kwargs, _ = json.loads(b64decode(message["body"]))
    assert (args, kwargs) == (["4f2a", "t"], {})
    assert (message["headers"]["task"], message["headers"]["id"]) == (RUN_JOB, "4f2a")


def test_many_jobs_are_one_message_each_in_order(queue: JobQueue, real_redis: Redis) -> None:
    """Whoever asked first is served first."""
    job_ids = [f"job-{number}" for number in range(50)]

    queue.send([QueuedJob(job_id, "") for job_id in job_ids])

    assert [message["headers"]["id"] for message in messages(real_redis)] == job_ids


def test_the_messages_that_no_worker_has_taken_are_counted(queue: JobQueue) -> None:
    """An empty queue beside waiting jobs means that the broker has lost them."""
    queue.send([QueuedJob("a", ""), QueuedJob("b", "")])

    assert queue.waiting() == 2


def test_a_broker_on_amqp_confirms_what_it_was_sent() -> None:
    """A message that was lost would look like one that was sent."""
    options = celery_app("amqp://h").conf.broker_transport_options

    assert options == {"confirm_publish": True}


def test_a_broker_that_is_away_is_named_so(tmp_path: Path) -> None:
    """The API answers 503 to that instead of trying for ever."""
    away = JobQueue(f"unix://{tmp_path / 'none.sock'}")
    began_s = monotonic()

    with pytest.raises(QueueUnreachableError):
        away.send([QueuedJob("4f2a", "")])

    assert monotonic() - began_s < 5


def test_only_json_is_accepted(redis_url: str) -> None:
    """A pickled message from whoever can write to Redis would be code that we run."""
    conf = celery_app(redis_url).conf

    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"


def test_workers_take_one_message_at_a_time_and_keep_it_until_done(redis_url: str) -> None:
    """A job that a dead worker had in its pocket would be lost, or wait behind a slow one."""
    conf = celery_app(redis_url).conf

    assert conf.task_acks_late is True
    assert conf.worker_prefetch_multiplier == 1
    assert {one.name for one in conf.task_queues} == set(QUEUES)
