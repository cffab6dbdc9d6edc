"""Calls of a site's functions by who has stolen its password, with whatever takes longest."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from redis import Redis, ResponseError

from shared.queue.taken_messages import GIVE_BACK, TOGETHER
from shared.store.jobs.job_stream import NOTHING
from shared.store.jobs.run_scripts import BEGIN, CLOSE, MOST_ROWS, WRITE
from shared.store.limits.turn_scripts import MOST_LOOKS, RELEASE
from shared.store.scripts import LONGEST_ARGUMENT, MOST_ARGUMENTS, Script
from shared.store.site_keys import SiteKeys
from tests.shared.conftest import Backend

FRA1 = SiteKeys.of("fra1")
P = FRA1.prefix
MANY = 10 * MOST_LOOKS
MOST_COMMANDS = 25 * MOST_LOOKS
"""That Redis runs for one call; a thousand take about one millisecond."""
NOW, NEVER = "1", "9999999999"
TURN = ("job", "interactive", "t", "host:1", "1000000", "1", "interactive", "1000000", P, "mine")
WRITTEN = ("60", "1", "x", "[]", "0", *NOTHING)


@pytest.fixture
def redis(real: Backend) -> Redis:
    """Give a Redis with the functions, in which the turn of TURN is taken."""
    real.load_functions()
    real.sync.sadd("turns", "mine")
    return real.sync


def call(redis: Redis, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> int:
    """Call a function; return how many commands Redis ran for it."""
    redis.config_resetstat()
    with suppress(ResponseError):  # what was run before counts all the same
        redis.fcall(script.name, len(keys), *keys, *arguments)
    stats = redis.info("commandstats")
    return sum(each["calls"] for each in stats.values())


def fill(redis: Redis, key: str, members: Sequence[str], score: str = NEVER) -> None:
    """Fill a sorted set."""
    redis.zadd(key, dict.fromkeys(members, float(score)))


def test_an_endless_ring_of_lines_is_left(redis: Redis) -> None:
    """Each line has a job, and no queue of them is served: none can be called."""
    fill(redis, f"{P}target:host:1:lines", [f"q{n} t{n}" for n in range(MANY)])
    for n in range(MANY):
        fill(redis, f"{P}line:q{n} t{n} host:1", ["waits"])

    assert MOST_LOOKS < call(redis, RELEASE, ["turns", "calls"], TURN) < MOST_COMMANDS


def test_not_all_the_world_is_called_at_once(redis: Redis) -> None:
    """The number of turns is an argument."""
    for n in range(MANY):
        fill(redis, f"{P}line:interactive t{n} host:1", [f"job-{n}"])
    fill(redis, f"{P}target:host:1:lines", [f"interactive t{n}" for n in range(MANY)])

    assert call(redis, RELEASE, ["turns", "calls"], TURN) < MOST_COMMANDS
    assert 0 < redis.scard("calls") <= MOST_LOOKS


def test_the_workers_of_a_thousand_queues_are_not_all_counted(redis: Redis) -> None:
    """Each member of a ring may name a queue of its own."""
    workers = [f"w{n} 9" for n in range(MANY)]
    fill(redis, f"{P}slots:q", workers)
    for n in range(100):
        redis.copy(f"{P}slots:q", f"{P}slots:q{n}")
    fill(redis, f"{P}target:host:1:lines", [f"q{n} t" for n in range(100)])

    assert call(redis, RELEASE, ["turns", "calls"], TURN) < 1000


def test_slots_are_read_from_the_end_of_a_name_alone(redis: Redis) -> None:
    """A pattern would go through a long row of digits again and again."""
    fill(redis, f"{P}slots:interactive", ["1" * 200_000 + "x", "w1 3"])
    fill(redis, f"{P}share:interactive:t:testing", ["other"])

    assert call(redis, RELEASE, ["turns", "calls"], TURN) < 100
    usec = redis.info("commandstats")["cmdstat_fcall"]["usec"]
    assert usec < 5_000_000  # it would be hours


def test_a_long_member_is_no_line(redis: Redis) -> None:
    """Its name would be copied into the names of keys."""
    fill(redis, f"{P}target:host:1:lines", ["q " + "t" * 1_000_000])

    call(redis, RELEASE, ["turns", "calls"], TURN)

    assert not redis.exists(f"{P}target:host:1:lines")


@pytest.mark.parametrize("script", [WRITE, CLOSE])
@pytest.mark.parametrize(
    "command",
    [
        ["SMEMBERS", f"{P}many"],
        ["GET", f"{P}many"],
        ["COPY", f"{P}many", f"{P}more"],
        ["SADD", f"{P}few", "x"],
    ],
)
def test_a_function_follows_few_commands(
    redis: Redis, script: Script, command: Sequence[str]
) -> None:
    """Redis would do nothing else until it had run them all."""
    redis.sadd(f"{P}many", *map(str, range(1000)))
    told = ("60", "1", "x", json.dumps([command] * 300), "0", *NOTHING)
    keys = [f"{P}stream"] if script is WRITE else ["turns", "calls", f"{P}stream"]

    assert call(redis, script, keys, told if script is WRITE else (*TURN, *told)) < 30


def test_a_long_list_of_commands_is_not_read(redis: Redis) -> None:
    """Reading JSON takes its time, too."""
    told = ("60", "1", "x", json.dumps(["x"] * 30_000), "0", *NOTHING, "1-1", "entry")

    call(redis, WRITE, [f"{P}stream"], told)

    assert not redis.exists(f"{P}stream")


@pytest.mark.parametrize(
    "rows", [["1-1", "x"] * MOST_ARGUMENTS, ["1-1", "x" * (LONGEST_ARGUMENT + 1)]]
)
def test_a_function_takes_no_more_than_a_worker_has(redis: Redis, rows: Sequence[str]) -> None:
    """A run has a few hundred entries, none of them long."""
    assert call(redis, WRITE, [f"{P}stream"], [*WRITTEN, *rows]) == 2  # with what is asked here


def test_a_job_with_endless_entries_is_not_begun(redis: Redis) -> None:
    """All would be copied on the way to the worker."""
    with redis.pipeline(transaction=False) as pipe:
        for n in range(MOST_ROWS + 1):
            pipe.xadd(f"{P}stream", {"entry": "x"}, id=f"0-{n + 1}")
        pipe.execute()
    keys = ["turns", "calls", f"{P}stream", *(f"{P}{n}" for n in range(5))]

    assert call(redis, BEGIN, keys, [*TURN, "w", "started", "60"]) < 10


@pytest.mark.parametrize(("messages", "length"), [(TOGETHER + 1, 1), (TOGETHER, 10_001)])
def test_few_messages_are_given_back_at_once(redis: Redis, messages: int, length: int) -> None:
    """Each is looked for from the end of the list on."""
    redis.rpush(f"{P}list", *["x"] * length)

    assert call(redis, GIVE_BACK, [f"{P}list", f"{P}queue"], ["y"] * messages) < 5
    assert not redis.exists(f"{P}queue")
