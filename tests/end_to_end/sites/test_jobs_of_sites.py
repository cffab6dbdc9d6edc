"""Single tests from several sites, with real workers of each."""

import json
from collections.abc import Iterator
from hashlib import sha256
from threading import Event

import pytest

from shared.queue.queued_job import INTERACTIVE
from shared.store.site_keys import SiteKeys
from tests.running.service import CALL, Service, a_request, poll
from tests.running.sites import Sites, service_with_sites
from tests.stand_ins.zstack import ZstackNode, zstack_node

JOBS = f"{CALL}/jobs"
INSPECTIONS = "/api/v1/platforms/inspect-certificate"
Node = tuple[ZstackNode, str]
RULES = "fra1=127.0.0.0/8"
BOB = "bob-token"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Sites]]:
    """Give a service with workers of the default site and of fra1, and none of sin1."""
    directory = tmp_path_factory.mktemp("sites")
    tokens = directory / "tokens.json"
    bob = {
        "name": "bob",
        "sha256": sha256(BOB.encode()).hexdigest(),
        "scopes": ["test", "bulk", "read"],
        "sites": ["fra1"],
        "policy": {"ports": [1]},
        "sitePolicies": {"fra1": {"ports": list(range(1024, 65536))}},
    }
    tokens.write_text(json.dumps({"tokens": [bob]}))
    settings = {"CONNCHECK_TOKENS_FILE": str(tokens), "CONNCHECK_SITE_RULES": RULES}
    with (
        service_with_sites(directory, "fra1", "sin1", **settings) as (service, sites),
        sites.worker(service, "fra1"),
    ):
        yield service, sites


def test_the_named_site_tests(running: tuple[Service, Sites], node: Node) -> None:
    """Its workers alone can open the request, and the job says where it ran."""
    service, _ = running
    for site in ("fra1", "default"):
        answer = service.test(node[1], options={"site": site})

        assert answer.json()["success"], answer.text
        url = f"{JOBS}/{answer.headers['conncheck-job-id']}"
        job = service.look(url)
        assert (job["site"], job["status"]) == (site, "finished")
        with service.client() as client:
            listed = client.get(f"{JOBS}?site={site}&limit=1").json()["items"]
            events = client.get(f"{url}/events").text
        assert [one["jobId"] for one in listed] == [job["jobId"]]
        assert ('"site":"fra1"' in events) == (site == "fra1")


def test_without_a_name_the_rule_for_the_endpoint_decides(
    running: tuple[Service, Sites], node: Node
) -> None:
    """Callers need not know which site reaches what."""
    service, _ = running

    by_rule = service.closed(service.submit(node[1]))
    by_name = service.closed(service.submit(f"localhost:{node[1].split(':')[1]}"))

    assert (by_rule["site"], by_name["site"]) == ("fra1", "default")


def test_an_inspection_has_a_site(running: tuple[Service, Sites], node: Node) -> None:
    """An interception is found by looking from two places."""
    service, _ = running
    request = {"endpoint": node[1], "options": {"site": "fra1"}}
    with service.client() as client:
        answer = client.post(INSPECTIONS, json=request)

    assert answer.status_code == 200, answer.text
    assert answer.json()["site"] == "fra1"
    assert service.look(f"{JOBS}/{answer.headers['conncheck-job-id']}")["site"] == "fra1"


def test_an_unknown_site_is_refused_with_the_nearest(running: tuple[Service, Sites]) -> None:
    """It was mistyped."""
    service, _ = running

    answer = service.test("127.0.0.1:1", options={"site": "fra-1"})

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["cause"]) == ("options.site", "input.site_unknown")
    assert error["reason"].endswith("Nearest: fra1")


def test_a_site_without_workers_is_named(running: tuple[Service, Sites]) -> None:
    """The others are alive, so it is of no use to look at all of them."""
    service, _ = running

    answer = service.test("127.0.0.1:1", options={"site": "sin1"})

    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:conncheck:problem:no-worker"
    assert "at the site sin1" in answer.json()["detail"]


def test_a_token_tests_from_its_own_sites_by_its_policy_there(
    running: tuple[Service, Sites], node: Node
) -> None:
    """10.0.0.1 is another host at each site."""
    service, _ = running
    headers = {"Authorization": f"Bearer {BOB}"}
    with service.client() as client:
        allowed, other, unknown = (
            client.post(CALL, json=a_request(node[1], options={"site": site}), headers=headers)
            for site in ("fra1", "default", "nowhere")
        )

    assert allowed.json()["success"], allowed.text
    assert (other.status_code, unknown.status_code) == (403, 403)
    assert other.json()["errors"] == unknown.json()["errors"]
    assert other.json()["errors"][0]["cause"] == "policy.site_blocked"


def test_a_job_at_a_site_is_cancelled_there(
    running: tuple[Service, Sites],
) -> None:
    """Its worker hears of it on the channel of its site, and is free for others."""
    service, _ = running
    with zstack_node(ZstackNode(hold=Event())) as (held, port):
        job = service.submit(f"127.0.0.1:{port}", options={"site": "fra1"})
        poll(lambda: service.look(job)["status"] == "running")
        with service.client() as client:
            cancelled = client.delete(job).json()
        with service.redis() as redis:
            poll(lambda: not redis.zcard(SiteKeys.of("fra1").running))
        assert held.hold
        held.hold.set()

    assert cancelled["status"] == "cancelled"


def test_a_key_gives_the_same_job_at_its_site(running: tuple[Service, Sites], node: Node) -> None:
    """A repeated request must not sign in from a second place."""
    service, _ = running
    body, headers = a_request(node[1], options={"site": "fra1"}), {"Idempotency-Key": "at-fra1"}
    with service.client() as client:
        twice = [client.post(CALL, json=body, headers=headers) for _ in range(2)]

    assert len({answer.headers["conncheck-job-id"] for answer in twice}) == 1
    assert [answer.json()["success"] for answer in twice] == [True, True]


def test_a_site_that_is_added_serves_without_a_restart(
    running: tuple[Service, Sites], node: Node
) -> None:
    """A restart ends streams."""
    service, sites = running
    sites.add("tokyo")

    with sites.worker(service, "tokyo"):
        assert service.test(node[1], options={"site": "tokyo"}).json()["success"]


def test_the_jobs_of_a_site_that_is_removed_end_all_the_same(
    running: tuple[Service, Sites],
) -> None:
    """Its reaper stays until none can be left: a batch would wait for their ends for ever."""
    service, sites = running
    sites.add("paris")
    keys = SiteKeys.of("paris")
    with service.redis() as redis:
        redis.set(keys.sign_of_queue(INTERACTIVE), 1, px=60_000)
        job = service.submit("127.0.0.1:1", options={"site": "paris"})
        sites.remove("paris")
        redis.zadd(keys.queued, {job.rpartition("/")[2]: 1})  # it is too old

    assert service.closed(job)["status"] == "expired"
