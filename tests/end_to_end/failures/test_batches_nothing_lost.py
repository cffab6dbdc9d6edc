"""Every item of a batch ends once, whatever dies meanwhile, and signs in once at most."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.running.batches import (
    FORCED,
    events,
    finished,
    items,
    keys,
    look,
    results,
    submitted,
    until,
)
from tests.running.service import Service, environment_of, poll, running_service, start, stopped
from tests.stand_ins.zstack import ZstackNode, zstack_node

pytestmark = pytest.mark.faults

COUNT, SLOTS = 80, 8
BULK_WORKER, API, REDIS = "worker --queue bulk", "cli api", "redis.sock"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Give a service of this test's own, to be harmed."""
    with running_service(tmp_path, CONNCHECK_WORKER_SLOTS=str(SLOTS)) as running:
        yield running


def half_done(client: httpx.Client, port: int, count: int = COUNT) -> str:
    """Return a batch in the middle: some items are done, some at work, some wait."""
    url = submitted(client, items(f"127.0.0.1:{port}", count, options=FORCED))
    until(client, url, lambda shown: bool(shown["passed"] >= count / 8))
    return url


def assert_each_ended_once(client: httpx.Client, url: str, node: ZstackNode, count: int) -> None:
    """See that what the batch, its results and its jobs say is the same, and nothing twice."""
    shown = finished(client, url)
    found = results(client, url)

    assert shown["total"] == count
    assert shown["passed"] + shown["lost"] == count
    assert [one["index"] for one in found] == [*range(count)]
    assert Counter(one["status"] for one in found)["passed"] == shown["passed"]
    assert len({one["jobId"] for one in found}) == count
    for one in found[:: count // 20]:
        kinds = [event["event"] for event in events(client, one["statusUrl"])]
        assert kinds.count("closed") == 1
        assert client.get(one["statusUrl"]).json()["success"] is (one["status"] == "passed")
    assert max(Counter(node.judged).values()) == 1
    assert shown["passed"] <= len([key for key in node.judged if key.startswith("AK")]) <= count


@pytest.fixture
def node() -> Iterator[tuple[ZstackNode, int]]:
    """Give a node at which a test takes a quarter of a second, and its port."""
    with zstack_node(ZstackNode(keys=keys(COUNT), delay_s=0.05)) as running:
        yield running


@pytest.mark.parametrize("part", [BULK_WORKER, API, REDIS])
def test_a_batch_outlives_the_death_of_a_part(
    service: Service, node: tuple[ZstackNode, int], part: str
) -> None:
    """An answer of 202 is a promise for each item."""
    with service.client() as client:
        url = half_done(client, node[1])

        service.kill(part)

        assert_each_ended_once(client, url, node[0], COUNT)
        lost = finished(client, url)["lost"]
    assert lost <= (SLOTS if part == BULK_WORKER else 0)


def test_a_batch_outlives_the_death_of_everything_at_once(
    service: Service, node: tuple[ZstackNode, int]
) -> None:
    """A machine has one plug."""
    with service.client() as client:
        url = half_done(client, node[1])

        for part in (REDIS, BULK_WORKER, API):
            service.kill(part)

        assert_each_ended_once(client, url, node[0], COUNT)


def test_lost_items_can_be_repeated(service: Service) -> None:
    """To sign in a second time is for the caller to decide, and then it must be one call."""
    node = ZstackNode(keys=keys(4), hold=threading.Event())
    with zstack_node(node) as (_, port), service.client() as client:
        assert node.hold
        url = submitted(client, items(f"127.0.0.1:{port}", 4))
        poll(lambda: len(node.judged) == 4)
        service.kill(BULK_WORKER)
        shown = finished(client, url)
        node.hold.set()
        # Until a new worker is there, batches are answered 503.
        poll(lambda: "bulk" in client.get("/readyz").json().get("queues", []))
        again = finished(client, client.post(f"{url}/retry").headers["location"])

    assert shown["lost"] == 4
    assert {group["cause"]: group["count"] for group in shown["causes"]} == {"self.worker_lost": 4}
    assert (again["total"], again["passed"]) == (4, 4)
    assert Counter(node.judged) == dict.fromkeys(keys(4), 2)


def test_another_api_goes_on_where_one_hangs_that_looked_after_the_batch(
    service: Service, node: tuple[ZstackNode, int]
) -> None:
    """A machine that was cut off does not know that another has taken over."""
    settings = environment_of(service.part(API))
    with service.client() as client, service.redis() as redis:
        url = half_done(client, node[1])
        with start(["api", "--host", "127.0.0.1", "--port", "0"], settings) as second:
            try:
                name = redis.get("conncheck:feeder")
                with stopped(service.part(API)):
                    poll(lambda: redis.get("conncheck:feeder") not in {name, None})
                    poll(lambda: not redis.zcard("conncheck:batches"))
                # Its own calls to Redis timed out while it was stopped, and it says so once.
                poll(service.is_ready)
                assert_each_ended_once(client, url, node[0], COUNT)
            finally:
                second.terminate()
                second.wait(30)

    assert len(node[0].judged) == COUNT


def test_what_does_not_begin_in_time_expires_and_can_not_be_repeated(tmp_path: Path) -> None:
    """A list of last night must not begin in the middle of the day; its secrets are gone."""
    node = ZstackNode(keys=keys(10), hold=threading.Event())
    with (
        running_service(tmp_path, CONNCHECK_BATCH_DEADLINE_S="2") as service,
        service.client() as client,
        service.redis() as redis,
        zstack_node(node) as (_, port),
    ):
        assert node.hold
        url = submitted(client, items(f"127.0.0.1:{port}", 10))
        until(client, url, lambda shown: bool(shown["expired"] == 6))
        node.hold.set()
        shown = finished(client, url)
        expired = results(client, url, outcome="expired")
        retry = client.post(f"{url}/retry")

        assert (shown["passed"], shown["expired"]) == (4, 6)
        assert len(expired) == 6
        assert retry.status_code == 409
        assert "sealed" in retry.json()["detail"]
        assert not [*redis.scan_iter("*sealed*")]
        assert look(client, url) == shown
    assert len(node.judged) == 4
