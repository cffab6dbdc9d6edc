"""What one tenant sees of its own, and how much of the service it may use."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from threading import Event
from typing import Any

import httpx
import pytest

from api.access.open_calls import MOST_UPLOADS
from shared.policy.token_file import TokenEntry, TokenFile, new_entry
from shared.wire.comparisons import COMPARISONS_PATH
from tests.running.batches import BATCHES, finished, items, results, send, submitted
from tests.running.service import CALL, Service, a_request, poll, running_service
from tests.stand_ins.zstack import ZstackNode

JOBS = f"{CALL}/jobs"
INSPECT = "/api/v1/platforms/inspect-certificate"
MAX_KEPT, MAX_STREAMS = 12, 3
LOOKS = 2
MOCK = {"options": {"mock": "healthy"}}
Node = tuple[ZstackNode, str]
SignIn = Callable[[str], httpx.Client]


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service of which a tenant may use little; the tokens are `NAME-token`."""
    folder = tmp_path_factory.mktemp("limited")
    TokenFile(tokens=tuple(map(_entry, NAMES))).write(folder / "tokens.json")
    settings = {
        "CONNCHECK_TOKENS": "operator:operator-token",
        "CONNCHECK_TOKENS_FILE": str(folder / "tokens.json"),
        "CONNCHECK_MAX_KEPT": str(MAX_KEPT),
        "CONNCHECK_MAX_STREAMS": str(MAX_STREAMS),
    }
    with running_service(folder, **settings) as service:
        yield service


def _entry(name: str) -> TokenEntry:
    unlimited: dict[str, Any] = {
        "tests_per_minute": LOOKS if name == "looker" else None,
        "targets_per_minute": None,
        "policy": {"ports": []},
    }
    digest = sha256(f"{name}-token".encode()).hexdigest()
    return new_entry(name, digest, scopes=("test", "bulk", "read"), **unlimited)


NAMES = (
    *("lister", "batcher", "other", "keeper", "uploader", "watcher", "poller", "sender"),
    *("waiter", "reader", "looker"),
)


@pytest.fixture
def signed_in(limited: Service) -> Iterator[SignIn]:
    """Give what signs in as a tenant that no other test uses."""
    with ExitStack() as opened:
        yield lambda name: opened.enter_context(
            httpx.Client(
                base_url=limited.url,
                headers={"Authorization": f"Bearer {name}-token"},
                trust_env=False,
                timeout=60,
            )
        )


def listed(client: httpx.Client, path: str = JOBS, **query: Any) -> list[dict[str, Any]]:
    """Return all of a list, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        given = {name: value for name, value in {**query, "cursor": cursor}.items() if value}
        page = client.get(path, params=given)
        assert page.status_code == 200, page.text
        found += page.json()["items"]
        cursor = page.json()["nextCursor"]
        if cursor is None:
            return found


def test_a_tenant_finds_its_own_tests_again(signed_in: SignIn, node: Node) -> None:
    """A caller that has lost a response, and with it the job's id, must find the test."""
    lister, other = signed_in("lister"), signed_in("other")
    whole = lister.post(CALL, json=a_request(node[1]))
    failed = lister.post(CALL, json=a_request(node[1], secretKey="wrong"))
    looked = lister.post(INSPECT, json={"endpoint": node[1]})
    lister.post(CALL, json=a_request(node[1], **MOCK))  # is not kept

    found = listed(lister, limit=2)

    ids = [looked.json()["jobId"], *(a.headers["conncheck-job-id"] for a in (failed, whole))]
    assert [one["jobId"] for one in found] == ids
    assert [one["outcome"] for one in found] == ["failed", "failed", "passed"]
    assert found[1]["cause"] == "auth.secret_mismatch"
    assert listed(lister, cause="auth.secret_mismatch") == [found[1]]
    assert listed(lister, endpoint=node[1], outcome="passed") == [found[2]]
    assert listed(lister, since=found[1]["createdAt"]) == found[:2]
    assert lister.get(found[0]["statusUrl"]).json()["status"] == "finished"
    assert listed(other) == []
    assert "SECRET" not in lister.get(JOBS).text


def test_a_tenant_finds_its_own_batches_again(signed_in: SignIn, node: Node) -> None:
    """The items of a batch are in its results, and do not bury the single tests."""
    batcher, other = signed_in("batcher"), signed_in("other")
    urls = [submitted(batcher, items(node[1], 2)) for _ in range(2)]
    shown = [finished(batcher, url) for url in urls]

    found = listed(batcher, BATCHES, limit=1)

    assert [one["statusUrl"] for one in found] == urls[::-1]
    for name in ("total", "passed", "failed", "createdAt", "finishedAt"):
        assert [one[name] for one in found] == [one[name] for one in shown[::-1]]
    assert listed(batcher, BATCHES, status="running") == []
    assert listed(batcher) == []
    assert listed(other, BATCHES) == []


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        (JOBS, "outcome=green", "passed, warning, failed"),
        (JOBS, "cause=tls.expird", "Nearest: tls.expired"),
        (JOBS, "productType=stack", "zstack"),
        (JOBS, "product=zstack", "productType, endpoint, site, cause, outcome"),
        (JOBS, "since=yesterday", "must be a time like"),
        (JOBS, "since=2026-11-28T12:00:00", "with its zone"),
        (JOBS, "endpoint=ftp://x", "http or https"),
        (JOBS, "limit=1000", "at most 100"),
        (JOBS, "cursor=1", "nextCursor"),
        (BATCHES, "status=done", "one of: running, finished"),
        (BATCHES, "outcome=failed", "status"),
        (f"{BATCHES}/{'0' * 24}/results", "outcome=green", "passed, warning, failed"),
        (f"{BATCHES}/{'0' * 24}/results", "cause=green", "tls.expired"),
        (f"{BATCHES}/{'0' * 24}/results", "productType=green", "zstack"),
        (f"{BATCHES}/{'0' * 24}/results", "format=xml", "one of: json, ndjson, csv"),
        (f"{BATCHES}/{'0' * 24}/results", "result=failed", "outcome, cause, productType"),
    ],
)
def test_an_invalid_filter_is_told_the_valid_values(
    signed_in: SignIn, path: str, query: str, said: str
) -> None:
    """To match everything, or nothing, would be a wrong answer."""
    answer = signed_in("other").get(f"{path}?{query}")

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == f"query.{query.partition('=')[0]}"
    assert said in error["reason"]


def test_i21_one_tenant_keeps_so_many_single_tests(signed_in: SignIn, node: Node) -> None:
    """It must not fill the store that all share; what it has can be read."""
    keeper, other = signed_in("keeper"), signed_in("other")
    inspection = {"endpoint": node[1]}
    made = [keeper.post(INSPECT, json=inspection).status_code for _ in range(MAX_KEPT)]

    comparison = (COMPARISONS_PATH, {**a_request(node[1]), "sites": ["*"]})
    calls = (
        *((path, a_request(node[1])) for path in (CALL, JOBS)),
        (INSPECT, inspection),
        comparison,
    )
    refused = [keeper.post(path, json=body) for path, body in calls]

    assert made == [200] * MAX_KEPT
    for answer in refused:
        assert answer.status_code == 429
        assert answer.json()["type"] == "urn:conncheck:problem:too-many-kept"
        assert f"limit is {MAX_KEPT}" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
    assert len(listed(keeper)) == MAX_KEPT
    assert keeper.post(CALL, json=a_request(node[1], **MOCK)).status_code == 200
    assert other.post(CALL, json=a_request(node[1])).status_code == 200
    assert send(keeper, items(node[1], 1)).status_code == 429


def test_i21_one_tenant_keeps_so_many_items_of_batches(
    signed_in: SignIn, limited: Service, node: Node
) -> None:
    """A refused batch leaves nothing behind, whether it is new or a retry."""
    uploader = signed_in("uploader")
    first = submitted(uploader, items(node[1], MAX_KEPT - 2, secretKey="wrong"))
    assert finished(uploader, first)["failed"]
    with limited.redis() as redis:
        before = {*redis.scan_iter("conncheck:batch:*")}

        refused = [send(uploader, items(node[1], 3)), uploader.post(f"{first}/retry")]

        assert [answer.status_code for answer in refused] == [429, 429]
        assert {a.json()["type"] for a in refused} == {"urn:conncheck:problem:too-many-kept"}
        assert {*redis.scan_iter("conncheck:batch:*")} <= before
    assert len(listed(uploader, BATCHES)) == 1
    assert send(uploader, items(node[1], 2)).status_code == 202


@contextmanager
def a_slow_job(client: httpx.Client, node: Node) -> Iterator[str]:
    """Give a job that runs while the block does."""
    node[0].hold = Event()
    job = client.post(JOBS, json=a_request(node[1])).headers["location"]
    try:
        yield job
    finally:
        node[0].hold.set()


def test_the_operator_s_own_tokens_have_no_quota(signed_in: SignIn, node: Node) -> None:
    """A portal with one token for all its users would be its own limit."""
    operator = signed_in("operator")
    made = [operator.post(INSPECT, json={"endpoint": node[1]}) for _ in range(MAX_KEPT + 1)]

    assert [answer.status_code for answer in made] == [200] * (MAX_KEPT + 1)
    assert send(operator, items(node[1], MAX_KEPT)).status_code == 202


def test_i22_one_tenant_has_so_many_streams_open(signed_in: SignIn, node: Node) -> None:
    """Each costs memory, of a test and of a batch; a closed one makes room at once."""
    watcher, other = signed_in("watcher"), signed_in("other")
    with a_slow_job(watcher, node) as job, ExitStack() as streams:
        batch = submitted(watcher, items(node[1], 2))
        opened = [
            streams.enter_context(watcher.stream("GET", f"{url}/events"))
            for url in (job, batch, job)
        ]
        assert [stream.status_code for stream in opened] == [200] * MAX_STREAMS

        for path in (f"{job}/events", f"{batch}/events", f"{JOBS}/mock-healthy/events"):
            refused = watcher.get(path)
            assert refused.status_code == 429
            assert refused.json()["type"] == "urn:conncheck:problem:too-many-streams"
            assert int(refused.headers["retry-after"]) > 0
        assert watcher.get(job).status_code == 200
        assert other.get(f"{JOBS}/mock-healthy/events").status_code == 200

        opened[1].close()
        poll(lambda: _opens(watcher, f"{job}/events"))


def _opens(client: httpx.Client, path: str) -> bool:
    with client.stream("GET", path) as stream:
        return stream.status_code == 200


def test_streams_that_have_ended_do_not_count(signed_in: SignIn, node: Node) -> None:
    """A portal opens one after the other, all day, and some of what does not exist."""
    watcher = signed_in("watcher")
    job = watcher.post(JOBS, json=a_request(node[1])).headers["location"]

    told = [watcher.get(f"{job}/events") for _ in range(2 * MAX_STREAMS)]
    missing = [watcher.get(f"{JOBS}/{'0' * 32}/events") for _ in range(2 * MAX_STREAMS)]

    assert [answer.status_code for answer in told] == [200] * len(told)
    assert all("event: closed" in answer.text for answer in told)
    assert [answer.status_code for answer in missing] == [404] * len(missing)


def test_i22_a_long_poll_counts_as_a_stream(signed_in: SignIn, node: Node) -> None:
    """It holds as much, only not for as long."""
    poller = signed_in("poller")
    with a_slow_job(poller, node) as job, ExitStack() as streams:
        for _ in range(MAX_STREAMS):
            streams.enter_context(poller.stream("GET", f"{job}/events"))
        assert node[0].changed.wait(30)
        tag = poller.get(job).headers["etag"]

        refused = poller.get(job, params={"wait": 20}, headers={"If-None-Match": tag})

        assert refused.status_code == 429
        assert poller.get(job).status_code == 200


@pytest.mark.parametrize("path", [CALL, INSPECT])
def test_a_call_that_waits_counts_as_a_stream(signed_in: SignIn, node: Node, path: str) -> None:
    """With an Idempotency-Key, one test is enough to have any number of them wait."""
    waiter, body = signed_in("waiter"), {"endpoint": node[1]}
    with a_slow_job(waiter, node) as job, ExitStack() as streams:
        for _ in range(MAX_STREAMS):
            streams.enter_context(waiter.stream("GET", f"{job}/events"))

        sent = body if path == INSPECT else a_request(node[1])
        refused = waiter.post(path, json=sent, headers={"Idempotency-Key": "again"})

        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:conncheck:problem:too-many-streams"
        assert waiter.post(JOBS, json=a_request(node[1])).status_code == 202


def test_results_that_are_read_count_as_a_stream(signed_in: SignIn, node: Node) -> None:
    """A reader may take hours for a table, and the batch's letters lie in memory meanwhile."""
    reader = signed_in("reader")
    batch = submitted(reader, items(node[1], 2))
    finished(reader, batch)
    with a_slow_job(reader, node) as job, ExitStack() as streams:
        opened = [
            streams.enter_context(reader.stream("GET", f"{job}/events")) for _ in range(MAX_STREAMS)
        ]
        refused = reader.get(f"{batch}/results", params={"format": "csv"})
        assert refused.status_code == 429
        assert refused.json()["type"] == "urn:conncheck:problem:too-many-streams"

        opened[0].close()
        poll(lambda: reader.get(f"{batch}/results").status_code == 200)


def test_a_look_at_an_upload_counts_as_a_test(signed_in: SignIn) -> None:
    """It reads as many rows as a batch, and nothing else would bound it."""
    looker = signed_in("looker")
    seen = [send(looker, ["no platform"], "?dryRun=true") for _ in range(LOOKS + 1)]

    assert [answer.status_code for answer in seen] == [200] * LOOKS + [429]
    assert [answer.headers["ratelimit"].split(";")[1] for answer in seen[:LOOKS]] == ["r=1", "r=0"]
    assert seen[-1].json()["type"] == "urn:conncheck:problem:rate-limited"


def test_i21_one_tenant_has_so_many_uploads_open(signed_in: SignIn, limited: Service) -> None:
    """What was sent of a batch lies in Redis before the batch counts; a broken one makes room."""
    host, port = limited.url.removeprefix("http://").split(":")
    head = (
        f"POST {BATCHES} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer sender-token\r\n"
        "Content-Type: application/x-ndjson\r\nContent-Length: 60000\r\n\r\n"
    )
    sender, other = signed_in("sender"), signed_in("other")
    with ExitStack() as uploads:
        opened = [
            uploads.enter_context(socket.create_connection((host, int(port))))
            for _ in range(MOST_UPLOADS)
        ]
        for upload in opened:
            upload.sendall(head.encode())
        poll(lambda: send(sender, ["no platform"]).status_code == 429)

        refused = send(sender, ["no platform"])
        assert refused.json()["type"] == "urn:conncheck:problem:too-many-uploads"
        assert int(refused.headers["retry-after"]) > 0
        assert send(other, ["no platform"]).status_code == 422
        # It reads as much, and writes as much.
        assert sender.post(f"{BATCHES}/{'0' * 24}/retry").status_code == 429

        opened[0].close()
        poll(lambda: send(sender, ["no platform"]).status_code == 422)


def test_results_in_a_table_keep_their_limit(signed_in: SignIn, node: Node) -> None:
    """Whoever asks for three rows gets three, and goes on behind the last."""
    client = signed_in("other")
    url = submitted(client, items(node[1], 5))
    finished(client, url)

    for form in ("csv", "ndjson"):
        texts = [
            client.get(f"{url}/results", params={"format": form, "limit": 3, "cursor": cursor}).text
            for cursor in (0, 3)
        ]
        rows = [text.splitlines()[form == "csv" :] for text in texts]
        assert [len(some) for some in rows] == [3, 2]
    assert len(results(client, url)) == 5
