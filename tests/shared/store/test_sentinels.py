"""A Redis of three processes that three sentinels watch, seen by those who use it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import pytest
from redis import Redis, RedisError

from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import INTERACTIVE, QueuedJob
from shared.settings import Settings
from shared.store.connection import connect, connect_async
from shared.store.copies import Copies
from shared.store.errors import StoreUnreachableError
from shared.store.gate import RedisGate
from shared.store.sentinels import are_settled
from tests.running.own_sentinels import OwnSentinels, own_sentinels
from tests.running.service import poll
from worker.tcp.own_services import OwnServices

HERE = ip_address("127.0.0.1")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnSentinels]:
    """Give a Redis with two replicas and three sentinels."""
    with own_sentinels(tmp_path) as running:
        yield running


def is_written(client: Redis, key: str) -> bool:
    """Return whether there was a primary to write to."""
    with suppress(RedisError):
        return bool(client.set(key, 1))
    return False


def test_both_kinds_of_clients_and_the_queue_follow_the_primary(redis: OwnSentinels) -> None:
    """Whoever stays with a former primary writes what nobody will read."""
    queue = JobQueue(redis.url)
    queue.send([QueuedJob("before", "")])

    async def write(key: str) -> None:
        async with connect_async(redis.url) as client:
            await client.set(key, 1)

    with connect(redis.url) as client:
        client.set("before", 1)
        redis.kill_primary()
        poll(lambda: is_written(client, "after"))  # the sentinels agree a moment later
        asyncio.run(write("later"))
        queue.send([QueuedJob("after", "")])

    with redis.primary().client() as primary:
        assert primary.exists("before", "after", "later") == 3
        assert primary.llen(INTERACTIVE) == 2
    queue.close()


def test_no_caller_may_test_the_redis_behind_the_sentinels(redis: OwnSentinels) -> None:
    """B11: only the sentinels are named, and they know the others."""
    own = OwnServices.of(Settings.model_validate({"redis_url": redis.url}))

    assert all(own.hold(HERE, node.port) for node in (*redis.nodes, *redis.sentinels))
    assert not own.hold(HERE, 443)


def test_a_fact_counts_when_a_replica_has_it(redis: OwnSentinels) -> None:
    """The primary's machine may die in the next moment."""
    frozen = [node for node in redis.nodes if node is not redis.primary()]

    async def write() -> None:
        async with connect_async(redis.url) as client:
            await client.set("key", 1)
            await Copies(RedisGate(client)).wait_for("key")

    asyncio.run(write())
    with frozen[0].frozen():
        asyncio.run(write())  # the other one has it
        with frozen[1].frozen(), pytest.raises(StoreUnreachableError):
            asyncio.run(write())


def test_nothing_is_settled_while_a_failover_is_under_way_or_a_sentinel_knows_better() -> None:
    """A replica may have left the primary already, to be its successor."""
    here, elsewhere = {"ip": "a", "port": 1}, {"ip": "b", "port": 1}
    old = {**here, "config-epoch": 1, "flags": "master"}
    leading = {**here, "config-epoch": 1, "flags": "master,failover_in_progress"}
    new = {**elsewhere, "config-epoch": 2, "flags": "master"}

    assert are_settled([old, old], ("a", 1))
    assert not are_settled([old, leading], ("a", 1))
    assert not are_settled([old, new], ("a", 1))
    assert are_settled([old, new], ("b", 1))
