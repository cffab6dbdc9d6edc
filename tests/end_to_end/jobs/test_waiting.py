"""Callers that wait, many of them, and parts of the service that are away."""

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from shared.store.site_keys import DEFAULT_KEYS
from tests.running.service import (
    CALL,
    Service,
    a_request,
    poll,
    running_service,
    standing_still,
    stopped,
)
from tests.stand_ins.zstack import ZstackNode, zstack_node

CALLERS = 500
MOST_REDIS_CONNECTIONS = 100  # of API, workers and queue together
PATIENT = {"timeoutSeconds": 120}  # a busy machine takes a while until all of them have begun


@pytest.mark.timeout(600)
def test_500_callers_who_wait_at_once_all_get_their_answer(tmp_path: Path) -> None:
    """None of them costs a thread or a Redis connection."""
    with (
        running_service(tmp_path, CONNCHECK_PER_TARGET="1000") as service,
        zstack_node() as (_, port),
        ThreadPoolExecutor(1) as aside,
    ):
        bodies = [a_request(f"127.0.0.1:{port}", options=PATIENT)] * CALLERS
        with standing_still(service), service.redis() as redis:
            calls = aside.submit(asyncio.run, call_together(service, bodies))
            poll(lambda: calls.done() or redis.zcard(DEFAULT_KEYS.queued) == CALLERS, within_s=300)
            threads = len(list(Path(f"/proc/{service.part('cli api')}/task").iterdir()))
            connections = len(redis.client_list())
        responses = calls.result()
        assert [response.text for response in responses if response.status_code != 200] == []

    assert [why for response in responses if (why := failure_in(response.json()))] == []
    assert threads < 20
    assert connections < MOST_REDIS_CONNECTIONS


def failure_in(answer: dict[str, Any]) -> str:
    """Return what a failed test says; '' where it passed."""
    return "" if answer["success"] else str(answer["items"][-1]["errorMsg"])


def test_without_a_worker_the_answer_is_503_and_when_to_come_back(tmp_path: Path) -> None:
    """A job that nobody would run must not be taken."""
    with (
        running_service(tmp_path) as service,
        stopped(service.part("cli worker")),
    ):
        poll(lambda: not service.is_ready())

        answer = service.test("127.0.0.1:1")

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["type"] == "urn:conncheck:problem:no-worker"


def test_a_job_that_no_worker_finishes_is_504_and_named(tmp_path: Path) -> None:
    """The caller can ask for the job by its id later."""
    with running_service(tmp_path) as service, standing_still(service):
        answer = service.test("127.0.0.1:1", options={"timeoutSeconds": 1})

    assert answer.status_code == 504
    assert len(answer.json()["jobId"]) == 32
    assert answer.json()["jobId"] in answer.json()["detail"]
    assert answer.headers["conncheck-job-id"] == answer.json()["jobId"]


def test_a_redis_that_hangs_is_503_while_it_hangs(tmp_path: Path) -> None:
    """The caller's own time-outs must not be what tells."""
    with running_service(tmp_path) as service, stopped(service.part("redis.sock")):
        answer = service.test("127.0.0.1:1")

    assert answer.status_code == 503
    assert "retry-after" in answer.headers


def test_a_redis_that_dies_comes_back_and_is_used_again(tmp_path: Path) -> None:
    """`up` starts it again, and the same API and worker go on."""
    with (
        running_service(tmp_path) as service,
        zstack_node() as (_, port),
    ):
        os.kill(service.part("redis.sock"), signal.SIGKILL)
        poll(lambda: not service.is_ready())
        poll(service.is_ready)

        answer = service.test(f"127.0.0.1:{port}")

    assert answer.json()["success"] is True


def test_time_in_the_queue_is_no_latency(tmp_path: Path) -> None:
    """A busy worker must never look like a slow platform."""
    slow = {"timeoutSeconds": 5}
    with (
        running_service(tmp_path, CONNCHECK_WORKER_SLOTS="1") as service,
        socket.create_server(("127.0.0.1", 0)) as silent,
        zstack_node() as (_, port),
        ThreadPoolExecutor(1) as aside,
    ):
        first = f"127.0.0.1:{silent.getsockname()[1]}"
        holding = aside.submit(service.test, first, options=slow)
        accepted, _ = silent.accept()
        answer = service.test(f"127.0.0.1:{port}")
        assert holding.result().json()["success"] is False
        accepted.close()

    assert answer.json()["success"] is True
    assert all(int(item["latencyMs"]) < 4000 for item in answer.json()["items"])


async def call_together(service: Service, bodies: Sequence[dict[str, Any]]) -> list[httpx.Response]:
    """Make all the calls at once."""
    async with httpx.AsyncClient(
        base_url=service.url,
        headers={"Authorization": f"Bearer {service.token}"},
        limits=httpx.Limits(max_connections=None),
        timeout=300,
        trust_env=False,
    ) as client:
        return await asyncio.gather(*(client.post(CALL, json=body) for body in bodies))


def test_i2_one_address_is_tested_by_a_few_at_a_time(tmp_path: Path) -> None:
    """A platform must not be hammered by many who test it at once; they wait in line."""
    node = ZstackNode(hold=Event())
    with (
        running_service(tmp_path, CONNCHECK_PER_TARGET="2") as service,
        zstack_node(node) as (_, port),
        zstack_node() as (_, other),
    ):
        jobs = [service.submit(f"127.0.0.1:{port}") for _ in range(8)]
        poll(lambda: len(node.judged) == 2)
        elsewhere = service.test(f"127.0.0.1:{other}")
        assert elsewhere.json()["success"] is True
        assert len(node.judged) == 2
        forced = service.submit(f"127.0.0.1:{port}", options={"force": True})
        poll(lambda: len(node.judged) == 3)
        assert node.hold
        node.hold.set()

        closed = [service.closed(job) for job in [*jobs, forced]]

    assert [job["success"] for job in closed] == [True] * 9
    assert len(node.judged) == 9


def test_a_rejected_pair_is_not_sent_again_and_says_until_when(service: Service) -> None:
    """Whoever clicks again and again must not lock an account."""
    with zstack_node() as (node, port):
        endpoint = f"127.0.0.1:{port}"
        first = service.test(endpoint, secretKey="wrong-one").json()
        second = service.test(endpoint, secretKey="wrong-one").json()
        assert node.judged == ["AKID"]
        corrected = service.test(endpoint, secretKey="SECRET").json()
        forced = service.test(endpoint, secretKey="wrong-one", options={"force": True}).json()

    assert "rejects the secretKey or the request" in first["items"][-1]["errorMsg"]
    assert first["items"][-1]["errorMsg"].startswith(second["items"][-1]["errorMsg"])
    assert "not sent again before 20" in second["recommendation"]
    assert "UTC" in second["recommendation"]
    assert "not sent again" not in first["recommendation"]
    assert corrected["success"] is True
    assert "rejects the secretKey or the request" in forced["items"][-1]["errorMsg"]
    assert len(node.judged) == 3
