"""Turns of a tenant's share come back, and its jobs end once, whatever dies meanwhile."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest

from shared.store.site_keys import DEFAULT_KEYS
from tests.running.service import (
    CALL,
    Service,
    a_request,
    children_of,
    command_of,
    is_running,
    poll,
    running_service,
)
from tests.running.tenants import client_of, token_file
from tests.stand_ins.zstack import ZstackNode, zstack_node

pytestmark = pytest.mark.faults

JOBS = f"{CALL}/jobs"
SLOTS, SHARE = 4, 2
PATIENT = {"timeoutSeconds": 120, "force": True}
WORKER = "worker --queue interactive"


@pytest.fixture(params=["redis", "rabbitmq"])
def shared(
    tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Service, httpx.Client, httpx.Client]]:
    """Give a service with few slots and two tenants, with each kind of broker."""
    file = tmp_path / "tokens.json"
    tokens = token_file(file, "alice", "bob")
    settings = {"CONNCHECK_WORKER_SLOTS": str(SLOTS), "CONNCHECK_TOKENS_FILE": str(file)}
    if request.param == "rabbitmq":
        settings["CONNCHECK_BROKER_URL"] = request.getfixturevalue("rabbitmq")
    with (
        running_service(tmp_path, **settings) as service,
        client_of(service, tokens["alice"]) as alice,
        client_of(service, tokens["bob"]) as bob,
    ):
        yield service, alice, bob


@contextmanager
def slow_node() -> Iterator[tuple[ZstackNode, str]]:
    """Give a platform that keeps its callers waiting before the sign-in."""
    event = Event()
    node = ZstackNode(hold_hello=event)
    with zstack_node(node) as (_, port):
        try:
            yield node, f"127.0.0.1:{port}"
        finally:
            event.set()


def kill_worker(service: Service) -> bytes:
    """Kill the worker of single tests; return when it is dead what its name contains."""
    poll(lambda: any(WORKER in command_of(pid) for pid in children_of(service.process.pid)))
    pid = service.part(WORKER)
    os.kill(pid, signal.SIGKILL)
    poll(lambda: not is_running(pid))
    return f":{pid}:".encode()


def ended(client: httpx.Client, job: str) -> bool:
    """Return whether a job is over."""
    return bool(client.get(job).json().get("finishedAt"))


def test_a_dead_worker_s_part_of_a_share_is_free(
    shared: tuple[Service, httpx.Client, httpx.Client],
) -> None:
    """Its tenant could test nothing for eleven minutes; and each job signs in once."""
    service, alice, bob = shared
    with slow_node() as (node, slow), service.redis() as redis:
        body = a_request(slow, options=PATIENT)
        jobs = [alice.post(JOBS, json=body).headers["location"] for _ in range(6)]
        poll(
            lambda: (
                (redis.zcard(DEFAULT_KEYS.running), redis.zcard(DEFAULT_KEYS.queued))
                == (SHARE, 6 - SHARE)
            )
        )

        dead = kill_worker(service)
        poll(lambda: not any(dead in name for name in redis.smembers(DEFAULT_KEYS.workers)))
        poll(
            lambda: (
                (redis.zcard(DEFAULT_KEYS.running), redis.zcard(DEFAULT_KEYS.queued))
                == (SHARE, 6 - SHARE)
            )
        )
        assert node.hold_hello
        node.hold_hello.set()
        poll(lambda: all(ended(alice, job) for job in jobs), within_s=60)

        assert [alice.get(job).json()["success"] for job in jobs] == [True] * 6
        assert len(node.judged) == 6
        poll(lambda: not [*redis.scan_iter("conncheck:share:*")])
        assert bob.post(CALL, json=a_request(slow)).json()["success"] is True


def test_workers_that_die_again_and_again_lose_no_job_of_a_share(
    shared: tuple[Service, httpx.Client, httpx.Client],
) -> None:
    """Calls and turns are in Redis, in the broker, or in a worker that may be the next to die."""
    service, alice, bob = shared
    keys = {f"AK{n}": "SECRET" for n in range(60)}
    nodes = [ZstackNode(keys=keys, delay_s=0.2) for _ in range(3)]
    with (
        zstack_node(nodes[0]) as (_, first),
        zstack_node(nodes[1]) as (_, second),
        zstack_node(nodes[2]) as (_, third),
        service.redis() as redis,
    ):
        jobs = []
        for n in range(60):
            target = f"127.0.0.1:{(first, second, third)[n % 3]}"
            options = {"timeoutSeconds": 120, "force": n % 2 == 0}
            body = a_request(target, options=options, accessKey=f"AK{n}")
            client = bob if n % 5 == 0 else alice
            jobs.append((client, client.post(JOBS, json=body).headers["location"]))
        for left in (50, 40, 30):
            poll(lambda left=left: redis.zcard(DEFAULT_KEYS.queued) <= left, within_s=60)  # type: ignore[misc]
            kill_worker(service)
        poll(lambda: all(ended(client, job) for client, job in jobs), within_s=120)

        shown = [client.get(job).json() for client, job in jobs]
        judged = [key for node in nodes for key in node.judged]
        poll(
            lambda: (
                not [*redis.scan_iter("conncheck:share:*"), *redis.scan_iter("conncheck:line:*")]
            )
        )

    odd = [job for job in shown if job["status"] not in ("finished", "lost")]
    ids = tuple(job["jobId"] for job in odd)
    assert not odd, [
        line for line in service.log_text().splitlines() if any(i in line for i in ids)
    ]
    assert sum(job["status"] == "lost" for job in shown) <= 3 * SLOTS
    assert len(judged) == len(set(judged))
