"""Workers of a site that is 200 ms away from Redis, on a line with TLS that is cut at times."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from shared.store.jobs.job_stream import entry_of
from shared.store.site_keys import SiteKeys
from tests.certificates.authority import Authority
from tests.end_to_end.failures.test_nothing_lost import (
    held_at_sign_in,
    held_before_sign_in,
    release,
)
from tests.running.batches import finished, items, keys
from tests.running.batches import submitted as submitted_batch
from tests.running.service import Service, poll
from tests.running.sites import service_with_sites
from tests.running.slow_line import ONE_WAY_S, SlowLine, slow_line
from tests.stand_ins.zstack import ZstackNode, zstack_node

FAR = {"site": "fra1"}
FRA1 = SiteKeys.of("fra1")
METERED = "metered-token"
CUT_LOOKS = 40
"""Looks of the reaper in 20 s, for which a line may be cut."""
MANY = 100
SOME = 10
SHORT_CUT_LOOKS = 8
ROUND_TRIP_MS = 2 * ONE_WAY_S * 1000

Far = tuple[Service, SlowLine]


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Far]:
    """Give a service with a site whose workers are far from Redis."""
    directory = tmp_path_factory.mktemp("far")
    tokens = directory / "tokens.json"
    tokens.write_text(json.dumps({"tokens": [_metered()]}))
    with (
        service_with_sites(directory, "fra1", CONNCHECK_TOKENS_FILE=str(tokens)) as (
            service,
            sites,
        ),
        slow_line(service, "fra1", authority, directory) as line,
        sites.workers(service, "fra1", **line.settings),
    ):
        yield service, line


def _metered() -> dict[str, object]:
    return {
        "name": "metered",
        "sha256": sha256(METERED.encode()).hexdigest(),
        "scopes": ["test", "read"],
        "sites": ["fra1"],
        "policy": {"ports": list(range(1024, 65536))},
    }


def kinds(service: Service, job: str) -> list[str]:
    """Return what kinds of things happened to a job of the site."""
    with service.redis() as redis:
        rows = redis.xrange(FRA1.job(job.rpartition("/")[2]))
    return [entry_of(row).kind for row in rows]


def submitted(service: Service, endpoint: str, **options: object) -> str:
    """Return the address of a new job of the site."""
    return service.submit(endpoint, options={**FAR, **options})


def test_no_step_is_slower_from_far_away(far: Far) -> None:
    """A step's time is that of the platform, and so is the time limit of the test.

    All limits that are counted in Redis are asked for the tests of this token.
    """
    service = replace(far[0], token=METERED)
    with zstack_node() as (node, port):

        def is_fast() -> bool:
            """Make another test: a busy machine may make one slow, the line would make all."""
            jobs.append(service.closed(submitted(service, f"127.0.0.1:{port}", timeoutSeconds=1)))
            items = jobs[-1]["items"]
            return jobs[-1]["success"] and all(one["tookMs"] < ROUND_TRIP_MS for one in items)

        jobs: list[dict[str, Any]] = []
        poll(is_fast, within_s=60)

    assert len(node.judged) <= len(jobs)


@pytest.mark.faults
def test_a_cut_of_twenty_seconds_harms_no_job(far: Far) -> None:
    """Nothing is lost, nothing is doubled, and each job ends once.

    The line is cut while one job is in the middle of its steps, two sign in, of which one is
    cancelled, and the queue is asked for the next one.
    """
    service, line = far
    with (
        held_before_sign_in() as (early, early_at),
        held_at_sign_in() as (signing_in, signing_in_at),
        held_at_sign_in() as (cancelled, cancelled_at),
        zstack_node() as (late, late_port),
        service.client() as client,
    ):
        jobs = [submitted(service, at) for at in (early_at, signing_in_at, cancelled_at)]
        for node in (early, signing_in, cancelled):
            assert node.changed.wait(60)
        line.cut()
        jobs.append(submitted(service, f"127.0.0.1:{late_port}"))  # its site is not given up
        assert client.delete(jobs[2]).status_code < 300
        for held in (early.hold_hello, signing_in.hold, cancelled.hold):
            release(held)
        line.wait_for_looks(CUT_LOOKS)
        line.restore()
        shown = [service.closed(job) for job in jobs]

    outcomes = [(job["status"], job["success"]) for job in shown]
    assert outcomes == [
        ("finished", True),
        ("finished", True),
        ("cancelled", False),
        ("finished", True),
    ]
    assert [len(node.judged) for node in (early, signing_in, cancelled, late)] == [1] * 4
    for job in jobs:
        happened = kinds(service, job)
        assert (happened.count("started"), happened.count("closed")) == (1, 1), happened
        assert "requeued" not in happened


@pytest.mark.faults
def test_a_batch_outlives_a_cut(far: Far) -> None:
    """Each of its tests signs in once, also those whose messages were on the line."""
    service, line = far
    node = ZstackNode(keys=keys(MANY), delay_s=0.1)
    with zstack_node(node) as (_, port), service.client() as client:
        options = {**FAR, "force": True}
        batch = submitted_batch(client, items(f"127.0.0.1:{port}", MANY, options=options))
        poll(lambda: len(node.judged) >= SOME)
        line.cut()
        line.wait_for_looks(SHORT_CUT_LOOKS)
        line.restore()
        shown = finished(client, batch)

    assert shown["passed"] == MANY, shown
    assert Counter(node.judged) == dict.fromkeys(keys(MANY), 1)
