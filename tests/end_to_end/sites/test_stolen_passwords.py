"""What who has stolen the Redis password of sin1 can do to fra1 and to the default site."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from redis import Redis, RedisError
from redis.exceptions import NoPermissionError, ResponseError

from shared.queue.queued_job import INTERACTIVE, queue_name
from shared.store.connection import connect
from shared.store.jobs.job_stream import NOTHING
from shared.store.jobs.run_scripts import BEGIN, CLOSE, WRITE
from shared.store.limits.turn_scripts import RELEASE
from shared.store.scripts import Script
from shared.store.site_acl import COMMANDS
from shared.store.site_functions import SCRIPTS_OF_WORKERS
from shared.store.site_keys import DEFAULT_KEYS, SiteKeys
from tests.running.confined_redis import ConfinedRedis, confined_redis
from tests.running.core import Core
from tests.running.service import poll, start
from tests.stand_ins.zstack import zstack_node

VICTIMS = SiteKeys.of("fra1"), DEFAULT_KEYS
OWN = SiteKeys.of("sin1")
SECRET = b"what nobody else may read"
JOB = "4f2a"
WITHOUT_KEYS = {"fcall", "ping", "time", "wait", "info|persistence", "info|replication"}
OF_EVERYBODY = {"auth", "hello", "quit", "reset"}
"""What Redis lets each connection do before anything else."""
ENDLESS = 5


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConfinedRedis]:
    """Give a Redis with the users of both sites."""
    with confined_redis(tmp_path_factory.mktemp("redis"), "fra1", "sin1") as redis:
        yield redis


@pytest.fixture
def core(confined: ConfinedRedis) -> Iterator[Redis]:
    """Give the connection of the API, to a Redis with a job of each site."""
    with connect(confined.core_url) as redis:
        redis.flushall()
        for keys in (*VICTIMS, OWN):
            redis.xadd(keys.job(JOB), {"entry": SECRET}, id="0-1")
            redis.set(keys.sealed(JOB), SECRET)
            redis.lpush(queue_name(INTERACTIVE, keys.site), SECRET)
            redis.sadd(keys.workers, SECRET)
            redis.sadd(keys.turns_of("w"), "mine")
            redis.zadd(keys.queued, {JOB: 9e9})
        yield redis


@pytest.fixture
def thief(confined: ConfinedRedis) -> Iterator[Redis]:
    """Give a connection with the password of sin1."""
    with connect(confined.user_of("sin1")) as redis:
        yield redis


@contextmanager
def unharmed(core: Redis) -> Iterator[None]:
    """Check that the block changes nothing of another site."""
    before = contents(core)
    yield
    assert contents(core) == before


def contents(core: Redis) -> Mapping[bytes, Any]:
    """Return all keys except those of sin1, with what they hold."""
    keys = [key for key in core.scan_iter() if not key.startswith(OWN.prefix.encode())]
    return {key: core.dump(key) for key in keys}


def sent(thief: Redis, *arguments: object) -> Any:
    """Return the answer to a command, or the error."""
    try:
        return thief.execute_command(*arguments)  # type: ignore[no-untyped-call] # bare in redis-py
    except RedisError as error:
        return error


def all_commands(core: Redis) -> Iterator[tuple[str, int]]:
    """Yield the name of each command that Redis has, with the fewest arguments it takes."""
    for name, one in core.command().items():
        inner = {sub[0].decode(): sub[1] for sub in one.get("subcommands", [])}
        for each, arity in (inner or {name: one["arity"]}).items():
            yield each, abs(arity) - 1 - ("|" in each)


def test_only_named_commands_are_there_for_it(core: Redis, thief: Redis) -> None:
    """Redis has several hundred; most can name a key, and some stop the server."""
    known = dict(all_commands(core))
    assert len(known) > 300

    with unharmed(core):
        for name, least in known.items():
            words = name.split("|")
            if name in OF_EVERYBODY or not {name, words[0], f"{words[0]}|persistence"}.isdisjoint(
                COMMANDS
            ):
                continue
            answer = sent(thief, *words, *[VICTIMS[0].job(JOB)] * least)
            assert isinstance(answer, ResponseError), name
            is_denied = isinstance(answer, NoPermissionError) or "NOPERM" in str(answer)
            is_off = words[0] in ("module", "debug")  # for all users, as Redis is set up by default
            assert is_denied or is_off, (name, answer)


@pytest.mark.parametrize("keys", VICTIMS, ids=lambda keys: keys.site)
def test_no_command_takes_the_keys_of_another_site(
    core: Redis, thief: Redis, keys: SiteKeys
) -> None:
    """As the first key or as the second, to read from or to write to."""
    known = dict(all_commands(core))
    theirs, own = keys.job(JOB), OWN.job(JOB)
    with unharmed(core):
        for name in sorted(set(COMMANDS) - WITHOUT_KEYS):
            more = ["1"] * max(0, known[name] - 1)
            tries = [[theirs, *more]]
            if name in ("copy", "rename"):
                tries = [[theirs, own], [own, theirs]]
            elif name in ("lmove", "blmove"):
                ends = ["LEFT", "RIGHT", *["0.01"] * (name == "blmove")]
                tries = [[theirs, own, *ends], [own, theirs, *ends]]
            elif name in ("del", "exists"):
                tries = [[theirs], [own, theirs]]
            for arguments in tries:
                answer = sent(thief, name, *arguments)
                assert isinstance(answer, NoPermissionError), (name, arguments, answer)


@pytest.mark.parametrize("keys", VICTIMS, ids=lambda keys: keys.site)
@pytest.mark.parametrize("script", SCRIPTS_OF_WORKERS, ids=lambda script: script.text[-60:])
def test_no_function_takes_the_keys_of_another_site(
    core: Redis, thief: Redis, script: Script, keys: SiteKeys
) -> None:
    """A function runs with the rights of who calls it."""
    theirs = [keys.turns_of("w"), keys.queued, keys.job(JOB), keys.sealed(JOB), keys.workers]
    with unharmed(core):
        for key in theirs:
            for count in (1, 2, 3, 8):
                answer = sent(thief, "FCALL", script.name, count, *[key] * count, *["1"] * 20)
                assert isinstance(answer, ResponseError)
                assert SECRET not in str(answer).encode()


@pytest.mark.parametrize("keys", VICTIMS, ids=lambda keys: keys.site)
@pytest.mark.parametrize("script", [RELEASE, BEGIN, CLOSE])
def test_no_function_makes_a_key_of_another_site(
    core: Redis, thief: Redis, script: Script, keys: SiteKeys
) -> None:
    """What the names of keys begin with is an argument."""
    turn = (JOB, "interactive", "t", "host:1", "4", "1", "interactive", "9", keys.prefix, "mine")
    own = [OWN.turns_of("w"), OWN.calls_of("w"), OWN.job(JOB), *[OWN.job(str(n)) for n in range(5)]]
    written = ("60", "1", "x", "[]", "0", *NOTHING, "1-1", "entry")
    core.zadd(f"{keys.prefix}target:host:1:testing", {JOB: 9e9})
    core.zadd(f"{keys.prefix}called", {JOB: 9e9})

    with unharmed(core):
        more = ("w", "entry", "60") if script is BEGIN else written
        answer = sent(thief, "FCALL", script.name, len(own), *own, *turn, *more)

    assert "NOPERM" in repr(answer) or "can't access at least one of the keys" in str(answer)


@pytest.mark.parametrize("keys", VICTIMS, ids=lambda keys: keys.site)
def test_no_function_follows_commands_at_another_site(
    core: Redis, thief: Redis, keys: SiteKeys
) -> None:
    """A script runs what it is given, with what its caller may do."""
    for command in (
        ["DEL", keys.sealed(JOB)],
        ["RENAME", keys.job(JOB), OWN.job("stolen")],
        ["COPY", keys.sealed(JOB), OWN.job("stolen")],
        ["ZREM", keys.queued, JOB],
    ):
        told = ("60", "1", "x", json.dumps([command]), "0", *NOTHING)
        with unharmed(core):
            answer = sent(thief, "FCALL", WRITE.name, 1, OWN.job(JOB), *told)
        assert isinstance(answer, ResponseError)
        assert not core.exists(OWN.job("stolen"))


@pytest.mark.parametrize("keys", VICTIMS, ids=lambda keys: keys.site)
def test_it_neither_hears_nor_cancels_the_jobs_of_another_site(
    core: Redis, thief: Redis, keys: SiteKeys
) -> None:
    """Channels are not keys, and have rules of their own."""
    for channel in (keys.cancellations, keys.job(JOB)):
        for command in ("PUBLISH", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "SPUBLISH"):
            message = ["4f2a"] * command.endswith("PUBLISH")
            assert isinstance(sent(thief, command, channel, *message), NoPermissionError)
    for pattern in ("*", "conncheck*", OWN.prefix + "*"):
        assert isinstance(sent(thief, "PSUBSCRIBE", pattern), NoPermissionError)
    assert core.pubsub_numpat() == 0


def hold_and_hammer(url: str, stop: Event) -> None:
    """Wait on a key for ever, then call what takes longest, until it is to stop."""
    with connect(url) as redis:
        ring = f"{OWN.prefix}target:host:1:lines"
        with redis.pipeline(transaction=False) as pipe:
            for n in range(3000):
                pipe.zadd(f"{OWN.prefix}line:q{n} t{n} host:1", {"waits": 9e9})
                pipe.zadd(ring, {f"q{n} t{n}": 9e9})
            pipe.execute()
        turn = (JOB, "q", "t", "host:1", "1000000", "1", "q", "9", OWN.prefix, "mine")
        while not stop.is_set():
            with suppress(RedisError):
                redis.sadd(OWN.turns_of("w"), "mine")
                redis.fcall(RELEASE.name, 2, OWN.turns_of("w"), OWN.calls_of("w"), *turn)


def blocked(url: str, stack: ExitStack) -> None:
    """Leave a connection that waits for a message for ever."""
    waiting = stack.enter_context(connect(url)).connection_pool.get_connection()
    waiting.send_command("BLMOVE", f"{OWN.prefix}none", f"{OWN.prefix}nor", "LEFT", "LEFT", "0")
    stack.callback(waiting.disconnect)


def test_it_stalls_no_job_of_another_site(
    confined: ConfinedRedis, core: Redis, tmp_path: Path
) -> None:
    """Redis has one thread for all sites."""
    core.flushall()
    fra1, stop, url = Core(confined, "fra1"), Event(), confined.user_of("sin1")
    with (
        (tmp_path / "log").open("w") as log,
        ExitStack() as stack,
        zstack_node() as (_, port),
    ):
        command = ["worker", "--queue", INTERACTIVE]
        worker = stack.enter_context(start(command, fra1.settings, stderr=log))
        stack.callback(worker.terminate)
        poll(lambda: bool(core.exists(VICTIMS[0].sign_of_queue(INTERACTIVE))))
        for _ in range(20):
            blocked(url, stack)
        hammers = [Thread(target=hold_and_hammer, args=(url, stop)) for _ in range(ENDLESS)]
        for hammer in hammers:
            hammer.start()
        try:
            poll(lambda: core.info("commandstats").get("cmdstat_fcall", {}).get("calls", 0) > 50)
            jobs = fra1.closed(*[fra1.create(f"127.0.0.1:{port}") for _ in range(5)])
        finally:
            stop.set()
            for hammer in hammers:
                hammer.join()

    assert [job.success for job in jobs] == [True] * 5, (tmp_path / "log").read_text()
