"""Every accepted job ends once, whatever dies meanwhile, and signs in once at most."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.network.servers import serving
from tests.running.service import (
    Service,
    children_of,
    environment_of,
    is_running,
    last_made,
    poll,
    running_service,
    start,
    stopped,
)
from tests.stand_ins.keystone import Keystone
from tests.stand_ins.zstack import ZstackNode, zstack_node

pytestmark = pytest.mark.faults

WORKER, API, REDIS = "cli worker", "cli api", "redis.sock"


@pytest.fixture(params=["redis", "rabbitmq"])
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    """Give a service of this test's own, to be harmed, with each kind of broker."""
    settings = {}
    if request.param == "rabbitmq":
        settings["CONNCHECK_BROKER_URL"] = request.getfixturevalue("rabbitmq")
    with running_service(tmp_path, **settings) as running:
        yield running


@contextmanager
def held_before_sign_in() -> Iterator[tuple[ZstackNode, str]]:
    """Give a node that holds the first request of a test."""
    node = ZstackNode(hold_hello=threading.Event())
    with zstack_node(node) as (_, port):
        yield node, f"127.0.0.1:{port}"


@contextmanager
def held_at_sign_in() -> Iterator[tuple[ZstackNode, str]]:
    """Give a node that holds signed requests."""
    node = ZstackNode(hold=threading.Event())
    with zstack_node(node) as (_, port):
        yield node, f"127.0.0.1:{port}"


def release(event: threading.Event | None) -> None:
    """Let go what a node holds."""
    assert event
    event.set()


def test_a_job_whose_worker_dies_before_the_sign_in_runs_again(service: Service) -> None:
    """Nothing was used up, so nothing stands in the way."""
    with held_before_sign_in() as (node, endpoint):
        job = service.submit(endpoint)
        assert node.changed.wait(60)
        service.kill(WORKER)
        release(node.hold_hello)

        shown = service.closed(job)

    assert shown["status"] == "finished"
    assert shown["success"] is True
    assert [item["name"] for item in shown["items"]].count("http_response") == 1
    assert len(node.judged) == 1


def test_a_job_whose_worker_dies_at_the_sign_in_is_lost_and_says_so(service: Service) -> None:
    """A second sign-in could lock the account."""
    with held_at_sign_in() as (node, endpoint):
        job = service.submit(endpoint)
        assert node.changed.wait(60)
        service.kill(WORKER)

        shown = service.closed(job)
        release(node.hold)

    assert shown["status"] == "lost"
    assert shown["success"] is False
    assert last_made(shown)["name"] == "authenticate"
    assert last_made(shown)["cause"] == "self.worker_lost"
    assert shown["recommendation"]
    assert len(node.judged) == 1


def test_a_running_job_outlives_redis(service: Service) -> None:
    """What the worker found out is delivered when the store is back."""
    with held_at_sign_in() as (node, endpoint):
        job = service.submit(endpoint)
        assert node.changed.wait(60)
        service.kill(REDIS)
        release(node.hold)

        shown = service.closed(job)

    assert shown["status"] == "finished"
    assert shown["success"] is True
    assert len(node.judged) == 1
    names = [item["name"] for item in shown["items"]]
    assert len(names) == len(set(names)) == 6


@pytest.mark.parametrize("service", ["redis"], indirect=True)
def test_workers_outlive_a_redis_that_refuses_writes(service: Service) -> None:
    """It is a replica before its promotion; or its disk or memory is full, which has an end too."""
    workers = service.part("queue interactive"), service.part("queue bulk")
    with held_at_sign_in() as (node, endpoint), service.redis() as redis:
        job = service.submit(endpoint)
        assert node.changed.wait(60)
        redis.replicaof("127.0.0.1", "1")
        # Both consumers have met a refusal, or have ended with it.
        poll(lambda: service.log_text().count("celery.worker.consumer.consumer") >= 2)
        redis.replicaof("NO", "ONE")
        release(node.hold)

        shown = service.closed(job)
        again = service.closed(service.submit(endpoint))

    assert (shown["status"], shown["success"]) == ("finished", True)
    assert (again["status"], again["success"]) == ("finished", True)
    assert (service.part("queue interactive"), service.part("queue bulk")) == workers
    assert len(node.judged) == 2


def test_a_running_job_outlives_the_api(service: Service) -> None:
    """The API only looks."""
    with held_at_sign_in() as (node, endpoint):
        job = service.submit(endpoint)
        assert node.changed.wait(60)
        service.kill(API)
        release(node.hold)

        shown = service.closed(job)

    assert shown["success"] is True


def test_a_queued_job_outlives_redis_the_worker_and_the_api(tmp_path: Path) -> None:
    """An answer of 202 is a promise."""
    with (
        running_service(tmp_path, CONNCHECK_WORKER_SLOTS="1") as service,
        held_before_sign_in() as (node, endpoint),
    ):
        jobs = [service.submit(endpoint) for _ in range(5)]
        assert node.changed.wait(60)
        for name in (REDIS, WORKER, API):
            service.kill(name)
        release(node.hold_hello)

        closed = [service.closed(job) for job in jobs]

    assert [job["status"] for job in closed] == ["finished"] * 5
    assert len(node.judged) == 5


def test_a_worker_that_hangs_is_replaced_and_can_do_no_harm_later(service: Service) -> None:
    """A machine that was cut off does not know that others have taken over."""
    hanging = service.part(WORKER)
    settings = environment_of(hanging)
    with held_before_sign_in() as (node, endpoint), start(["worker"], settings) as second:
        job = service.submit(endpoint)
        assert node.changed.wait(60)
        # Whichever of the two has it: the other one is left to take over.
        connected = [pid for pid in (hanging, second.pid) if connections_to(pid, endpoint)]
        with stopped(connected[0]):
            release(node.hold_hello)
            shown = service.closed(job)
        poll(lambda: not connections_to(connected[0], endpoint))
        assert service.look(job) == shown
        second.terminate()
        second.wait(30)

    assert shown["success"] is True
    assert len(node.judged) == 1


def connections_to(pid: int, endpoint: str) -> int:
    """Return how many connections a process has to a local endpoint."""
    port = f":{int(endpoint.rpartition(':')[2]):04X}"
    inodes = {
        line.split()[9]
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
        if line.split()[2].endswith(port)
    }
    links = Path(f"/proc/{pid}/fd").iterdir()
    return sum(opened(link).removeprefix("socket:[").removesuffix("]") in inodes for link in links)


def opened(link: Path) -> str:
    """Return what a descriptor stands for, nothing if it was closed since it was listed."""
    try:
        return str(link.readlink())
    except FileNotFoundError:
        return ""


def test_a_worker_that_is_told_to_stop_finishes_what_it_has(service: Service) -> None:
    """A new version is rolled out in the middle of the day."""
    worker = service.part(WORKER)
    with held_at_sign_in() as (node, endpoint):
        job = service.submit(endpoint)
        assert node.changed.wait(60)
        os.kill(worker, signal.SIGTERM)
        release(node.hold)

        shown = service.closed(job)
        poll(lambda: not is_running(worker))

    assert shown["status"] == "finished"
    assert shown["success"] is True
    poll(lambda: "worker ended (status 0)" in service.log_text())


def test_a_worker_that_can_not_finish_in_time_hands_back(tmp_path: Path) -> None:
    """A slow platform must not hold up the roll-out."""
    with (
        running_service(tmp_path, CONNCHECK_DRAIN_S="1") as service,
        held_before_sign_in() as (node, endpoint),
    ):
        worker = service.part(WORKER)
        job = service.submit(endpoint)
        assert node.changed.wait(60)
        os.kill(worker, signal.SIGTERM)
        poll(lambda: not is_running(worker))
        release(node.hold_hello)

        shown = service.closed(job)

    assert shown["success"] is True
    assert len(node.judged) == 1
    poll(lambda: "worker ended (status 0)" in service.log_text())


def test_a_worker_that_can_not_finish_in_time_ends_its_sessions(tmp_path: Path) -> None:
    """Each roll-out would leave a few behind at platforms that have few."""
    keystone = Keystone({"projects": "hangs"})
    with (
        running_service(tmp_path, CONNCHECK_DRAIN_S="1") as service,
        serving(keystone.serve) as server,
    ):
        worker = service.part(WORKER)
        job = service.submit(f"http://127.0.0.1:{server.port}", productType="openstack")
        assert keystone.held.wait(60)
        os.kill(worker, signal.SIGTERM)
        poll(lambda: not is_running(worker))

        assert keystone.given
        assert keystone.valid == set()
        assert service.closed(job)["status"] == "lost"


def test_a_job_that_waits_too_long_expires_and_never_runs(tmp_path: Path) -> None:
    """Nobody wants the answer any more."""
    with (
        running_service(tmp_path, CONNCHECK_WORKER_SLOTS="1") as service,
        socket.create_server(("127.0.0.1", 0)) as silent,
        zstack_node() as (node, port),
    ):
        slow = f"127.0.0.1:{silent.getsockname()[1]}"
        busy = [service.submit(slow, options={"timeoutSeconds": 30}) for _ in range(2)]
        job = service.submit(f"127.0.0.1:{port}", options={"timeoutSeconds": 1})

        shown = service.closed(job)

        assert shown["status"] == "expired"
        assert {item["outcome"] for item in shown["items"]} == {"skipped"}
        assert shown["recommendation"]
        with service.client() as client:
            for url in busy:
                client.delete(url)
        after = service.submit(f"127.0.0.1:{port}")
        assert service.closed(after)["success"] is True
    assert len(node.judged) == 1


def test_a_full_queue_is_503_and_says_so(tmp_path: Path) -> None:
    """A job that can't be run in time is better not taken."""
    limits = {"CONNCHECK_WORKER_SLOTS": "1", "CONNCHECK_MAX_QUEUED": "2"}
    with (
        running_service(tmp_path, **limits) as service,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        service.submit(endpoint)
        accepted, _ = silent.accept()
        for _ in range(2):
            service.submit(endpoint)

        answer = service.test(endpoint)
        accepted.close()

    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert answer.json()["type"] == "urn:conncheck:problem:queue-full"


def test_a_saturated_worker_never_makes_a_platform_look_slow(tmp_path: Path) -> None:
    """Time in the queue is queue time: at three times the capacity nobody fails."""
    node = ZstackNode(hold_hello=threading.Event())
    with (
        running_service(tmp_path, CONNCHECK_WORKER_SLOTS="4", CONNCHECK_PER_TARGET="99") as service,
        zstack_node(node) as (_, port),
    ):
        options = {"timeoutSeconds": 30}  # a busy machine takes its time to submit them
        jobs = [service.submit(f"127.0.0.1:{port}", options=options) for _ in range(12)]
        assert node.changed.wait(60)
        threading.Timer(1, release, (node.hold_hello,)).start()

        closed = [service.closed(job) for job in jobs]

    assert [job["success"] for job in closed] == [True] * 12
    assert max(job["queueMs"] for job in closed) > 500


def test_nothing_stays_in_redis_that_does_not_expire(service: Service) -> None:
    """Memory that nobody frees runs out one day."""
    with zstack_node() as (_, port):
        for _ in range(3):
            service.test(f"127.0.0.1:{port}")

    poll(lambda: service.lasting_keys() == set())  # a worker tidies up what it took every 2 s
    assert len(children_of(service.process.pid)) == 4
