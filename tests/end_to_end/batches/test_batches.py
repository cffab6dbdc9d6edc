"""The faces of a batch: submit, look, page, watch, cancel, repeat."""

import csv
import io
import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import httpx
import pytest

from shared.store.batches.batch_keys import sealed_key
from shared.store.site_keys import DEFAULT_KEYS
from tests.certificates.authority import Authority
from tests.end_to_end.access.test_secrets import forms
from tests.running.batches import (
    BATCHES,
    FORCED,
    NDJSON,
    batch_ids,
    content_of,
    events,
    finished,
    items,
    keys,
    look,
    ndjson,
    results,
    send,
    submitted,
    until,
)
from tests.running.service import CALL, Service, a_request, last_made, poll, running_service
from tests.stand_ins.zstack import ZstackNode, zstack_node

SLOTS, PER_TARGET = 8, 4
MAX_BATCH, MAX_UPLOAD_BYTES = 600, 120_000
CANARY = "canary/secret+7f3a 9=&é"
KEY = "CANARYACCESSKEY0001"
FACES = (("GET", ""), ("GET", "/results"), ("GET", "/events"), ("DELETE", ""), ("POST", "/retry"))

Node = tuple[ZstackNode, str]


class Mixed(NamedTuple):
    """A finished batch of which each item ended in its own way."""

    url: str
    sent: list[dict[str, Any]]
    shown: dict[str, Any]


@pytest.fixture(scope="module")
def two_callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service with two tokens, `alice-token` being the one that is used."""
    settings = {
        "CONNCHECK_TOKENS": "alice:alice-token,bob:bob-token",
        "CONNCHECK_WORKER_SLOTS": str(SLOTS),
        "CONNCHECK_PER_TARGET": str(PER_TARGET),
        "CONNCHECK_MAX_BATCH": str(MAX_BATCH),
        "CONNCHECK_MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
    }
    with running_service(tmp_path_factory.mktemp("batches"), **settings) as service:
        service.token = "alice-token"
        yield service


@pytest.fixture(scope="module")
def client(two_callers: Service) -> Iterator[httpx.Client]:
    """Give alice's HTTP client."""
    with two_callers.client() as alice:
        yield alice


@pytest.fixture(scope="module")
def bob(two_callers: Service) -> Iterator[httpx.Client]:
    """Give the HTTP client of somebody else."""
    headers = {"Authorization": "Bearer bob-token"}
    with httpx.Client(base_url=two_callers.url, headers=headers, trust_env=False) as other:
        yield other


@pytest.fixture
def held() -> Iterator[Node]:
    """Give a node that holds signed requests until its `hold` is set."""
    node = ZstackNode(keys=keys(20), hold=threading.Event())
    with zstack_node(node) as (_, port):
        yield node, f"127.0.0.1:{port}"
        release(node)


@pytest.fixture(scope="module")
def mixed(client: httpx.Client) -> Mixed:
    """Give a finished batch: 3 passed, 1 with a warning, 3 were refused, 1 has a wrong secret."""
    node = ZstackNode(keys=keys(9))
    with (
        zstack_node(node) as (_, port),
        zstack_node(ZstackNode(clock_ahead=timedelta(minutes=10))) as (_, ahead),
        refused() as closed,
    ):
        well = items(f"127.0.0.1:{port}", 3)
        sent = [
            *well[:2],
            *items(closed, 3),
            well[2],
            a_request(f"127.0.0.1:{ahead}"),
            a_request(f"127.0.0.1:{port}", accessKey="AK8", secretKey="wrong"),
        ]
        for n, item in enumerate(sent):
            item |= {"name": f"=cmd({n})", "ref": f"ref-{n}"}
        url = submitted(client, sent)
        return Mixed(url, sent, finished(client, url))


@contextmanager
def refused() -> Iterator[str]:
    """Give an endpoint that refuses connections, and goes to nobody else meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def release(node: ZstackNode) -> None:
    """Let go what a node holds."""
    assert node.hold
    node.hold.set()


def outcomes(found: list[dict[str, Any]]) -> list[str]:
    """Return how the items of a batch stand."""
    return [item["status"] for item in found]


def as_upload(media_type: str, rows: list[dict[str, Any]]) -> bytes:
    """Return `rows` in a format."""
    if media_type == NDJSON:
        return ndjson(rows)
    if media_type == "application/json":
        return json.dumps({"options": {"timeoutSeconds": 20}, "items": rows}).encode()
    text = io.StringIO()
    table = csv.DictWriter(text, ["productType", "endpoint", "accessKey", "secretKey", "name"])
    table.writeheader()
    table.writerows(rows)
    return text.getvalue().encode()


# How a batch is sent ---------------------------------------------------------------------------


@pytest.mark.parametrize("in_a_form", [False, True], ids=["body", "file"])
@pytest.mark.parametrize(
    ("media_type", "place"),
    [("application/json", "items[1]"), (NDJSON, "line 2"), ("text/csv", "line 3")],
)
def test_each_format_is_taken_and_a_bad_row_is_told_and_left_out(
    client: httpx.Client, media_type: str, place: str, in_a_form: bool
) -> None:
    """One wrong row of five thousand must not cost the others, and must be found again."""
    with zstack_node(ZstackNode(keys=keys(3))) as (_, port):
        rows = items(f"127.0.0.1:{port}", 3, name="Zürich")
        rows[1]["productType"] = "unheard-of"
        upload = as_upload(media_type, rows)

        if in_a_form:
            answer = client.post(BATCHES, files={"file": ("rows", upload, media_type)})
        else:
            answer = client.post(BATCHES, content=upload, headers={"Content-Type": media_type})

        assert answer.status_code == 202
        taken = answer.json()
        assert taken["accepted"] == 2
        assert taken["rejected"] == 1
        assert answer.headers["location"] == taken["statusUrl"] == f"{BATCHES}/{taken['batchId']}"
        (error,) = taken["errors"]
        assert error["place"] == place
        assert error["field"] == "productType"
        shown = finished(client, taken["statusUrl"])
    assert (shown["total"], shown["passed"], shown["rejected"]) == (2, 2, 1)
    assert shown["errors"] == taken["errors"]
    assert [one["name"] for one in results(client, taken["statusUrl"])] == ["Zürich"] * 2


def test_i18_a_name_that_no_field_has_is_told_and_not_kept(
    client: httpx.Client, node: Node
) -> None:
    """A caller may have typed a secret where a name belongs; others of the tenant look later."""
    answer = send(client, [a_request(node[1]), a_request(node[1], options={"hunter2": 0})])

    (told,) = answer.json()["errors"]
    (kept,) = finished(client, answer.headers["location"])["errors"]
    assert told["field"] == "options.hunter2"
    assert kept == {**told, "field": "options", "reason": "has an unknown field"}
    looked = client.get(answer.headers["location"], headers={"Accept-Language": "zh-CN"})
    assert looked.json()["errors"][0]["reason"] == "含有未知字段"


def test_strict_refuses_a_batch_with_one_bad_row(client: httpx.Client, node: Node) -> None:
    """Some callers would rather correct the list than test a part of it."""
    rows = [a_request(node[1]), a_request("http://u:p@x")]

    answer = send(client, rows, "?strict=true")

    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["errors"][0]["place"], problem["errors"][0]["field"]) == ("line 2", "endpoint")
    assert (problem["rejected"], problem["read"]["format"]) == (1, "NDJSON")
    assert node[0].requests == []


def test_an_invalid_row_is_told_in_the_readers_language(client: httpx.Client, node: Node) -> None:
    """Who reads it may have another language than who sent it."""
    bad = a_request(node[1], options={"timeoutSeconds": 0})
    unknown = a_request(node[1], productType="zstak")
    batch = send(client, [a_request(node[1]), bad, unknown, "{"]).json()["batchId"]

    def told(language: str) -> list[tuple[str, ...]]:
        headers = {"Accept-Language": language}
        shown = client.get(f"{BATCHES}/{batch}", headers=headers).json()
        return [(row["place"], row["field"], row["reason"][:9]) for row in shown["errors"]]

    assert told("en") == [
        ("line 2", "options.timeoutSeconds", "must be a"),
        ("line 3", "productType", "The produ"),
        ("line 4", "", "is not va"),
    ]
    assert told("zh-CN") == [
        ("第 2 行", "options.timeoutSeconds", "不能小于 1"),
        ("第 3 行", "productType", "productTy"),
        ("第 4 行", "", "不是有效的 UTF"),
    ]


def test_a_batch_without_one_good_row_is_refused(client: httpx.Client) -> None:
    """There is nothing to look at later."""
    answer = send(client, ["{", a_request("", name="x")])

    assert answer.status_code == 422
    assert [error["place"] for error in answer.json()["errors"]] == ["line 1", "line 2"]


@pytest.mark.parametrize(
    "upload",
    [
        pytest.param(items("127.0.0.1:9", MAX_BATCH + 1), id="too many items"),
        pytest.param(items("127.0.0.1:9", 500, name="n" * 200), id="too many bytes"),
    ],
)
@pytest.mark.parametrize("in_chunks", [False, True])
def test_too_large_a_batch_is_413_and_leaves_nothing(
    two_callers: Service, client: httpx.Client, upload: list[dict[str, Any]], in_chunks: bool
) -> None:
    """What is not taken must not fill the store."""
    content = ndjson(upload)
    pieces = (content[n : n + 10_000] for n in range(0, len(content), 10_000))
    with two_callers.redis() as redis:
        before = batch_ids(redis)

        answer = client.post(
            BATCHES, content=pieces if in_chunks else content, headers={"Content-Type": NDJSON}
        )

        assert answer.status_code == 413, answer.text
        assert batch_ids(redis) <= before


def test_an_upload_that_breaks_off_begins_nothing(two_callers: Service, node: Node) -> None:
    """Half a list is not what was meant, and nobody would know which half."""
    written = ndjson(items(node[1], 590, name="n" * 50))

    def broken() -> Iterator[bytes]:
        yield written
        poll(lambda: batch_ids(redis) > before)  # its first items are kept
        raise ConnectionAbortedError

    with two_callers.redis() as redis:
        before = batch_ids(redis)
        with two_callers.client() as breaking, pytest.raises(ConnectionAbortedError):
            breaking.post(BATCHES, content=broken(), headers={"Content-Type": NDJSON})

        poll(lambda: batch_ids(redis) <= before)

        assert {*redis.zrange("conncheck:batches", 0, -1)} <= before
    assert node[0].requests == []


def test_an_idempotency_key_makes_one_batch(client: httpx.Client, node: Node) -> None:
    """Whoever lost the answer asks again, and nobody signs in twice."""
    first, again = (send(client, [a_request(node[1])], **{"Idempotency-Key": "b"}) for _ in "12")
    other = send(client, [a_request(node[1], name="x")], **{"Idempotency-Key": "b"})
    finished(client, first.headers["location"])

    assert again.status_code == 202
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert other.status_code == 422
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"
    assert len(node[0].judged) == 1


def test_an_idempotency_key_is_one_also_for_a_file_in_a_form(
    client: httpx.Client, node: Node
) -> None:
    """Every client draws another boundary each time; the caller sent the same file."""
    upload = ("rows.ndjson", ndjson([a_request(node[1])]), NDJSON)

    first, again = (
        client.post(BATCHES, files={"file": upload}, headers={"Idempotency-Key": "form"})
        for _ in "12"
    )

    assert again.status_code == 202, again.text
    assert again.json() == first.json()


def test_no_secret_of_a_row_is_kept_in_clear_be_it_good_or_bad(
    two_callers: Service, client: httpx.Client, held: Node
) -> None:
    """Redis, its file and the log are read by many; a bad row's secret is a secret as well."""
    node, endpoint = held
    node.keys[KEY] = CANARY
    pair = {"accessKey": KEY, "secretKey": CANARY}
    rows: list[dict[str, Any] | str] = [
        *(a_request(endpoint, **pair, name=f"n{n}", options={"timeoutSeconds": n}) for n in (9, 8)),
        a_request(endpoint, **pair, productType="vmwre"),
        a_request(f"http://u:{KEY}@127.0.0.1", **pair),
        a_request(endpoint, accessKey=KEY, secretKey=f"{CANARY}\n"),
        a_request(endpoint, **pair, options={"force": CANARY}),
        a_request(endpoint, **pair, options={"password": CANARY}),
        json.dumps(a_request(endpoint, **pair), ensure_ascii=False)[:-1],
        json.dumps([KEY, CANARY]),
    ]
    with two_callers.redis() as redis:
        answer = send(client, rows)
        url = answer.headers["location"]
        until(client, url, lambda shown: bool(shown["running"] == 2))
        while_it_runs = content_of(redis)
        shown = client.get(url).content
        release(node)
        finished(client, url)
        afterwards = content_of(redis)
    repeated = client.get(f"{url}/results?format=ndjson").content
    # The file has every command that ever was executed.
    files = b"".join(p.read_bytes() for p in two_callers.data_dir.rglob("*.aof*") if p.is_file())
    log = two_callers.log.read_bytes()

    assert (answer.json()["accepted"], answer.json()["rejected"]) == (2, 7)
    assert b"is unknown; choose" in while_it_runs
    assert b"step_ended" in files
    traces = (while_it_runs, afterwards, files, log, answer.content, shown, repeated)
    leaks = {
        (n, form)
        for n, trace in enumerate(traces)
        for secret in (KEY, CANARY)
        for form in forms(secret)
        if form in trace
    }
    assert leaks == set()


# What it shows ---------------------------------------------------------------------------------


def test_counts_always_add_up_and_the_rate_tells_the_end(client: httpx.Client, held: Node) -> None:
    """People look at a batch a hundred times before it is done, and add the numbers up."""
    node = ZstackNode(keys=keys(40), delay_s=0.02)
    with zstack_node(node) as (_, port):
        rows = [*items(f"127.0.0.1:{port}", 40), *items(held[1], 20)]
        url = submitted(client, rows)
        seen = [look(client, url)]
        while seen[-1]["passed"] < 40:
            seen.append(look(client, url))  # it adds them up
        halfway = seen[-1]
        release(held[0])
        while seen[-1]["status"] == "running":
            seen.append(look(client, url))

    done = [shown["passed"] for shown in seen]
    assert done == sorted(done)
    assert done[-1] == 60
    assert halfway["status"] == "running"
    assert halfway["ratePerSecond"] > 0
    assert halfway["estimatedEndAt"] > halfway["beganAt"]
    assert seen[-1]["estimatedEndAt"] is None
    assert seen[-1]["createdAt"] <= seen[-1]["beganAt"] <= seen[-1]["finishedAt"]
    assert Counter(node.judged) == dict.fromkeys(keys(40), 1)


def test_failures_are_grouped_by_cause_with_examples(client: httpx.Client, mixed: Mixed) -> None:
    """Of 300 failures 290 are one closed port; that is what to see first."""
    groups = {group["cause"]: group for group in mixed.shown["causes"]}

    group = groups["tcp.refused"]
    assert mixed.shown["causes"][0] == group
    assert group["count"] == 3
    assert group["text"] == "3 of 8: tcp.refused"
    assert group["outcome"] == "failed"
    assert [example["index"] for example in group["examples"]] == [2, 3, 4]
    assert group["examples"][0]["ref"] == "ref-2"
    job = client.get(f"{CALL}/jobs/{group['examples'][0]['jobId']}").json()
    assert last_made(job)["cause"] == "tcp.refused"
    assert groups["auth.secret_mismatch"]["count"] == 1
    assert groups["api.clock_off"]["outcome"] == "warning"
    assert (mixed.shown["passed"], mixed.shown["failed"], mixed.shown["warnings"]) == (4, 4, 1)


def test_what_failed_platforms_have_in_common_is_shown(mixed: Mixed) -> None:
    """Where all of one host fail, the host is the first to look at."""
    facts = {(fact["fact"], fact["value"]): fact["count"] for fact in mixed.shown["sharedFacts"]}

    assert facts["host", "127.0.0.1"] == 4


def test_each_item_is_a_job_of_its_own(client: httpx.Client, mixed: Mixed) -> None:
    """What is known of one test is the same, however it was submitted."""
    found = results(client, mixed.url)
    jobs = [client.get(one["statusUrl"]).json() for one in found]

    assert [job["jobId"] for job in jobs] == [one["jobId"] for one in found]
    assert [job["success"] for job in jobs] == [True, True, *[False] * 3, True, True, False]
    assert len({job["jobId"] for job in jobs}) == 8
    kinds = [event["event"] for event in events(client, found[0]["statusUrl"])]
    assert kinds[0] == "queued"
    assert kinds.count("closed") == 1
    assert found[2]["step"] == "tcp_connect"
    assert found[2]["errorMsg"]
    assert found[2]["recommendation"]


@pytest.mark.parametrize("limit", [1, 3, 8, 1000])
def test_pages_miss_no_item_and_repeat_none(client: httpx.Client, mixed: Mixed, limit: int) -> None:
    """Whoever pages through must come to the same list."""
    found = results(client, mixed.url, limit=limit)

    assert [one["index"] for one in found] == [*range(8)]
    assert [(one["name"], one["ref"]) for one in found] == [
        (one["name"], one["ref"]) for one in mixed.sent
    ]


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ({"outcome": "failed"}, [2, 3, 4, 7]),
        ({"outcome": "passed"}, [0, 1, 5, 6]),
        ({"outcome": "warning"}, [6]),
        ({"outcome": "queued"}, []),
        ({"cause": "tcp.refused"}, [2, 3, 4]),
        ({"cause": "auth.secret_mismatch", "outcome": "failed"}, [7]),
        ({"cause": "tls.expired"}, []),
        ({"productType": "zstack", "outcome": "failed"}, [2, 3, 4, 7]),
        ({"productType": "aws"}, []),
    ],
)
def test_pages_can_be_filtered(
    client: httpx.Client, mixed: Mixed, query: dict[str, str], indexes: list[int]
) -> None:
    """Four of five thousand are wanted."""
    assert [one["index"] for one in results(client, mixed.url, limit=2, **query)] == indexes


def test_results_come_as_ndjson_and_as_csv(client: httpx.Client, mixed: Mixed) -> None:
    """Programs take one, spreadsheets the other; both say the same as the pages."""
    found = results(client, mixed.url)

    lines = client.get(f"{mixed.url}/results", headers={"Accept": NDJSON})
    table = client.get(f"{mixed.url}/results", params={"format": "csv", "outcome": "failed"})

    assert lines.headers["content-type"] == NDJSON
    assert [json.loads(line) for line in lines.text.splitlines()] == found
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    rows = [*csv.DictReader(io.StringIO(table.text))]
    assert [row["index"] for row in rows] == ["2", "3", "4", "7"]
    assert [row["cause"] for row in rows] == [*["tcp.refused"] * 3, "auth.secret_mismatch"]


def test_a_name_can_not_become_a_formula(client: httpx.Client, mixed: Mixed) -> None:
    """The list of one person is opened in the spreadsheet of another."""
    text = client.get(f"{mixed.url}/results", params={"format": "csv"}).text

    rows = [*csv.reader(io.StringIO(text))]
    assert "'=cmd(0)" in rows[1]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_the_openapi_document_speaks_of_batches(client: httpx.Client) -> None:
    """Who reads "no such job" or "not application/json" there looks in the wrong place."""
    paths = client.get("/openapi.json").json()["paths"]
    said = {
        (path.removeprefix(BATCHES), method): {
            status: one["description"] for status, one in operation["responses"].items()
        }
        for path, operations in paths.items()
        for method, operation in operations.items()
        if path.startswith(BATCHES)
    }

    assert "text/csv" in said["", "post"]["415"]
    assert "sealed" in said["/{batch_id}/retry", "post"]["409"]
    of_one = [statuses for (path, _), statuses in said.items() if path.startswith("/{batch_id}")]
    assert len(of_one) == len(FACES)
    assert all(statuses["404"].startswith("The batch does not exist") for statuses in of_one)


# How it is watched -----------------------------------------------------------------------------


def test_progress_is_streamed_until_one_closed_at_the_end(client: httpx.Client) -> None:
    """A page draws a bar, and knows when it may stop."""
    with zstack_node(ZstackNode(keys=keys(60), delay_s=0.05)) as (_, port):
        url = submitted(client, items(f"127.0.0.1:{port}", 60, options=FORCED))

        found = [*events(client, url)]

    kinds = [event["event"] for event in found]
    assert kinds == [*["progress"] * (len(found) - 1), "closed"]
    assert len(found) > 2
    *done, last = [event["id"] for event in found]
    assert done == sorted(done, key=int)
    assert last == "end"
    told = json.loads(found[-1]["data"])
    assert (told["status"], told["passed"], told["total"]) == ("finished", 60, 60)


def test_a_stream_that_is_taken_up_again_does_not_repeat(client: httpx.Client, held: Node) -> None:
    """Connections break; what the reader knows is not sent again, and the end is not missed."""
    node, endpoint = held
    url = submitted(client, items(endpoint, 5))
    until(client, url, lambda shown: bool(shown["running"] == PER_TARGET))
    stream = events(client, url)
    known = next(stream)["id"]
    stream.close()
    threading.Timer(0.5, release, (node,)).start()

    found = [*events(client, url, **{"Last-Event-ID": known})]

    assert known == "0"
    assert known not in [event["id"] for event in found]
    assert [event["event"] for event in found].count("closed") == 1
    assert found[-1]["event"] == "closed"


def test_after_the_end_there_is_nothing_more(client: httpx.Client, mixed: Mixed) -> None:
    """A browser connects again to a stream that has ended, and must not draw the end twice."""
    told = [*events(client, mixed.url)]

    assert [event["id"] for event in told] == ["end"]
    assert [*events(client, mixed.url, **{"Last-Event-ID": "end"})] == []


@pytest.mark.parametrize("hostile", ["x", "9" * 5000, "-1", "END", "0 end"])
def test_an_odd_last_event_id_is_as_good_as_none(
    client: httpx.Client, mixed: Mixed, hostile: str
) -> None:
    """It comes from outside."""
    told = [*events(client, mixed.url, **{"Last-Event-ID": hostile})]

    assert [event["event"] for event in told] == ["closed"]


# Who may, and who goes first -------------------------------------------------------------------


def test_to_anybody_else_a_batch_does_not_exist(
    client: httpx.Client, bob: httpx.Client, mixed: Mixed
) -> None:
    """The ids of others can't even be found out."""
    for method, path in FACES:
        foreign = bob.request(method, mixed.url + path)
        missing = bob.request(method, f"{BATCHES}/{'0' * 24}{path}")
        nameless = httpx.request(method, f"{bob.base_url}{mixed.url}{path}", trust_env=False)
        assert foreign.status_code == missing.status_code == 404, (method, path)
        assert foreign.content == missing.content
        assert nameless.status_code == 401
    job_id = results(client, mixed.url)[0]["jobId"]
    assert bob.get(f"{CALL}/jobs/{job_id}").status_code == 404


@pytest.mark.parametrize("batch_id", ["x", "..%2fjobs", "%2e%2e", "0" * 23, "*", "A" * 24])
def test_what_is_no_batch_id_is_not_looked_up(client: httpx.Client, batch_id: str) -> None:
    """Ids go into Redis keys."""
    assert client.get(f"{BATCHES}/{batch_id}").status_code in {404, 405}


def test_a_small_batch_does_not_wait_for_a_large_one(
    client: httpx.Client, bob: httpx.Client, node: Node
) -> None:
    """One caller's five thousand must not cost the next one an hour, nor the same one."""
    large_node = ZstackNode(keys=keys(MAX_BATCH), delay_s=0.02)
    with zstack_node(large_node) as (_, port):
        large = submitted(client, items(f"127.0.0.1:{port}", MAX_BATCH, options=FORCED))
        until(client, large, lambda shown: bool(shown["passed"]))
        small = [submitted(caller, [a_request(node[1])]) for caller in (client, bob)]
        for caller, url in zip((client, bob), small, strict=True):
            assert finished(caller, url)["passed"] == 1
        left = look(client, large)
        client.delete(large)
        finished(client, large)

    assert left["queued"] > MAX_BATCH / 3


def test_a_documented_call_does_not_wait_for_batches(
    client: httpx.Client, held: Node, node: Node
) -> None:
    """Somebody sits in front of the form; a batch that fills all slots has no one waiting."""
    url = submitted(client, items(held[1], 20, options=FORCED))
    poll(lambda: len(held[0].judged) == SLOTS)

    answer = client.post(CALL, json=a_request(node[1]))

    assert answer.json()["success"] is True
    assert look(client, url)["running"] == SLOTS
    release(held[0])
    assert finished(client, url)["passed"] == 20


# What can be done with it ----------------------------------------------------------------------


def test_a_cancelled_batch_begins_nothing_more(client: httpx.Client, held: Node) -> None:
    """A list with the wrong machines must be stoppable; what is at work tells how it ended."""
    node, endpoint = held
    url = submitted(client, items(endpoint, 10))
    poll(lambda: len(node.judged) == PER_TARGET)

    answer = client.delete(url)
    release(node)
    shown = finished(client, url)

    assert answer.status_code == 200
    assert answer.json()["cancelled"] == 6
    assert (shown["passed"], shown["cancelled"]) == (4, 6)
    assert outcomes(results(client, url)) == ["passed"] * 4 + ["cancelled"] * 6
    assert len(node.judged) == 4


def test_a_cancelled_batch_begins_nothing_of_what_is_queued(
    two_callers: Service, client: httpx.Client, held: Node
) -> None:
    """To be queued is not to have begun, and the answer says so at once."""
    node, endpoint = held
    url = submitted(client, items(endpoint, 20, options=FORCED))
    with two_callers.redis() as redis:
        poll(lambda: len(node.judged) == SLOTS and redis.zcard(DEFAULT_KEYS.queued) == 20 - SLOTS)

    answer = client.delete(url).json()
    release(node)
    shown = finished(client, url)

    assert (answer["running"], answer["cancelled"]) == (SLOTS, 20 - SLOTS)
    assert (shown["passed"], shown["cancelled"]) == (SLOTS, 20 - SLOTS)
    assert len(node.judged) == SLOTS


@pytest.mark.parametrize("looks", range(6))
def test_nothing_slips_through_that_is_handed_out_at_that_moment(
    client: httpx.Client, looks: int
) -> None:
    """Most wrong lists are noticed in the first second, when everything is on its way."""
    node = ZstackNode(keys=keys(300), hold=threading.Event())
    with zstack_node(node) as (_, port):
        url = submitted(client, items(f"127.0.0.1:{port}", 300, options=FORCED))
        for _ in range(looks):  # a few milliseconds each
            look(client, url)
        client.delete(url)
        release(node)
        shown = finished(client, url)

    assert len(node.judged) <= SLOTS
    assert shown["cancelled"] == 300 - len(node.judged)


def test_a_finished_batch_stays_as_it_is_when_it_is_cancelled(
    client: httpx.Client, mixed: Mixed
) -> None:
    """What was found out is not taken back."""
    assert client.delete(mixed.url).json() == mixed.shown


def test_a_retry_tests_only_what_failed(client: httpx.Client) -> None:
    """After the firewall was opened nobody wants to test the other 4,700 again."""
    with zstack_node(ZstackNode(keys=keys(2))) as (well, port), refused() as closed:
        first = items(closed, 3)
        first[2]["ref"] = "r"
        url = submitted(client, [*items(f"127.0.0.1:{port}", 2), *first])
        before = finished(client, url)
        healed_port = int(closed.rpartition(":")[2])
    healed = ZstackNode(keys=keys(3))
    with zstack_node(healed, port=healed_port):
        answer = client.post(f"{url}/retry")
        again = finished(client, answer.headers["location"])
        nothing = client.post(f"{answer.headers['location']}/retry")

    assert before["failed"] == 3
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 3
    assert answer.json()["notRepeated"] == []
    assert (again["total"], again["passed"]) == (3, 3)
    assert again["repeats"] == url.rpartition("/")[2]
    found = results(client, answer.headers["location"])
    assert [one["ref"] for one in found] == ["", "", "r"]
    assert len(well.judged) == 2
    assert sorted(healed.judged) == ["AK0", "AK1", "AK2"]
    assert nothing.status_code == 409
    assert client.get(url).json() == before


def test_a_retry_names_the_items_whose_requests_are_gone(
    two_callers: Service, client: httpx.Client
) -> None:
    """The sealed requests do not live for ever; nobody must believe that all were repeated."""
    with refused() as closed, two_callers.redis() as redis:
        url = submitted(client, items(closed, 3))
        finished(client, url)
        sealed = sealed_key(url.rpartition("/")[2])
        assert redis.hdel(sealed, "1") == 1

        some = client.post(f"{url}/retry")
        redis.delete(sealed)
        none = client.post(f"{url}/retry")
        finished(client, some.headers["location"])

    assert some.status_code == 202
    assert some.json()["accepted"] == 2
    assert some.json()["notRepeated"] == [1]
    assert none.status_code == 409


# Equal items -----------------------------------------------------------------------------------


def test_equal_items_are_tested_once_and_told_twice(client: httpx.Client, node: Node) -> None:
    """Lists have doubles, and three sign-ins with one wrong secret lock an account."""
    twins = [a_request(node[1], name=name) for name in ("a", "b", "c")]
    other = a_request(node[1], options={"timeoutSeconds": 17})

    url = submitted(client, [*twins, other])
    shown = finished(client, url)
    found = results(client, url)

    assert len(node[0].judged) == 2
    assert (shown["total"], shown["passed"]) == (4, 4)
    assert [one["name"] for one in found] == ["a", "b", "c", ""]
    assert [one["outcome"] for one in found] == ["passed"] * 4
    assert len({one["jobId"] for one in found}) == 2


def test_equal_items_that_fail_lead_to_the_job_and_are_repeated_once(
    client: httpx.Client,
) -> None:
    """Their examples and their repetition must hold for each of them."""
    with zstack_node(ZstackNode(is_ready=False)) as (node, port):
        url = submitted(client, [a_request(f"127.0.0.1:{port}", name=name) for name in "ab"])
        shown = finished(client, url)
        requests = len(node.requests)
        node.is_ready = True
        retry = client.post(f"{url}/retry").headers["location"]
        again = finished(client, retry)

    (group,) = shown["causes"]
    assert group["count"] == 2
    assert requests <= 6
    assert [example["name"] for example in group["examples"]] == ["a", "b"]
    for example in group["examples"]:
        assert client.get(f"{CALL}/jobs/{example['jobId']}").status_code == 200
    assert (again["total"], again["passed"]) == (2, 2)
    assert len(node.judged) == 1


# What it leaves --------------------------------------------------------------------------------


def test_no_key_of_a_batch_lives_for_ever(
    two_callers: Service, client: httpx.Client, node: Node
) -> None:
    """Memory that nobody frees runs out one day."""
    with two_callers.redis() as redis:
        sent = [a_request(node[1], name=name) for name in "ab"]
        url = submitted(client, [*sent, sent[0] | {"secretKey": "wrong"}])
        finished(client, url)
        finished(client, client.post(f"{url}/retry").headers["location"])
        client.delete(url)
        redis.zadd("conncheck:batches", {"0" * 24: 1})  # one that has expired meanwhile
        poll(lambda: not redis.zcard("conncheck:batches"))

    poll(lambda: two_callers.lasting_keys() == set())  # a worker tidies up what it took every 2 s


def test_a_batch_s_items_share_the_ca_certificates_of_its_default_options(
    service: Service, authority: Authority
) -> None:
    """A private platform's authority is given once, and is trusted in each test and each retry."""
    certificates = authority.pem * 20
    with zstack_node(tls=authority.server("127.0.0.1")) as (node, port):
        node.keys = keys(8)
        wrong = {**a_request(f"https://127.0.0.1:{port}"), "secretKey": "another"}
        sent = [*items(f"https://127.0.0.1:{port}", 8), wrong]
        upload = {"options": {"tls": {"caCertificate": certificates}}, "items": sent}
        with service.client() as client:
            url = client.post(BATCHES, json=upload).headers["location"]
            first = finished(client, url)
            node.keys["AKID"] = "another"
            again = finished(client, client.post(f"{url}/retry").headers["location"])
        with service.redis() as redis:
            held = content_of(redis)

    assert (first["passed"], first["failed"]) == (8, 1)
    assert again["failed"] + again["passed"] == 1
    assert "tls" not in "".join(one["cause"] for one in first["causes"] + again["causes"])
    assert certificates.encode()[:100] not in held
