"""Workers of a site whose user of Redis may do what `acl_rule` says and nothing else."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest
from redis import RedisError
from redis.client import Monitor

from shared.queue.job_queue import JobQueue, QueueUnreachableError
from shared.queue.queued_job import BULK, QUEUES, QueuedJob
from shared.queue.site_permissions import rabbitmq_permissions
from shared.store.connection import connect
from shared.store.site_acl import COMMANDS
from shared.store.site_functions import SCRIPTS_OF_WORKERS
from shared.store.site_keys import SiteKeys
from tests.certificates.authority import Authority
from tests.running.confined_redis import confined_redis
from tests.running.core import Core
from tests.running.rabbitmq import add_user
from tests.running.service import poll, start
from tests.stand_ins.zstack import ZstackNode, zstack_node

FRA1 = SiteKeys.of("fra1")
END = "all that is looked at"
ALWAYS = {"hello", "auth"}
"""What Redis lets everybody do, to sign in."""
OF_FOLLOW = {"del", "copy", "rename", "zrem", "zadd", "expire", "sadd", "srem"}
"""What `Appender` and `RunWriter` have the script `follow`."""
RARE = {
    "wait": "Redis has a replica",
    "info|persistence": "Redis keeps to itself what is written while it waits for its disk",
    "info|replication": "the same",
    "ping": "a connection has been silent for a while",
    "subscribe": "a worker starts",
    "xrange": "an answer was lost",
    "ltrim": "a platform rejects a key pair, and all sites share secrets",
    "hget": "a batch has CA certificates",
    "smembers": "a turn or a call was not settled",
    "lrange": "a message never arrived",
    "lmove": "a message comes right after another",
    "lpush": "the next job in line is called",
    "llen": "the watchdog counts what waits",
}
"""What a test may not see within its seconds, and when it happens."""


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    """Give the API's side of fra1, at a Redis with TLS that has its user and that of sin1."""
    with confined_redis(tmp_path_factory.mktemp("redis"), "fra1", "sin1") as redis:
        yield Core(redis, "fra1")


@pytest.fixture(scope="module")
def workers(core: Core, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run a worker of each queue of fra1; gives their log."""
    log = tmp_path_factory.mktemp("workers") / "log"
    with log.open("w") as stderr, ExitStack() as stack:
        for queue in QUEUES:
            command = ["worker", "--queue", queue]
            process = stack.enter_context(start(command, core.settings, stderr=stderr))
            stack.callback(process.terminate)
        with connect(core.redis.core_url) as redis:
            poll(lambda: all(redis.exists(FRA1.sign_of_queue(queue)) for queue in QUEUES))
        yield log


def seen(monitor: Monitor) -> set[str]:
    """Return the commands that workers sent until END, in their own name."""
    found: set[str] = set()
    while True:
        line = monitor.next_command()  # type: ignore[no-untyped-call] # bare in redis-py
        if END in line["command"]:
            return found
        if line["client_type"] == "tcp":
            name, *arguments = line["command"].lower().split()
            found.add(f"{name}|{arguments[0]}" if name == "info" else name)


def test_a_confined_worker_needs_all_that_it_may_do_and_nothing_else(
    core: Core, workers: Path
) -> None:
    """A command more stops a site, a command less is one that a stolen worker can't use."""
    core.redis.denied()
    with connect(core.redis.core_url) as redis, redis.monitor() as monitor, zstack_node() as node:
        endpoint = f"127.0.0.1:{node[1]}"
        single = [core.create(endpoint) for _ in range(6)]
        bulk = [core.create(endpoint, BULK) for _ in range(6)]
        wrong = core.create(endpoint, secretKey="WRONG")
        again = core.create(endpoint, secretKey="WRONG")
        jobs = core.closed(*single, *bulk, wrong, again)
        redis.echo(END)
        needed = seen(monitor)

    assert {job.status for job in jobs} == {"finished"}, workers.read_text()
    assert [job.success for job in jobs] == [True] * 12 + [False] * 2
    assert core.redis.denied() == []
    texts = "".join(script.text for script in SCRIPTS_OF_WORKERS)
    in_functions = {name.lower() for name in re.findall(r"redis\.p?call\('(\w+)'", texts)}
    in_functions = (in_functions - {"info"}) | OF_FOLLOW
    assert in_functions <= set(COMMANDS)
    assert needed - ALWAYS <= set(COMMANDS)
    assert set(COMMANDS) - needed - in_functions <= set(RARE)


def test_a_cancelled_job_of_a_confined_worker_ends(core: Core, workers: Path) -> None:
    """It hears of it on the channel of its site."""
    held = ZstackNode(hold=Event())
    with zstack_node(held) as (_, port):
        job_id = core.create(f"127.0.0.1:{port}")
        with connect(core.redis.core_url) as redis:
            poll(lambda: bool(redis.zscore(FRA1.running, job_id)))
        core.cancel(job_id)
        (job,) = core.closed(job_id)
        assert held.hold
        held.hold.set()

    assert job.status == "cancelled"
    assert workers.exists()


@pytest.mark.parametrize(("what", "instead"), [("127.0.0.1", "localhost"), ("ca.pem", "other.pem")])
def test_only_the_redis_with_the_right_certificate_is_used(
    core: Core, what: str, instead: str
) -> None:
    """Whoever stands in between would get the password, by the store or by the queue."""
    own = core.redis.user_of("fra1")
    (core.redis.directory / "other.pem").write_text(Authority().pem)
    queues = [JobQueue(url) for url in (own, own.replace(what, instead))]
    try:
        assert queues[0].waiting("conncheck@fra1:interactive") == 0
        with pytest.raises(QueueUnreachableError):
            queues[1].waiting("conncheck@fra1:interactive")
    finally:
        for queue in queues:
            queue.close()
    with connect(own.replace(what, instead)) as redis, pytest.raises(RedisError):
        redis.ping()


def test_a_worker_takes_its_jobs_from_rabbitmq_as_a_user_of_its_site(
    core: Core, rabbitmq: str, tmp_path: Path
) -> None:
    """Celery declares what it needs at its start, and may declare nothing else."""
    sin1 = Core(core.redis, "sin1")
    user = add_user(rabbitmq, "conncheck-sin1", "secret", *rabbitmq_permissions("sin1"))
    settings = {**sin1.settings, "CONNCHECK_BROKER_URL": user}
    command, api = ["worker", "--queue", "interactive"], JobQueue(rabbitmq)
    with (
        (tmp_path / "log").open("w") as log,
        start(command, settings, stderr=log) as worker,
        connect(core.redis.core_url) as redis,
        zstack_node() as (_, port),
    ):
        try:
            poll(lambda: bool(redis.exists(SiteKeys.of("sin1").sign_of_queue("interactive"))))
            job_id = sin1.create(f"127.0.0.1:{port}")
            api.send([QueuedJob(job_id, f"127.0.0.1:{port}", "interactive", "t", "sin1")])
            (job,) = sin1.closed(job_id)
        finally:
            worker.terminate()
            api.close()

    assert job.success, (tmp_path / "log").read_text()
