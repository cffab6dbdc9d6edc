"""The network between the parts and Redis is cut, stalls, forgets and is slow."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from redis import Redis

from cli.service.up import free_port
from shared.queue.job_queue import JobQueue
from shared.queue.queued_job import QueuedJob
from shared.sealing import new_key_pair
from shared.store.connection import connect
from shared.store.jobs.job_stream import (
    Row,
    entry_of,
)
from shared.store.jobs.run_scripts import BEGIN
from shared.store.site_keys import DEFAULT_KEYS
from tests.end_to_end.failures.test_nothing_lost import (
    held_at_sign_in,
    held_before_sign_in,
    release,
)
from tests.network.tcp_proxy import HOST, TcpProxy, tcp_proxy
from tests.running.own_redis import OwnRedis
from tests.running.service import CALL, Service, a_request, poll, start
from tests.stand_ins.zstack import zstack_node

pytestmark = pytest.mark.faults

TOKEN = "network-token"
NOWHERE = f"{HOST}:1"
BRIEF_S = 1.0  # shorter than a sign of life lasts
LONG_S = 5.0  # longer than it takes to give a silent worker up
BUDGET = {"timeoutSeconds": 5}

either_harm = pytest.mark.parametrize("harm", [TcpProxy.cut, TcpProxy.stall])
Harm = Callable[[TcpProxy], None]


@dataclass(frozen=True)
class Divided:
    """A service whose API and worker reach their Redis over a path each."""

    service: Service
    api_path: TcpProxy
    worker_path: TcpProxy
    redis: Redis
    """The same Redis, past the paths."""

    def heal(self) -> None:
        """Mend both paths, and return when tests can be made."""
        self.api_path.heal()
        self.worker_path.heal()
        poll(self.service.is_ready)

    def kinds(self, job: str) -> list[str]:
        """Return what kinds of things happened to a job, read past the paths."""
        rows: list[Row] = self.redis.xrange(DEFAULT_KEYS.job(_id(job)))  # type: ignore[assignment]
        return [entry_of(row).kind for row in rows]

    def wait_until_given_up(self, job: str) -> None:
        """Return when the worker has found out that the job is not its own any more."""
        poll(lambda: f"job job={_id(job)} outcome=given_up" in self.service.log_text())


def _id(job: str) -> str:
    return job.rpartition("/")[2]


@contextmanager
def _running(
    command: str, settings: Mapping[str, str], path: TcpProxy, log: Path
) -> Iterator[subprocess.Popen[str]]:
    common = {
        "CONNCHECK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "CONNCHECK_REDIS_URL": f"redis://{HOST}:{path.port}/0",
    }
    with (
        log.open("a") as stderr,
        start(command.split(), {**common, **settings}, stderr=stderr) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def shared_parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Divided]:
    """Give the parts that the tests of this module share."""
    directory = tmp_path_factory.mktemp("divided")
    log, api_port, own_redis = directory / "log", free_port(HOST), OwnRedis(directory)
    private, public = new_key_pair()
    worker = {"CONNCHECK_SEALING_PRIVATE_KEYS": private}
    api = {"CONNCHECK_SEALING_PUBLIC_KEY": public, "CONNCHECK_TOKENS": f"alice:{TOKEN}"}
    with ExitStack() as stack:
        stack.callback(own_redis.stop)
        own_redis.start()
        redis = stack.enter_context(connect(own_redis.url))
        server = directory / "redis.sock"
        api_path, worker_path = (stack.enter_context(tcp_proxy(server)) for _ in range(2))
        stack.enter_context(_running("worker", worker, worker_path, log))
        process = stack.enter_context(_running(f"api --port {api_port}", api, api_path, log))
        service = Service(process, f"http://{HOST}:{api_port}", TOKEN, directory, log)
        yield Divided(service, api_path, worker_path, redis)


@pytest.fixture
def divided(shared_parts: Divided) -> Iterator[Divided]:
    """Give a service with healthy paths, to be harmed."""
    shared_parts.heal()
    logged_before = len(shared_parts.service.log_text())
    yield shared_parts
    shared_parts.heal()
    logged = shared_parts.service.log_text()[logged_before:]
    assert '"where"' not in logged  # only an exception that nobody expected has a place


def assert_away(ask: Callable[[], httpx.Response]) -> None:
    """Check that a call is told while the store is away that it is, and when to come back."""
    answer = ask()

    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert "can't be reached" in answer.json()["detail"]


def test_a_turn_whose_answer_was_lost_is_released(divided: Divided) -> None:
    """Redis had given it to a worker that did not hear of it: four of them shut a platform out."""
    service = divided.service
    with zstack_node() as (node, port):
        service.test(f"{HOST}:{port}")  # since when Redis knows the scripts
        is_held = divided.worker_path.hold_answers_from(BEGIN.digest.encode())
        jobs = [service.submit(f"{HOST}:{port}") for _ in range(2)]
        assert is_held.wait(30)
        turns = f"conncheck:target:{HOST}:{port}:testing"
        poll(lambda: bool(divided.redis.exists(turns)))
        poll(lambda: "heartbeat store=unreachable" in service.log_text())
        divided.heal()

        closed = [service.closed(job) for job in jobs]
        poll(lambda: not divided.redis.exists(turns))

    assert [job for job in closed if not job["success"]] == []
    assert len(node.judged) == len(jobs) + 1


def test_a_worker_that_hears_of_no_job_ends(tmp_path: Path) -> None:
    """It gives signs of life all the time, and its jobs would wait until they expire."""
    private, public = new_key_pair()
    settings = {"CONNCHECK_SEALING_PRIVATE_KEYS": private, "CONNCHECK_SEALING_PUBLIC_KEY": public}
    log, server = tmp_path / "log", OwnRedis(tmp_path)
    with ExitStack() as stack:
        stack.callback(server.stop)
        server.start()
        path = stack.enter_context(tcp_proxy(tmp_path / "redis.sock"))
        worker = stack.enter_context(_running("worker", settings, path, log))
        poll(lambda: "ready" in log.read_text())
        path.lose(b"BLMOVE")

        queue = JobQueue(server.url)
        queue.send([QueuedJob("answers what is asked already", ""), QueuedJob("waits", "")])
        queue.close()

        assert worker.wait(28) == 1  # its start may take longer, but is over
        assert "outcome=deaf" in log.read_text()


@either_harm
def test_an_api_that_is_cut_off_says_so_at_once_and_recovers(divided: Divided, harm: Harm) -> None:
    """A caller needs an answer before its own time-out, and no operator to get going again."""
    service = divided.service
    with zstack_node() as (node, port), service.client() as client:
        job = service.submit(f"{HOST}:{port}")
        service.closed(job)
        harm(divided.api_path)

        assert_away(lambda: service.test(NOWHERE))
        assert_away(lambda: client.get(job))
        assert_away(lambda: client.get(f"{job}/events"))
        assert_away(lambda: client.delete(job))
        ready = client.get("/readyz")
        divided.api_path.heal()
        poll(lambda: service.test(f"{HOST}:{port}").status_code == 200)

    assert ready.status_code == 503
    assert ready.json()["detail"] == "The job store can't be reached."
    assert len(node.judged) == 2


@either_harm
def test_who_waits_while_the_api_is_cut_off_gets_the_answer(divided: Divided, harm: Harm) -> None:
    """The test went on; its answer is worth waiting for."""
    with (
        held_at_sign_in() as (node, endpoint),
        divided.service.client() as client,
        ThreadPoolExecutor(2) as callers,
    ):
        # The key makes both wait for one job.
        same: Any = {"json": a_request(endpoint), "headers": {"Idempotency-Key": endpoint}}
        documented = callers.submit(client.post, CALL, **same)
        assert node.changed.wait(60)
        job = client.post(f"{CALL}/jobs", **same).headers["location"]
        first_event = Event()
        watching = callers.submit(events_of, client, job, first_event)
        first_event.wait(10)
        harm(divided.api_path)
        release(node.hold)  # the job ends while nobody can hear it
        poll(lambda: divided.kinds(job)[-1] == "closed")
        time.sleep(LONG_S)  # noqa: TID251 -- the fault's length
        divided.api_path.heal()

        answer, events = documented.result(10), watching.result(10)

    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert events == divided.kinds(job)
    assert len(node.judged) == 1


def events_of(client: httpx.Client, job: str, first: Event) -> list[str]:
    """Return the names of all events of a job; sets `first` with the first one."""
    names = []
    with client.stream("GET", f"{job}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                names.append(line.removeprefix("event: "))
                first.set()
    return names


def test_who_waits_over_a_connection_that_died_unnoticed_gets_the_answer(divided: Divided) -> None:
    """A firewall forgets connections and tells neither end; a caller would wait for ever."""
    with held_at_sign_in() as (node, endpoint), ThreadPoolExecutor(1) as callers:
        waiting = callers.submit(divided.service.test, endpoint)
        assert node.changed.wait(60)
        divided.api_path.forget()
        release(node.hold)

        answer = waiting.result(15)

    assert answer.status_code == 200
    assert answer.json()["success"] is True


def test_a_worker_whose_connections_died_unnoticed_takes_jobs_again(divided: Divided) -> None:
    """It gives its signs of life over a new one, so nobody else would come to help."""
    with zstack_node() as (node, port):
        divided.worker_path.forget()

        answer = divided.service.test(f"{HOST}:{port}", options=BUDGET)

    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert len(node.judged) == 1


def test_a_worker_whose_connections_died_unnoticed_hears_of_cancellations(
    divided: Divided,
) -> None:
    """A test of the wrong machine must be stoppable for as long as a worker runs."""
    with socket.create_server((HOST, 0)) as silent, divided.service.client() as client:
        job = divided.service.submit(f"{HOST}:{silent.getsockname()[1]}")
        accepted, _ = silent.accept()
        with accepted:
            assert accepted.recv(1000).startswith(b"GET ")
            divided.worker_path.forget()
            # Redis is not told either, and counts each dead subscription, too.
            poll(lambda: divided.redis.pubsub_numsub(DEFAULT_KEYS.cancellations)[0][1] >= 2)

            assert client.delete(job).json()["status"] == "cancelled"
            accepted.settimeout(30)
            assert accepted.recv(1000) == b""


@either_harm
def test_a_worker_does_not_sign_in_while_it_can_not_write_that_down(
    divided: Divided, harm: Harm
) -> None:
    """Nobody would know of it, and the next worker would sign in again."""
    with held_before_sign_in() as (node, endpoint):
        job = divided.service.submit(endpoint)
        assert node.changed.wait(60)
        harm(divided.worker_path)
        release(node.hold_hello)
        time.sleep(BRIEF_S)  # noqa: TID251 -- the fault's length
        judged_meanwhile = len(node.judged)
        divided.worker_path.heal()

        shown = divided.service.closed(job)

    assert judged_meanwhile == 0
    assert shown["success"] is True
    assert divided.kinds(job).count("started") == 1
    assert len(node.judged) == 1


@either_harm
def test_a_worker_that_is_cut_off_briefly_delivers_its_result(divided: Divided, harm: Harm) -> None:
    """A switch restarts; nobody who waits for a test needs to know."""
    with held_at_sign_in() as (node, endpoint):
        job = divided.service.submit(endpoint)
        assert node.changed.wait(60)
        harm(divided.worker_path)
        release(node.hold)
        time.sleep(BRIEF_S)  # noqa: TID251 -- the fault's length
        divided.worker_path.heal()

        shown = divided.service.closed(job)

    assert shown["success"] is True
    assert divided.kinds(job).count("started") == 1
    assert len(node.judged) == 1


def test_a_store_that_is_away_for_everybody_makes_no_worker_look_dead(divided: Divided) -> None:
    """All signs of life have ended meanwhile; those who had no way to give them live on."""
    with held_at_sign_in() as (node, endpoint):
        job = divided.service.submit(endpoint)
        assert node.changed.wait(60)
        divided.api_path.cut()
        divided.worker_path.cut()
        time.sleep(LONG_S)  # noqa: TID251 -- the fault's length
        divided.heal()
        release(node.hold)

        shown = divided.service.closed(job)

    assert shown["success"] is True
    assert divided.kinds(job).count("started") == 1
    assert len(node.judged) == 1


@either_harm
def test_a_worker_given_up_before_the_sign_in_signs_in_once(divided: Divided, harm: Harm) -> None:
    """When it is back it takes the job anew; what it had begun is shut out."""
    with held_before_sign_in() as (node, endpoint), divided.service.client() as client:
        job = divided.service.submit(endpoint)
        assert node.changed.wait(60)
        harm(divided.worker_path)
        poll(lambda: divided.kinds(job)[-1] == "requeued")
        ready = client.get("/readyz")
        divided.worker_path.heal()
        release(node.hold_hello)
        divided.wait_until_given_up(job)

        shown = divided.service.closed(job)

    assert ready.json()["detail"] == "No worker is alive to run tests."
    assert shown["success"] is True
    assert divided.kinds(job).count("started") == 2
    assert len(node.judged) == 1


@either_harm
def test_a_worker_given_up_at_the_sign_in_leaves_the_job_lost(divided: Divided, harm: Harm) -> None:
    """A late answer must not change what the caller was told, nor be sent for again."""
    with held_at_sign_in() as (node, endpoint):
        job = divided.service.submit(endpoint)
        assert node.changed.wait(60)
        harm(divided.worker_path)

        shown = divided.service.closed(job)
        release(node.hold)
        divided.worker_path.heal()
        divided.wait_until_given_up(job)
        after = divided.service.look(job)

    assert shown["status"] == "lost"
    assert after == shown
    assert divided.kinds(job).count("started") == 1
    assert len(node.judged) == 1


def test_slow_paths_make_it_slower_and_no_platform_gets_the_blame(divided: Divided) -> None:
    """Twenty kilobytes a second are little, but enough."""
    for path in (divided.api_path, divided.worker_path):
        path.slow(20_000)
    began_s = time.monotonic()  # noqa: TID251 -- one time is held against another
    with zstack_node() as (node, port), ThreadPoolExecutor(3) as callers:
        together = [callers.submit(divided.service.test, f"{HOST}:{port}") for _ in range(3)]
        answers = [call.result(60).json() for call in together]
    took_ms = (time.monotonic() - began_s) * 1000  # noqa: TID251

    assert [answer["success"] for answer in answers] == [True] * 3
    for answer in answers:
        assert sum(int(item["latencyMs"]) for item in answer["items"]) < took_ms / 2
    assert len(node.judged) == 3
