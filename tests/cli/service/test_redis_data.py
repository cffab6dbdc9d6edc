import os
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import pytest

from cli.service.embedded_redis import redis_server, release_of_server
from cli.service.redis_data import why_unreadable
from shared.store.connection import connect
from shared.store.redis_release import Maker, RedisRelease
from tests.running.own_redis import OwnRedis

# What Redis 6.2.14 left of two XADDs with an AOF rewrite between them: an RDB file with a command
# behind it.
OF_REDIS_6_2 = b64decode(
    "UkVESVMwMDA5+glyZWRpcy12ZXIGNi4yLjE0+gpyZWRpcy1iaXRzwED6BWN0aW1lwtJiC2v6CHVzZWQtbWVtwghVDgD6DGFv"
    "Zi1wcmVhbWJsZcAB/gD7AQAPA2pvYgEQAAAAAAAAAAEAAAAAAAAAARwcAAAACgABAQABAQGBYQIAAQIBAAEAAQEBBAH/AQEB"
    "AP/tUJWELz/jwSoyDQokNg0KU0VMRUNUDQokMQ0KMA0KKjUNCiQ0DQpYQUREDQokMw0Kam9iDQokMw0KMi0xDQokMQ0KYQ0K"
    "JDENCjINCg=="
)


def written(data_dir: Path, base: bytes, name: str = "appendonly.aof.2.base.rdb") -> Path:
    """Lay out `data_dir` as a server of today does whose base file begins with `base`."""
    directory = data_dir / "appendonlydir"
    directory.mkdir()
    (directory / name).write_bytes(base)
    (directory / "appendonly.aof.manifest").write_text(
        f"file {name} seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n"
    )
    return data_dir


def test_what_redis_6_2_kept_is_read_by_the_server_of_today(tmp_path: Path) -> None:
    """`up` brought Redis 6.2 until now, and no queued job may be lost by an upgrade."""
    (tmp_path / "appendonly.aof").write_bytes(OF_REDIS_6_2)
    server = OwnRedis(tmp_path)
    server.start()
    try:
        with connect(server.url) as redis:
            assert [entry[1] for entry in redis.xrange("job")] == [{b"a": b"1"}, {b"a": b"2"}]
    finally:
        server.stop()


def test_a_server_may_go_on_with_its_own_data(tmp_path: Path) -> None:
    """It is what happens at each restart."""
    server = OwnRedis(tmp_path)
    server.start()
    server.stop()

    assert why_unreadable(release_of_server(redis_server()), tmp_path) is None


def test_redis_6_2_is_not_started_on_what_a_later_one_kept(tmp_path: Path) -> None:
    """It does not look into the directory of a later one: it would begin without any job."""
    server = OwnRedis(tmp_path)
    server.start()
    server.stop()

    reason = why_unreadable(RedisRelease("Redis", "6.2.14"), tmp_path)

    assert reason
    assert "Redis 6.2.14 can't read the jobs" in reason
    assert "Nothing is lost" in reason


@pytest.mark.parametrize(
    ("base", "maker", "version", "is_read"),
    [
        (b"REDIS0010\xfa", "Redis", "7.0.15", True),
        (b"REDIS0011\xfa", "Redis", "7.0.15", False),
        (b"REDIS0011\xfa", "Redis", "7.2.4", True),
        (b"REDIS0012\xfa", "Redis", "8.10.1", True),
        (b"REDIS0011\xfa", "Valkey", "9.1.2", True),
        (b"REDIS0012\xfa", "Valkey", "9.1.2", False),
        (b"VALKEY080", "Valkey", "9.1.2", True),
        (b"VALKEY080", "Valkey", "8.1.4", False),
        (b"VALKEY080", "Redis", "8.10.1", False),
        (b"*2\r\n$6\r\nSELECT", "Redis", "7.0.15", True),  # commands, which all read
    ],
)
def test_a_format_is_read_by_those_that_know_it(
    tmp_path: Path, base: bytes, maker: Maker, version: str, is_read: bool
) -> None:
    """Redis calls a format that it does not know a damaged file, and advises to cut it off."""
    reason = why_unreadable(RedisRelease(maker, version), written(tmp_path, base))

    assert (reason is None) == is_read


def test_an_empty_directory_is_for_any_server(tmp_path: Path) -> None:
    """It is what happens at the first start, and after an upgrade from 6.2."""
    old = RedisRelease("Redis", "6.2.14")

    assert why_unreadable(old, tmp_path) is None
    (tmp_path / "appendonly.aof").write_bytes(OF_REDIS_6_2)
    assert why_unreadable(old, tmp_path) is None


def test_up_says_that_another_server_wrote_the_data(tmp_path: Path) -> None:
    """Who installs an old redis-server beside the wheel sees its own words, not Redis's."""
    programs = tmp_path / "bin"
    programs.mkdir()
    old = programs / "redis-server"
    old.write_text("#!/bin/sh\necho Redis server v=7.0.15 sha=0 bits=64\n")
    old.chmod(0o755)
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    written(data_dir, b"VALKEY080")

    ended = subprocess.run(
        [sys.executable, "-m", "cli", "up", "--port", "0", "--data-dir", str(data_dir)],
        env={"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ended.returncode != 0
    assert "Redis 7.0.15 can't read the jobs" in ended.stderr
    assert "VALKEY080" in ended.stderr
    assert str(old) in ended.stderr
