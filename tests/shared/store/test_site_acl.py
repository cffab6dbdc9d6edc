from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from shared.store.site_acl import acl_rule
from tests.running.own_redis import OwnRedis

PASSWORD = "hunter2-hunter2"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """Give the connection of a worker of fra1, beside which there are keys of others."""
    own = OwnRedis(tmp_path)
    own.start()
    socket = str(tmp_path / "redis.sock")
    with Redis(unix_socket_path=socket) as administrator:
        for key in ("conncheck@sin1:job:1", "conncheck:job:1", "conncheck@fra1:job:1"):
            administrator.set(key, "x")
        rule = acl_rule("fra1").split()
        administrator.execute_command("ACL", "SETUSER", "fra1", f">{PASSWORD}", *rule)
    with Redis(unix_socket_path=socket, username="fra1", password=PASSWORD) as worker:
        yield worker
    own.stop()


def test_a_worker_reads_and_writes_the_keys_of_its_site(redis: Redis) -> None:
    """It has a stream a job, a queue, and a channel for cancellations."""
    assert redis.get("conncheck@fra1:job:1") == b"x"
    with redis.pipeline(transaction=False) as together:
        together.lpush("conncheck@fra1:interactive", "message")
        together.llen("conncheck@fra1:interactive")
        assert together.execute() == [1, 1]
    redis.publish("conncheck@fra1:cancellations", "1")
    assert redis.time()
    assert redis.info("persistence")["loading"] == 0


@pytest.mark.parametrize(
    "command",
    [
        "GET conncheck@sin1:job:1",
        "GET conncheck:job:1",
        "DEL conncheck@sin1:job:1",
        "SET conncheck@fra10 x",
        "RENAME conncheck@fra1:job:1 conncheck@sin1:job:1",
        "PUBLISH conncheck@sin1:cancellations 1",
        "SUBSCRIBE conncheck:cancellations",
        "PSUBSCRIBE *",
        "MULTI",
        "PUBSUB CHANNELS",
        "SELECT 1",
        "INFO clients",
        "EVAL return 0",
        "SCRIPT LOAD return",
        "FUNCTION FLUSH",
        "FUNCTION LOAD x",
        "FUNCTION DELETE conncheck",
        "KEYS *",
        "SCAN 0",
        "RANDOMKEY",
        "FLUSHALL",
        "CONFIG GET *",
        "ACL LIST",
        "MONITOR",
        "CLIENT LIST",
        "CLIENT KILL ID 1",
        "INFO",
    ],
)
def test_it_can_touch_nothing_else(redis: Redis, command: str) -> None:
    """A stolen password of a site opens that site alone."""
    arguments = command.split()
    if arguments[0] == "EVAL":
        arguments = ["EVAL", "return 0", "0"]

    with pytest.raises(NoPermissionError):
        redis.execute_command(*arguments)  # type: ignore[no-untyped-call] # redis-py has no types
