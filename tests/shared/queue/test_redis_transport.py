from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kombu import Consumer, Queue
from redis import Redis

from shared.distance import NEAR, Distance
from shared.queue.job_queue import celery_app
from shared.queue.queued_job import INTERACTIVE, QueuedJob
from shared.queue.taken_messages import TakenMessages
from shared.store.site_keys import DEFAULT_KEYS
from tests.network.tcp_proxy import HOST, tcp_proxy
from tests.running.service import poll
from tests.shared.conftest import forced

FAR = Distance.of("fra1")
KEY = "conncheck:worker:w1:taken"
SLOTS = 100


class Taker:
    """What a worker with SLOTS free slots takes."""

    def __init__(self, connection: Any, taken: TakenMessages) -> None:
        self.job_ids: list[str] = []
        self.taken = taken
        self._connection = connection

    def take(self, count: int) -> None:
        """Take messages until there have been `count` of them."""
        while len(self.job_ids) < count:
            self._connection.drain_events(timeout=10)

    def takes_more(self) -> bool:
        """Return whether another message comes within a moment."""
        with suppress(TimeoutError):
            self._connection.drain_events(timeout=0.3)
            return True
        return False

    def hear(self, message: Any) -> None:
        """Note a message."""
        self.job_ids.append(message.headers["id"])


@contextmanager
def taking(url: str, distance: Distance, slots: int = SLOTS) -> Iterator[Taker]:
    """Take messages at this distance."""
    taken = TakenMessages(KEY, INTERACTIVE, DEFAULT_KEYS)
    app = celery_app(url, taken, [INTERACTIVE], distance)
    with app.connection_for_read() as connection:
        taker = Taker(connection, taken)
        consumer = Consumer(connection, [Queue(INTERACTIVE)], on_message=taker.hear)
        consumer.qos(prefetch_count=slots)
        with consumer:
            yield taker


def pushed(redis: Redis, count: int) -> list[str]:
    """Put jobs into the queue; return their ids."""
    jobs: list[QueuedJob] = [forced(f"job-{n}") for n in range(count)]
    for job in jobs:
        _, queue, message = job.redis_push
        redis.lpush(queue, message)
    return [job.job_id for job in jobs]


def calls(redis: Redis, command: str) -> int:
    """Return how often a command was called since `config_resetstat`."""
    found: dict[str, dict[str, int]] = redis.info("commandstats")
    return found.get(f"cmdstat_{command}", {"calls": 0})["calls"]


def test_a_worker_far_away_takes_messages_together(real_redis: Redis, redis_url: str) -> None:
    """With one in each round trip of 200 ms, a batch would begin five tests in a second."""
    job_ids = pushed(real_redis, 60)
    real_redis.config_resetstat()

    with taking(redis_url, FAR) as taker:
        taker.take(60)

    assert taker.job_ids == job_ids
    assert calls(real_redis, "blmove") <= 7  # 1, 2, 4, 8, 16 and 29 of 32; and the next look


def test_a_worker_next_to_redis_takes_one_message_after_the_other(
    real_redis: Redis, redis_url: str
) -> None:
    """The jobs of a batch go to whichever worker is free."""
    job_ids = pushed(real_redis, 5)
    real_redis.config_resetstat()

    with taking(redis_url, NEAR) as taker:
        taker.take(5)

    assert taker.job_ids == job_ids
    assert calls(real_redis, "lmove") == 0


def test_no_worker_takes_more_messages_than_it_has_slots(real_redis: Redis, redis_url: str) -> None:
    """Another worker of the site may have some."""
    pushed(real_redis, 20)

    with taking(redis_url, FAR, slots=5) as taker:
        taker.take(5)
        assert not taker.takes_more()

    assert len(taker.job_ids) == 5
    assert real_redis.llen(INTERACTIVE) == 15


def test_what_was_taken_over_a_connection_that_was_cut_is_found(
    real_redis: Redis, redis_url: str
) -> None:
    """Redis has moved it, and its answers are lost."""
    job_ids = pushed(real_redis, 3)
    with (
        tcp_proxy(Path(redis_url.removeprefix("unix://"))) as path,
        taking(f"redis://{HOST}:{path.port}", FAR) as taker,
    ):
        taker.take(1)
        is_held = path.hold_answers_from(b"LMOVE")
        assert not taker.takes_more()
        assert is_held.wait(30)
        poll(lambda: real_redis.llen(INTERACTIVE) == 0)
        for _ in range(2):
            taker.taken.tidy(real_redis)
        path.heal()

    assert taker.job_ids == job_ids[:1]
    assert real_redis.llen(INTERACTIVE) == 2
