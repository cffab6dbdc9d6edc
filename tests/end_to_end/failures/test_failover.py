"""A Redis that fails over ends no job twice, and has no key presented twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.failures.test_batches_nothing_lost import assert_each_ended_once
from tests.running.batches import FORCED, items, keys, submitted
from tests.running.own_sentinels import OwnSentinels, own_sentinels
from tests.running.service import CALL, Service, a_request, poll, running_service
from tests.stand_ins.zstack import ZstackNode, zstack_node

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

FAILOVERS, JOBS, IN_BATCH = 10, 20, 20
ANSWER_S = 20.0  # a caller who was to be refused at once, on a busy machine
WHOLE_S = 60.0


@dataclass
class Callers:
    """Those who ask for tests meanwhile, each with a key pair of its own."""

    service: Service
    endpoint: str
    accepted: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def submit(self, keys: list[str]) -> None:
        """Ask for a test with each of the keys, one after the other."""
        with self.service.client() as client:
            client.timeout = httpx.Timeout(ANSWER_S)  # whoever hangs fails the test
            for key in keys:
                request = a_request(self.endpoint, accessKey=key, options=FORCED)
                answer = client.post(f"{CALL}/jobs", json=request)
                if answer.status_code == 202:
                    self.accepted.append(str(answer.headers["location"]))
                else:
                    self.refused.append(answer.status_code)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[OwnSentinels]:
    """Give a Redis with two replicas and three sentinels."""
    (tmp_path / "redis").mkdir()
    with own_sentinels(tmp_path / "redis") as running:
        yield running


def die(redis: OwnSentinels) -> None:
    """Kill the primary; it comes back as a replica of its successor."""
    redis.join(redis.kill_primary())


def test_each_job_ends_once_and_no_key_is_presented_twice(
    redis: OwnSentinels, tmp_path: Path
) -> None:
    """A new primary may not know the last second of the former one, which goes on for a while."""
    node = ZstackNode(delay_s=0.2)
    names = [f"JOB{number}" for number in range(FAILOVERS * JOBS)]
    node.keys = dict.fromkeys(names, "SECRET") | keys(IN_BATCH)
    failovers: list[Callable[[], None]] = [redis.fail_over, lambda: die(redis)]
    with (
        zstack_node(node) as (_, port),
        running_service(tmp_path, CONNCHECK_REDIS_URL=redis.url) as service,
        service.client() as client,
        ThreadPoolExecutor(1) as thread,
    ):
        callers = Callers(service, f"127.0.0.1:{port}")
        batch = submitted(client, items(callers.endpoint, IN_BATCH))
        for number in range(FAILOVERS):
            these = names[number * JOBS : (number + 1) * JOBS]
            asking = thread.submit(callers.submit, these)
            failovers[number % 2]()
            asking.result(JOBS * ANSWER_S)
            poll(redis.is_whole, WHOLE_S)
            poll(service.is_ready)

        closed = Counter(service.closed(job)["status"] for job in callers.accepted)

        assert closed == Counter(finished=len(callers.accepted))
        assert set(callers.refused) <= {503}
        assert len(callers.accepted) > JOBS  # they are not refused for ever
        assert_each_ended_once(client, batch, node, IN_BATCH)
        assert max(Counter(node.judged).values()) == 1
