import asyncio
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic  # noqa: TID251 -- to end what hangs
from typing import TypeVar

import fakeredis
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import ConnectionError as RedisConnectionError

from cli.service.embedded_redis import redis_command, redis_server
from shared.queue.queued_job import INTERACTIVE, QueuedJob
from shared.store.connection import connect, connect_async
from shared.store.gate import RedisGate
from shared.store.jobs.job_store import JobStore
from shared.store.jobs.run_store import PATIENCE_S, RunStore
from shared.store.limits.target_limit import TurnLimits
from shared.store.site_functions import SiteFunctions
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from tests.running.own_redis import OwnRedis

T = TypeVar("T")
TTL_S = 60
SLOTS = 100
STARTS_WITHIN_S = 30


def turn_limits(per_target: int = 4, *, own_slots: int = SLOTS) -> TurnLimits:
    """Return the limits of a worker with many slots for single tests."""
    return TurnLimits(per_target, 0.5, INTERACTIVE, own_slots)


def forced(job_id: str) -> QueuedJob:
    """Return a job that takes no turns."""
    return QueuedJob(job_id, "")


def worker_of(
    redis: Redis,
    name: str = "w1",
    patience_s: float = PATIENCE_S,
    keys: SiteKeys = DEFAULT_KEYS,
) -> RunStore:
    """Return one worker's side of the store, without a queue to call jobs through."""
    return RunStore(redis, TTL_S, name, turn_limits(), lambda _: False, keys, patience_s)


@dataclass(frozen=True)
class Backend:
    """A Redis seen from both sides: the worker's threads and the API's event loop."""

    sync: Redis
    new_async: Callable[[], AsyncRedis]

    def worker(self, name: str = "w1", keys: SiteKeys = DEFAULT_KEYS) -> RunStore:
        """Return one worker's side of the store, with what the API has loaded for it."""
        if keys.has_functions:
            self.load_functions()
        return worker_of(self.sync, name, keys=keys)

    def run(self, call: Callable[[AsyncRedis], Awaitable[T]]) -> T:
        """Return what `call` makes of a client in an event loop."""

        async def called() -> T:
            async with self.new_async() as redis:
                return await call(redis)

        return asyncio.run(called())

    def api(self, call: Callable[[JobStore], Awaitable[T]]) -> T:
        """Return what `call` makes of the API's side of the store."""
        return self.run(lambda redis: call(JobStore.of(RedisGate(redis), TTL_S, turn_limits())))

    def load_functions(self) -> None:
        """Load what the workers of other sites call, as the API does."""
        self.run(lambda redis: SiteFunctions(RedisGate(redis)).load_missing())


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of a real Redis server of this test process alone."""
    folder = tmp_path_factory.mktemp("redis")
    socket = folder / "redis.sock"
    command = redis_command(redis_server(), socket, folder)
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_until_it_answers(f"unix://{socket}")
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def real_redis(redis_url: str) -> Iterator[Redis]:
    """Give a client of the real server, empty."""
    with connect(redis_url) as redis:
        redis.flushall()
        yield redis


@pytest.fixture
def real(real_redis: Redis, redis_url: str) -> Backend:
    """Give an empty Redis as Redis has it."""
    return Backend(real_redis, lambda: connect_async(redis_url))


@pytest.fixture(params=["fakeredis", "real"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Give an empty Redis, once as fakeredis has it and once as Redis has it."""
    if request.param == "fakeredis":
        return _fake(fakeredis.FakeServer())
    real: Backend = request.getfixturevalue("real")
    return real


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[tuple[OwnRedis, Backend]]:
    """Give a real Redis of this test's own that may be killed, and the same as a backend."""
    server = OwnRedis(tmp_path)
    server.start()
    try:
        with connect(server.url) as redis:
            yield server, Backend(redis, lambda: connect_async(server.url))
    finally:
        server.stop()


def keep_the_disk_busy(redis: Redis) -> None:
    """Return while Redis waits for its disk (fsync), and keeps to itself what is written."""
    for _ in range(20_000):  # one second is more than enough of them, unless the disk is a RAM disk
        redis.set("ballast", b"x" * 2**14, ex=TTL_S)
        if redis.info("persistence")["aof_pending_bio_fsync"]:
            return


class Outages:
    """Lets a Redis go away and come back."""

    def __init__(self, server: fakeredis.FakeServer) -> None:
        self._server = server

    def begin(self) -> None:
        """Refuse everything."""
        self._server.connected = False

    def end(self) -> None:
        """Serve again, with everything that was there before."""
        self._server.connected = True


@pytest.fixture
def fallible() -> tuple[Backend, Outages]:
    """Give an empty Redis that can be made to go away."""
    server = fakeredis.FakeServer()
    return _fake(server), Outages(server)


def _fake(server: fakeredis.FakeServer) -> Backend:
    return Backend(
        fakeredis.FakeRedis(server=server), lambda: fakeredis.FakeAsyncRedis(server=server)
    )


def _wait_until_it_answers(url: str) -> None:
    give_up_at = monotonic() + STARTS_WITHIN_S
    with connect(url) as redis:
        while True:
            try:
                redis.ping()
            except RedisConnectionError:
                if monotonic() > give_up_at:
                    raise
            else:
                return
