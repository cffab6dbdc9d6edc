import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis

from shared.distance import Distance
from shared.store.connection import (
    FOR_THREADS,
    MOST_AT_ONCE,
    TIMEOUT_S,
    connect,
    connect_async,
    is_open_to_all,
    is_redis_url,
    open_ahead,
)
from tests.running.own_redis import OwnRedis
from tests.running.service import poll

TOLD_WITHIN_S = 2.0
PATIENCE_S = 30.0  # a busy machine may take a while for a million bytes


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """Give the URL of a server that takes connections and never says a word, and its socket."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "silent.sock"))
        listening.listen()
        yield f"unix://{tmp_path / 'silent.sock'}", listening


def _connections(listening: socket.socket) -> int:
    """Return how many connections wait to be accepted."""
    listening.setblocking(False)  # noqa: FBT003 -- the socket module's
    count = 0
    with suppress(BlockingIOError):
        while True:
            listening.accept()[0].close()
            count += 1
    return count


def _connections_in(redis: Redis) -> int:
    return int(redis.info("clients")["connected_clients"])


def test_connections_are_opened_before_they_are_needed(own_redis: OwnRedis) -> None:
    """From far away each takes a second, which the first tests would wait for."""
    far = Distance.of("fra1")
    with connect(own_redis.url, far) as redis:
        redis.ping()
        before = _connections_in(redis)
        open_ahead(redis, far.connections)
        ahead = _connections_in(redis) - before

    assert ahead == far.connections - 1  # the first ping has opened one


def test_a_redis_that_is_away_is_connected_to_later() -> None:
    """A worker starts all the same."""
    with connect("unix:///nowhere/redis.sock", Distance.of("fra1")) as redis:
        open_ahead(redis, 2)


def test_a_connection_to_a_redis_far_away_is_probed_while_it_is_idle() -> None:
    """A firewall on the way forgets what is silent, and the next question would be lost."""
    far = Distance.of("fra1")
    with connect("redis://127.0.0.1", far) as redis:
        options = redis.connection_pool.connection_kwargs["socket_keepalive_options"]

    assert options[socket.TCP_KEEPIDLE] == far.idle_s


def _ping(url: str) -> None:
    with connect(url) as redis:
        redis.ping()


def _ping_async(url: str) -> None:
    async def ping() -> None:
        async with connect_async(url) as redis:
            await redis.echo("x")

    asyncio.run(ping())


@pytest.mark.parametrize(
    "url",
    [
        "redis://h",
        "redis://:secret@h:6379/0",
        "rediss://user:secret@[::1]:6380/1?ssl_ca_certs=/etc/ca.pem",
        "unix:///run/redis.sock?db=3",
    ],
)
def test_a_url_that_clients_can_be_made_for_is_told(url: str) -> None:
    """It says nothing of whether a server is there."""
    assert is_redis_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h:6379",
        "http://h",
        "redis:h",
        "redis://h:port",
        "redis://h:99999",
        "redis://:a/b@h",
        "redis://[::1",
        "redis://h?socket_timeout=x",
        "redis://h?novel=1",
    ],
)
def test_a_url_that_no_client_can_be_made_for_is_told(url: str) -> None:
    """It is to be said at the start, not at the first job."""
    assert not is_redis_url(url)


def test_a_store_that_hangs_is_given_up_in_time(silent: tuple[str, socket.socket]) -> None:
    """A caller is told within two seconds; a hanging store must not be waited for twice."""
    url, listening = silent

    with pytest.raises(RedisError):
        _ping(url)

    assert _connections(listening) == 1
    assert TIMEOUT_S < TOLD_WITHIN_S


@pytest.mark.parametrize("ping", [_ping, _ping_async])
def test_a_store_that_is_not_there_is_given_up_at_once(
    ping: Callable[[str], None], tmp_path: Path
) -> None:
    """There is nothing to wait for."""
    with pytest.raises(RedisError):
        ping(f"unix://{tmp_path / 'none.sock'}")


def test_a_connection_that_died_while_idle_is_not_noticed(
    real_redis: Redis, redis_url: str
) -> None:
    """A firewall or a restart cuts connections of which nobody is told."""
    with connect(redis_url) as redis:
        redis.ping()
        real_redis.client_kill_filter(_type="normal", skipme=True)

        assert redis.ping()


def test_many_threads_share_a_few_connections(real_redis: Redis, redis_url: str) -> None:
    """Two hundred jobs at a time must not mean two hundred connections."""
    with connect(redis_url) as redis, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: redis.ping(), range(500)))
        clients = real_redis.client_list(_type="normal")

    assert all(answers)
    assert isinstance(clients, list)
    assert len(clients) <= FOR_THREADS + 1


def test_a_crowd_of_coroutines_waits_for_its_turns(real_redis: Redis, redis_url: str) -> None:
    """Five hundred callers at once must not mean an error for most, nor a connection for each."""

    async def ask_together() -> list[bytes | str]:
        async with connect_async(redis_url, timeout_s=60) as redis:
            return list(await asyncio.gather(*(redis.echo("x") for _ in range(500))))

    opened_before = real_redis.info("stats")["total_connections_received"]

    assert asyncio.run(ask_together()) == [b"x"] * 500

    opened = real_redis.info("stats")["total_connections_received"] - opened_before
    assert opened <= 2 * MOST_AT_ONCE


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("redis://redis.example.com:6379/0", True),
        ("rediss://10.0.0.5/0", True),
        ("redis://:secret@redis.example.com/0", False),
        ("redis://user:secret@redis.example.com/0", False),
        ("redis://redis.example.com/0?password=secret", False),
        ("redis://127.0.0.1:6379/0", False),
        ("unix:///run/redis.sock?db=0", False),
        ("amqp://guest:guest@10.0.0.5//", False),
    ],
)
def test_i9_a_store_without_a_password_is_told(url: str, is_open: bool) -> None:
    """Whoever reaches it reads all results, and can hand jobs to the workers."""
    assert is_open_to_all(url) is is_open


class LateLoop(asyncio.SelectorEventLoop):
    """An event loop that can be held up without waiting for it."""

    late_s = 0.0

    def time(self) -> float:
        """Return the loop's time, in seconds."""
        return super().time() + self.late_s

    def be_late(self) -> None:
        """Go on a while after now."""
        self.late_s += 10 * PATIENCE_S


@pytest.mark.parametrize("length", [10, 1_000_000], ids=["reading", "writing"])
def test_a_loop_that_was_held_up_is_no_outage(redis_url: str, tmp_path: Path, length: int) -> None:
    """A crowd of callers on a busy machine holds it up; Redis has answered long since."""
    loop, text = LateLoop(), length * b"x"

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(4096):
            if b"ECHO" in piece:
                loop.be_late()  # while the rest is written, or the answer is waited for
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = redis_url.removeprefix("unix://")
        from_redis, to_redis = await asyncio.open_unix_connection(path)
        await asyncio.gather(pass_on(reader, to_redis), pass_on(from_redis, writer))

    async def ask() -> object:
        path = str(tmp_path / "relay.sock")
        server = await asyncio.start_unix_server(relay, path)
        async with server, connect_async(f"unix://{path}", timeout_s=PATIENCE_S) as redis:
            return await redis.echo(text)

    with contextlib.closing(loop):
        assert loop.run_until_complete(ask()) == text


def test_a_connection_that_the_kernel_gave_up_while_it_was_idle_is_not_noticed(
    real_redis: Redis, redis_url: str
) -> None:
    """A firewall drops what it has forgotten, and tells neither end."""
    real_redis.set("x", "kept")

    async def ask() -> object:
        async with connect_async(redis_url) as redis, redis.client() as one:
            await one.ping()
            give_up(one)
            return await one.get("x")

    assert asyncio.run(ask()) == b"kept"


def give_up(client: AsyncRedis) -> None:
    """Do to a client's connection what asyncio does at ETIMEDOUT."""
    assert client.connection
    reader: Any = client.connection._reader  # noqa: SLF001 -- only the kernel could reach it
    reader.set_exception(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))


def test_a_time_out_in_the_url_counts() -> None:
    """Whose Redis is far away gives it more time."""
    redis = connect_async("redis://h?socket_timeout=5")
    made: Any = redis.connection_pool.make_connection()  # type: ignore[no-untyped-call] # bare there

    assert made.limit_s == 5


def test_a_connection_that_the_kernel_gives_up_is_no_answer(
    real_redis: Redis, redis_url: str
) -> None:
    """redis-py would take ETIMEDOUT for the end of its own time-out, and answer None."""

    def is_waiting() -> bool:
        return bool(real_redis.info("clients")["blocked_clients"])

    async def ask() -> object:
        async with connect_async(redis_url) as redis, redis.client() as one:
            answer = asyncio.ensure_future(one.blpop(["line"]))
            await asyncio.to_thread(poll, is_waiting)
            give_up(one)
            return await answer

    with pytest.raises(RedisError):
        asyncio.run(ask())
