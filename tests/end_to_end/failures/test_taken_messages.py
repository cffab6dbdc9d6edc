"""What a worker has taken and not begun is run by another one when it dies or stops."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from shared.store.connection import connect
from tests.end_to_end.failures.test_nothing_lost import held_before_sign_in, release
from tests.running.own_redis import OwnRedis
from tests.running.service import Service, number_taken, poll, running_service, stopped
from tests.stand_ins.zstack import zstack_node

WORKER = "worker --queue interactive"


@pytest.fixture(params=["one Redis", "two Redises"])
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Service, Redis]]:
    """Give a service of this test's own, and the Redis that has its queue."""
    with ExitStack() as stack:
        settings = {}
        if request.param == "two Redises":
            own: OwnRedis = request.getfixturevalue("own_redis")
            settings["CONNCHECK_BROKER_URL"] = own.url
            broker = stack.enter_context(connect(own.url))
        service = stack.enter_context(running_service(tmp_path, **settings))
        if request.param == "one Redis":
            broker = stack.enter_context(service.redis())
        yield service, broker


def taken_by_a_worker_that_dies(service: Service, broker: Redis, endpoint: str) -> str:
    """Return a job whose message a worker has taken when it is killed.

    Its question for the next message waits in Redis, and is answered while it stands still.
    """
    while True:
        pid = service.part(WORKER)
        with stopped(pid):
            job = service.submit(endpoint)
            if number_taken(broker):
                os.kill(pid, signal.SIGKILL)
                return job
        service.closed(job)  # the question had just ended


def test_the_job_whose_message_a_killed_worker_had_is_run_by_another(
    served: tuple[Service, Redis],
) -> None:
    """No other worker was told of it, and the dead one's list must not stay for ever."""
    service, broker = served
    with zstack_node() as (_, port):
        job = taken_by_a_worker_that_dies(service, broker, f"127.0.0.1:{port}")

        shown = service.closed(job)

    assert (shown["status"], shown["success"]) == ("finished", True)
    poll(lambda: number_taken(broker) == 0)


def test_a_worker_that_stops_keeps_no_message(served: tuple[Service, Redis]) -> None:
    """Its last question for a message may be answered when it wants none any more."""
    service, broker = served
    with held_before_sign_in() as (node, endpoint), zstack_node() as (_, port):
        running = service.submit(endpoint)
        assert node.changed.wait(60)
        os.kill(service.part(WORKER), signal.SIGTERM)
        others = [service.submit(f"127.0.0.1:{port}") for _ in range(3)]
        release(node.hold_hello)

        closed = [service.closed(job) for job in (running, *others)]

    assert [shown["status"] for shown in closed] == ["finished"] * 4
    poll(lambda: number_taken(broker) == 0)
