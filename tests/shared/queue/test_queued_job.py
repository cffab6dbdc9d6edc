import json
import logging
from base64 import b64decode
from queue import Queue
from typing import Any, cast

from celery.contrib.testing.worker import start_worker
from redis import Redis

from shared.queue.job_queue import JobQueue, celery_app
from shared.queue.queued_job import BULK, RUN_JOB, QueuedJob
from shared.queue.taken_messages import TakenMessages
from shared.store.site_keys import DEFAULT_KEYS

JOB = QueuedJob("4f2a", "h:1", BULK, "acme")
TAKEN_WITHIN_S = 30


def test_a_job_without_a_share_is_sent_as_the_version_before_knew_it() -> None:
    """While workers are being upgraded, an old one may be given what a new one calls."""
    assert QueuedJob("4f2a", "h:1", BULK).message == ("4f2a", "h:1", "bulk")
    assert QueuedJob("4f2a", "h:1", BULK, "acme").message == ("4f2a", "h:1", "bulk", "acme")


def test_what_is_pushed_says_what_celery_would_say(redis_url: str, real_redis: Redis) -> None:
    """Both kinds of messages meet in one list, and every worker takes both."""
    queue = JobQueue(redis_url)
    queue.send([JOB])
    queue.close()
    real_redis.lpush(*JOB.redis_push[1:])

    waiting = cast("list[bytes]", real_redis.lrange(BULK, 0, -1))
    ours, celerys = (json.loads(message) for message in waiting)
    assert json.loads(ours.pop("body"))[:2] == json.loads(b64decode(celerys.pop("body")))[:2]
    _is_part_of(celerys, ours)


def _is_part_of(whole: dict[str, Any], part: dict[str, Any]) -> None:
    for key, value in part.items():
        if isinstance(value, dict):
            _is_part_of(whole[key], value)
        elif key != "delivery_tag":
            assert whole[key] == value


def test_a_job_that_is_sent_twice_is_two_messages() -> None:
    """A worker that has both acknowledges each by its tag."""
    tags = {
        json.loads(text)["properties"]["delivery_tag"]
        for _, _, text in (JOB.redis_push, JOB.redis_push)
    }

    assert len(tags) == 2


def test_a_worker_takes_what_is_pushed(redis_url: str, real_redis: Redis) -> None:
    """It is Celery's message, without Celery's way to the broker."""
    messages = TakenMessages("taken", BULK, DEFAULT_KEYS)
    app = celery_app(redis_url, messages)
    taken: Queue[tuple[str, ...]] = Queue()

    def take(*args: str) -> None:
        taken.put(args)

    app.task(take, name=RUN_JOB)

    # Celery sets the level of all logs, for the tests to come as well: it stays what it is.
    level = logging.getLevelName(logging.getLogger().level)
    own = {"queues": [BULK], "perform_ping_check": False, "loglevel": level}
    with start_worker(app, pool="threads", **own):
        real_redis.lpush(*JOB.redis_push[1:])
        assert taken.get(timeout=TAKEN_WITHIN_S) == JOB.message
    app.close()

    messages.tidy(real_redis)
    assert real_redis.llen(BULK) == real_redis.llen(messages.key) == 0
