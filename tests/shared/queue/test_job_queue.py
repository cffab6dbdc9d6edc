import json
import socket
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from redis import Redis

from cli.service.up import free_port
from shared.queue.job_queue import (
    CONFIRM_S,
    CONNECT_S,
    JobQueue,
    QueueUnreachableError,
    broker_url,
    celery_app,
)
from shared.queue.queued_job import BULK, INTERACTIVE, QUEUES, RUN_JOB, QueuedJob
from tests.network.tcp_proxy import tcp_proxy
from tests.running.own_redis import OwnRedis


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
        (
            "redis+sentinel://u:p%40@a,[::1]:7/s/2",
            "sentinel://u:p%40@a:26379/2;sentinel://u:p%40@[::1]:7/2",
        ),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
    ],
)
def test_kombu_is_given_its_own_spelling_of_a_url(redis_url: str, kombu_url: str) -> None:
    """The operator sets one URL; kombu spells sockets otherwise and checks no certificate."""
    assert broker_url(redis_url) == kombu_url


def test_a_job_is_one_message_with_its_id_its_target_its_queue_and_nothing_else(
    queue: JobQueue, real_redis: Redis
) -> None:
    """The queue is the place where a request would be repeated, logged and monitored."""
    queue.send([QueuedJob("4f2a", "t")])

    (message,) = messages(real_redis)
    args, kwargs, _ = json.loads(b64decode(message["body"]))
    assert (args, kwargs) == (["4f2a", "t", "interactive"], {})
    assert (message["headers"]["task"], message["headers"]["id"]) == (RUN_JOB, "4f2a")


def test_many_jobs_are_one_message_each_in_order(queue: JobQueue, real_redis: Redis) -> None:
    """Whoever asked first is served first."""
    job_ids = [f"job-{number}" for number in range(50)]

    queue.send([QueuedJob(job_id, "") for job_id in job_ids])

    assert [message["headers"]["id"] for message in messages(real_redis)] == job_ids


def test_all_looks_share_one_connection(queue: JobQueue, real_redis: Redis) -> None:
    """Each worker looks every two seconds, for as long as it lives."""
    queue.waiting(INTERACTIVE)
    before = real_redis.info("stats")["total_connections_received"]

    for _ in range(5):
        queue.waiting(INTERACTIVE)

    assert real_redis.info("stats")["total_connections_received"] == before


def test_a_look_outlives_a_broker_that_was_away(own_redis: OwnRedis) -> None:
    """The connection of the last look has died with it."""
    jobs = JobQueue(own_redis.url)
    assert jobs.waiting(INTERACTIVE) == 0
    with own_redis.stopped(), pytest.raises(QueueUnreachableError):
        jobs.waiting(INTERACTIVE)

    assert jobs.waiting(INTERACTIVE) == 0
    with own_redis.stopped():
        pass
    assert jobs.waiting(INTERACTIVE) == 0
    jobs.close()


def test_the_messages_that_no_worker_has_taken_are_counted(queue: JobQueue) -> None:
    """An empty queue beside waiting jobs means that the broker has lost them."""
    queue.send([QueuedJob("a", ""), QueuedJob("b", "")])

    assert queue.waiting(INTERACTIVE) == 2


def test_a_broker_on_amqp_confirms_what_it_was_sent() -> None:
    """A message that was lost would look like one that was sent."""
    options = celery_app("amqp://h").conf.broker_transport_options

    assert options["confirm_publish"] is True


def test_a_job_goes_to_its_own_queue(queue: JobQueue, real_redis: Redis) -> None:
    """A bulk must not stand before somebody who waits."""
    queue.send(
        [QueuedJob("a", "", BULK), QueuedJob("b", "", INTERACTIVE), QueuedJob("c", "", BULK)]
    )

    assert [message["headers"]["id"] for message in messages(real_redis)] == ["b"]
    assert [queue.waiting(name) for name in (INTERACTIVE, BULK)] == [1, 2]


@contextmanager
def queue_at(url: str) -> Iterator[JobQueue]:
    """Give the API's end of a queue while the block runs."""
    jobs = JobQueue(url)
    try:
        yield jobs
    finally:
        jobs.close()


def test_a_caller_is_told_within_two_seconds_that_the_broker_is_away() -> None:
    """It connects, and waits for the confirmation."""
    assert CONNECT_S + CONFIRM_S < 2


@pytest.mark.parametrize("url", ["unix:///no/such.sock", "redis://{}", "amqp://guest:guest@{}//"])
def test_a_broker_that_is_away_is_given_up_in_time(url: str) -> None:
    """The API answers 503 to that instead of trying for ever."""
    with queue_at(url.format(f"127.0.0.1:{free_port('127.0.0.1')}")) as away:
        for _ in range(2):
            with pytest.raises(QueueUnreachableError):
                away.send([QueuedJob("4f2a", "")])
        with pytest.raises(QueueUnreachableError):
            away.waiting(INTERACTIVE)


@pytest.mark.parametrize("url", ["redis://{}", "amqp://guest:guest@{}//"])
def test_a_broker_that_says_nothing_is_given_up_in_time(url: str) -> None:
    """A machine that hangs still takes connections."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        queue_at(url.format(f"127.0.0.1:{silent.getsockname()[1]}")) as hung,
    ):
        with pytest.raises(QueueUnreachableError):
            hung.send([QueuedJob("4f2a", "")])
        with pytest.raises(QueueUnreachableError):
            hung.waiting(INTERACTIVE)


def test_a_rabbitmq_that_hangs_is_given_up_in_time_and_is_used_again(rabbitmq: str) -> None:
    """AMQP has no answer that is due but the confirmation, and would wait for that for ever."""
    server = urlsplit(rabbitmq)
    assert server.hostname
    assert server.port
    with (
        tcp_proxy((server.hostname, server.port)) as path,
        queue_at(f"amqp://guest:guest@127.0.0.1:{path.port}//") as jobs,
    ):
        jobs.send([QueuedJob("first", "")])
        path.stall()
        for _ in range(2):
            with pytest.raises(QueueUnreachableError):
                jobs.send([QueuedJob("lost", "")])
        path.heal()

        jobs.send([QueuedJob("last", "")])


def test_the_first_message_after_a_restart_that_nobody_noticed_is_sent(
    real_redis: Redis, redis_url: str
) -> None:
    """The connection in the pool is dead, and the broker is not."""
    with (
        tcp_proxy(Path(redis_url.removeprefix("unix://"))) as path,
        queue_at(f"redis://127.0.0.1:{path.port}") as jobs,
    ):
        jobs.send([QueuedJob("first", "")])
        path.cut()
        path.heal()

        jobs.send([QueuedJob("last", "")])
        assert jobs.waiting(INTERACTIVE) == 2

    assert [message["headers"]["id"] for message in messages(real_redis)] == ["first", "last"]


def test_i9_only_json_is_accepted(redis_url: str) -> None:
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


def test_a_worker_that_lost_its_connection_keeps_all_its_slots() -> None:
    """Celery would fetch one message at a time until as many new ones had come as it was at."""
    assert celery_app("amqp://h").conf.worker_enable_prefetch_count_reduction is False


def test_a_queue_leaves_nothing_of_its_library_in_redis(queue: JobQueue, real_redis: Redis) -> None:
    """A key with one name for all sites is one that no user of a site may write."""
    queue.send([QueuedJob("4f2a", ""), QueuedJob("b", "", site="fra1")])

    assert {*real_redis.keys("*")} == {b"interactive", b"conncheck@fra1:interactive"}
