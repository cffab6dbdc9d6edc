"""All workers of one site are killed in the middle of hundreds of jobs of two sites."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.queue.queued_job import INTERACTIVE
from shared.store.jobs.job_stream import entry_of
from shared.store.site_keys import SiteKeys
from tests.running.batches import keys
from tests.running.service import CALL, Service, a_request, poll
from tests.running.sites import Sites, service_with_sites
from tests.stand_ins.zstack import ZstackNode, zstack_node

pytestmark = pytest.mark.faults

EACH = 250
KILLED_AFTER = 20
"""Sign-ins at the platform of the site that is killed."""
SILENCE_S = 4.0
"""Of the site that is killed: the other's workers may be silent for longer on a busy machine."""
SLOTS = {"CONNCHECK_WORKER_SLOTS": "50"}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Service, Sites]]:
    """Give a service with two sites that have no workers yet."""
    with service_with_sites(tmp_path, "fra1", "sin1") as (service, sites):
        sites.declare("fra1", silence_s=SILENCE_S)
        yield service, sites


def slow_node() -> ZstackNode:
    """Return a node whose answers take a while, so that many tests are at work."""
    return ZstackNode(keys=keys(EACH), delay_s=0.4)


def submit_all(client: httpx.Client, site: str, endpoint: str) -> Sequence[str]:
    """Return the ids of EACH jobs of a site, with a key pair each."""
    options = {"site": site, "force": True}
    bodies = [a_request(endpoint, accessKey=f"AK{n}", options=options) for n in range(EACH)]
    answers = [client.post(f"{CALL}/jobs", json=body) for body in bodies]
    assert {answer.status_code for answer in answers} == {202}
    return [answer.headers["location"].rpartition("/")[2] for answer in answers]


def stories(service: Service, site: str, jobs: Sequence[str]) -> Sequence[Counter[str]]:
    """Return how often each kind of thing happened to each job."""
    site_keys = SiteKeys.of(site)
    with service.redis() as redis, redis.pipeline(transaction=False) as pipe:
        for job_id in jobs:
            pipe.xrange(site_keys.job(job_id))
        found = pipe.execute()
    return [Counter(entry_of(row).kind for row in rows) for rows in found]


def outcomes(client: httpx.Client, jobs: Sequence[str]) -> Counter[tuple[str, bool]]:
    """Return how the jobs ended, when all have."""

    def look(job_id: str) -> dict[str, Any]:
        shown: dict[str, Any] = client.get(f"{CALL}/jobs/{job_id}").json()
        return shown

    poll(lambda: all(look(job_id)["finishedAt"] for job_id in jobs), within_s=60)
    shown = [look(job_id) for job_id in jobs]
    return Counter((job["status"], job["success"]) for job in shown)


def test_a_site_that_is_killed_harms_no_other_and_each_job_ends_once(
    running: tuple[Service, Sites],
) -> None:
    """Jobs that had not signed in run when workers are back; the others are lost, and say so."""
    service, sites = running
    with (
        zstack_node(slow_node()) as (killed, killed_port),
        zstack_node(slow_node()) as (unharmed, unharmed_port),
        service.client() as client,
        sites.worker(service, "sin1", INTERACTIVE, **SLOTS),
    ):
        with sites.worker(service, "fra1", INTERACTIVE, **SLOTS) as worker:
            of_sin1 = submit_all(client, "sin1", f"127.0.0.1:{unharmed_port}")
            of_fra1 = submit_all(client, "fra1", f"127.0.0.1:{killed_port}")
            poll(lambda: len(killed.judged) >= KILLED_AFTER)
            worker.kill()
            worker.wait()
        with sites.worker(service, "fra1", INTERACTIVE, **SLOTS):
            of_killed, of_unharmed = outcomes(client, of_fra1), outcomes(client, of_sin1)

    passed, lost = ("finished", True), ("lost", False)
    assert of_unharmed == {passed: EACH}
    assert set(of_killed) == {passed, lost}
    assert of_killed[lost] <= int(SLOTS["CONNCHECK_WORKER_SLOTS"])
    assert set(Counter(unharmed.judged).values()) == {1}
    assert set(Counter(killed.judged).values()) == {1}
    for site, jobs in (("fra1", of_fra1), ("sin1", of_sin1)):
        assert {story["closed"] for story in stories(service, site, jobs)} == {1}
