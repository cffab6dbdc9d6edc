"""The faces of a job: submit, look, wait, watch, cancel."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.running.service import CALL, Service, a_request, last_made, poll, running_service
from tests.stand_ins.zstack import ZstackNode, zstack_node
from worker.http.exchange import EXCHANGE_S

JOBS = f"{CALL}/jobs"
Node = tuple[ZstackNode, str]


@pytest.fixture(scope="module")
def two_callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service with two tokens, `alice-token` being the one that is used."""
    tokens = "alice:alice-token,bob:bob-token"
    with running_service(tmp_path_factory.mktemp("jobs"), CONNCHECK_TOKENS=tokens) as service:
        service.token = "alice-token"
        yield service


@pytest.fixture
def client(two_callers: Service) -> Iterator[httpx.Client]:
    """Give alice's HTTP client."""
    with two_callers.client() as alice:
        yield alice


@pytest.fixture
def held() -> Iterator[Node]:
    """Give a node that holds signed requests until its `hold` is set."""
    node = ZstackNode(hold=threading.Event())
    with zstack_node(node) as (_, port):
        yield node, f"127.0.0.1:{port}"
        assert node.hold
        node.hold.set()


def submitted(client: httpx.Client, endpoint: str, **headers: str) -> str:
    """Return the address of a new job."""
    answer = client.post(JOBS, json=a_request(endpoint), headers=headers)
    assert answer.status_code == 202
    assert answer.json()["statusUrl"] == answer.headers["location"]
    return str(answer.headers["location"])


def closed(client: httpx.Client, url: str) -> dict[str, Any]:
    """Return the job when it is closed, by long polls."""
    tag = ""
    while True:
        answer = client.get(url, params={"wait": 10}, headers={"If-None-Match": tag})
        tag = answer.headers["etag"]
        if answer.status_code == 200 and answer.json()["finishedAt"]:
            job: dict[str, Any] = answer.json()
            return job


def events(client: httpx.Client, url: str, **headers: str) -> list[dict[str, str]]:
    """Return all events of a job until its stream ends."""
    found: list[dict[str, str]] = []
    with client.stream("GET", f"{url}/events", headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        block: dict[str, str] = {}
        for line in stream.iter_lines():
            if not line and block:
                found.append(block)
                block = {}
            name, _, value = line.partition(": ")
            if name:
                block[name] = value
    return found


def test_a_job_is_taken_at_once_and_shows_all_in_the_end(client: httpx.Client, node: Node) -> None:
    """Whoever submits thousands does not want to wait for each."""
    job = closed(client, submitted(client, node[1]))

    assert job["status"] == "finished"
    assert job["success"] is True
    assert job["stepsToCome"] == []
    assert job["createdAt"] <= job["startedAt"] <= job["finishedAt"] < job["expiresAt"]
    assert job["queueMs"] >= 0
    item = job["items"][3]
    assert item["name"] == "product_identify"
    assert item["outcome"] == "passed"
    assert item["evidence"]["version"] == "5.2.1"
    assert item["tookMs"] > 0


def test_a_failed_item_tells_its_cause_owner_field_and_remedies(
    client: httpx.Client, node: Node
) -> None:
    """Programs act on the code, people on the remedies."""
    answer = client.post(JOBS, json=a_request(node[1], secretKey="wrong"))

    item = last_made(closed(client, answer.headers["location"]))

    assert item["cause"] == "auth.secret_mismatch"
    assert item["owner"] == "caller"
    assert item["field"] == "secretKey"
    assert item["outcome"] == "failed"
    assert len(item["remedies"]) >= 1


def test_a_running_job_shows_what_is_done_and_what_is_to_come(
    client: httpx.Client, held: Node
) -> None:
    """Somebody who looks in between sees where it stands."""
    url = submitted(client, held[1])
    assert held[0].changed.wait(60)

    answer = client.get(url)

    job = answer.json()
    assert job["status"] == "running"
    assert job["success"] is None
    assert [item["name"] for item in job["items"]][-1] == "product_identify"
    assert job["stepsToCome"] == ["authenticate", "authorize"]
    assert int(answer.headers["retry-after"]) >= 1


def test_an_unchanged_job_is_304_and_a_changed_one_ends_the_wait(
    client: httpx.Client, held: Node
) -> None:
    """Polling costs nothing while nothing happens."""
    url = submitted(client, held[1])
    assert held[0].changed.wait(60)
    tag = client.get(url).headers["etag"]
    same = {"If-None-Match": tag}

    assert client.get(url, headers=same).status_code == 304
    assert client.get(url, headers=same, params={"wait": 0.1}).status_code == 304
    assert held[0].hold
    threading.Timer(0.2, held[0].hold.set).start()
    answer = client.get(url, headers=same, params={"wait": 30})

    assert answer.status_code == 200
    assert answer.headers["etag"] != tag


@pytest.mark.parametrize("spelled", ["W/{tag}", '"other", {tag}', '"other",W/{tag}', "*"])
def test_an_etag_is_known_again_however_it_comes_back(
    client: httpx.Client, held: Node, spelled: str
) -> None:
    """Behind a proxy that compresses, a long poll would else answer at once, again and again."""
    url = submitted(client, held[1])
    assert held[0].changed.wait(60)
    tag = client.get(url).headers["etag"]

    answer = client.get(
        url, headers={"If-None-Match": spelled.format(tag=tag)}, params={"wait": 0.1}
    )

    assert answer.status_code == 304


def test_each_step_is_an_event_and_the_stream_ends_with_the_job(
    client: httpx.Client, node: Node
) -> None:
    """A page draws the steps as they happen."""
    found = events(client, submitted(client, node[1]))

    kinds = [event["event"] for event in found]
    assert kinds == ["queued", "started", *["step_started", "step_ended"] * 6, "closed"]
    assert len({event["id"] for event in found}) == len(found)


def test_a_stream_that_is_taken_up_again_has_no_gap_and_no_repeat(
    client: httpx.Client, node: Node
) -> None:
    """Connections break; Last-Event-ID says where to go on."""
    url = submitted(client, node[1])
    whole = events(client, url)

    for n, event in enumerate(whole):
        assert events(client, url, **{"Last-Event-ID": event["id"]}) == whole[n + 1 :]


@pytest.mark.parametrize("hostile", ["x", "1-1\u00e9", "9" * 5000, "-", "1-1 2-2"])
def test_i6_an_odd_last_event_id_is_as_good_as_none(
    client: httpx.Client, node: Node, hostile: str
) -> None:
    """It comes from outside and goes to Redis."""
    url = submitted(client, node[1])
    closed(client, url)

    with client.stream(
        "GET", f"{url}/events", headers={b"Last-Event-ID": hostile.encode()}
    ) as stream:
        assert stream.status_code == 200
        assert "event: queued" in stream.read().decode()


def test_i11_a_cancelled_job_stops_and_closes_its_connection_at_once(
    client: httpx.Client,
) -> None:
    """A test of the wrong machine must be stoppable."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = submitted(client, f"127.0.0.1:{silent.getsockname()[1]}")
        accepted, _ = silent.accept()
        assert accepted.recv(1000).startswith(b"GET ")

        first, second = client.delete(url), client.delete(url)
        accepted.settimeout(EXCHANGE_S - 1)  # then it would end without being cancelled

        assert accepted.recv(1000) == b""
        accepted.close()
    assert first.json()["status"] == "cancelled"
    assert second.json() == first.json()
    assert client.get(url).json()["status"] == "cancelled"


def test_a_cancelled_job_in_the_queue_never_starts(tmp_path_factory: Any, node: Node) -> None:
    """It was cancelled before it did anything, so it must not do anything."""
    slots = {"CONNCHECK_WORKER_SLOTS": "1"}
    with (
        running_service(tmp_path_factory.mktemp("cancel"), **slots) as service,
        service.client() as client,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        busy = submitted(client, f"127.0.0.1:{silent.getsockname()[1]}")
        accepted, _ = silent.accept()
        waiting = submitted(client, node[1])

        assert client.delete(waiting).json()["status"] == "cancelled"
        client.delete(busy)
        after = closed(client, submitted(client, node[1]))
        accepted.close()

        assert after["success"] is True
        items = client.get(waiting).json()["items"]
        assert {item["summary"] for item in items} == {"The test was cancelled"}
    assert len(node[0].judged) == 1


def test_a_finished_job_stays_finished_when_it_is_cancelled(
    client: httpx.Client, node: Node
) -> None:
    """What was found out is not taken back."""
    url = submitted(client, node[1])
    job = closed(client, url)

    assert client.delete(url).json() == job


def test_i5_to_anybody_else_a_job_does_not_exist(
    two_callers: Service, client: httpx.Client, node: Node
) -> None:
    """The ids of others can't even be found out."""
    url = submitted(client, node[1])
    closed(client, url)
    bob = {"Authorization": "Bearer bob-token"}
    unknown = f"{JOBS}/{'0' * 32}"

    with httpx.Client(base_url=two_callers.url, headers=bob) as other:
        for method, path in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
            foreign = other.request(method, url + path)
            missing = other.request(method, unknown + path)
            assert foreign.status_code == missing.status_code == 404
            assert foreign.content == missing.content
    assert client.get(url).status_code == 200


@pytest.mark.parametrize("job_id", ["x", "../../healthz", "%2e%2e", "0" * 31, "*", "A" * 32])
def test_what_is_no_job_id_is_not_looked_up(client: httpx.Client, job_id: str) -> None:
    """Job ids go into Redis keys."""
    assert client.get(f"{JOBS}/{job_id}").status_code == 404


def test_the_documented_call_answers_202_when_that_is_preferred(
    client: httpx.Client, node: Node
) -> None:
    """RFC 7240: the caller chooses, on the same address."""
    answer = client.post(CALL, json=a_request(node[1]), headers={"Prefer": "respond-async"})

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    assert closed(client, answer.headers["location"])["success"] is True


def test_a_preferred_wait_ends_with_the_answer_or_with_202(
    client: httpx.Client, node: Node, held: Node
) -> None:
    """A quick answer needs no second call."""
    headers = {"Prefer": "respond-async, wait=1"}

    quick = client.post(CALL, json=a_request(node[1]), headers=headers)
    slow = client.post(CALL, json=a_request(held[1]), headers=headers)

    assert quick.status_code == 200
    assert slow.status_code == 202
    assert slow.headers["preference-applied"] == "respond-async, wait=1"


def test_preferences_may_come_in_lines_of_their_own(client: httpx.Client, node: Node) -> None:
    """RFC 9110 5.3: a proxy may split and join them as it likes."""
    headers = [("Prefer", "handling=lenient"), ("Prefer", "respond-async")]

    answer = client.post(CALL, json=a_request(node[1]), headers=headers)

    assert answer.status_code == 202
    assert closed(client, answer.headers["location"])["success"] is True


def test_the_same_idempotency_key_gives_the_same_job(client: httpx.Client, node: Node) -> None:
    """A caller that lost the answer asks again without a second sign-in."""
    first = submitted(client, node[1], **{"Idempotency-Key": "one"})
    second = submitted(client, node[1], **{"Idempotency-Key": "one"})
    closed(client, first)
    documented = client.post(CALL, json=a_request(node[1]), headers={"Idempotency-Key": "one"})

    assert first == second
    assert documented.json()["success"] is True
    assert len(node[0].judged) == 1


def test_i7_an_idempotency_key_with_another_body_is_refused(
    client: httpx.Client, node: Node
) -> None:
    """Otherwise the answer would be another test's."""
    submitted(client, node[1], **{"Idempotency-Key": "two"})
    other = a_request(node[1], secretKey="another")

    answer = client.post(JOBS, json=other, headers={"Idempotency-Key": "two"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_i7_the_idempotency_keys_of_two_callers_never_meet(
    two_callers: Service, client: httpx.Client, node: Node
) -> None:
    """Guessing a key must not give somebody else's job."""
    mine = submitted(client, node[1], **{"Idempotency-Key": "three"})
    bob = {"Authorization": "Bearer bob-token"}
    with httpx.Client(base_url=two_callers.url, headers=bob) as other:
        theirs = submitted(other, node[1], **{"Idempotency-Key": "three"})

    assert mine != theirs


def test_many_requests_with_one_key_at_once_make_one_job(client: httpx.Client, node: Node) -> None:
    """Retries can overtake each other."""
    answers: list[httpx.Response] = []

    def ask() -> None:
        answers.append(
            client.post(JOBS, json=a_request(node[1]), headers={"Idempotency-Key": "four"})
        )

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {answer.status_code for answer in answers} == {202}
    jobs = {answer.json()["jobId"] for answer in answers}
    assert len(jobs) == 1
    poll(lambda: len(node[0].judged) == 1)
