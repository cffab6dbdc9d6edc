"""What a token of the token file may do, and what it may see."""

import json
import secrets
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from shared.policy.token_file import TokenFile, new_entry
from tests.running.service import CALL, Service, a_request, last_made, poll, running_service
from tests.stand_ins.zstack import ZstackNode

JOBS, BATCHES = f"{CALL}/jobs", f"{CALL}/batches"
INSPECT = "/api/v1/platforms/inspect-certificate"
NO_JOB = f"{JOBS}/{'0' * 32}"
Signed = Callable[..., httpx.Client]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    """Give a service with a token file, and the file."""
    folder = tmp_path_factory.mktemp("tenants")
    file = folder / "tokens.json"
    TokenFile(tokens=()).write(file)
    with running_service(folder, CONNCHECK_TOKENS_FILE=str(file)) as service:
        yield service, file


@pytest.fixture
def client(guarded: tuple[Service, Path]) -> Iterator[Signed]:
    """Give what signs in with a new token of the file."""
    service, file = guarded
    opened: list[httpx.Client] = []

    def signed_in(name: str, **what: Any) -> httpx.Client:
        token = secrets.token_urlsafe(16)
        digest = sha256(token.encode()).hexdigest()
        policy = {"ports": [], **what.get("policy", {})}  # the stand-ins take any port
        entry = new_entry(name, digest, **{**what, "policy": policy})
        TokenFile.read(file).with_token(entry).write(file)
        headers = {"Authorization": f"Bearer {token}"}
        one = httpx.Client(base_url=service.url, headers=headers, trust_env=False, timeout=30)
        opened.append(one)
        return one

    yield signed_in
    for one in opened:
        one.close()


def test_a_token_does_what_its_scopes_say(client: Signed, node: tuple[ZstackNode, str]) -> None:
    """A dashboard that only reads must not be able to sign in to platforms."""
    _, endpoint = node
    reader, tester = client("reader", scopes=["read"]), client("tester", scopes=["test"])
    bulk = client("bulk", scopes=["bulk"])
    one, many = a_request(endpoint), {"items": [a_request(endpoint)]}

    assert tester.post(CALL, json=one).status_code == 200
    assert bulk.post(BATCHES, json=many).status_code == 202
    for refused in (
        reader.post(CALL, json=one),
        reader.post(JOBS, json=one),
        reader.post(BATCHES, json=many),
        tester.post(BATCHES, json=many),
        bulk.post(JOBS, json=one),
    ):
        assert refused.status_code == 403
        assert refused.json()["type"] == "urn:conncheck:problem:insufficient-scope"
        assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]


def test_tokens_of_one_tenant_see_the_same_jobs_and_no_others(
    client: Signed, node: tuple[ZstackNode, str]
) -> None:
    """To anybody else a job does not exist."""
    _, endpoint = node
    one = client("acme-ci", tenant="acme", scopes=["test"])
    other = client("acme-ops", tenant="acme", scopes=["read"])
    stranger = client("umbrella", tenant="umbrella", scopes=["admin"])

    job = one.post(JOBS, json=a_request(endpoint)).headers["location"]

    assert other.get(job).status_code == 200
    assert stranger.get(job).status_code == 404
    assert stranger.delete(job).status_code == 404


def test_a_target_beyond_the_tokens_limits_is_refused_before_anything_is_sent(
    client: Signed, node: tuple[ZstackNode, str]
) -> None:
    """The caller learns that it is the policy, not the network."""
    healthy, endpoint = node
    asked_before = len(healthy.requests)
    port = int(endpoint.rpartition(":")[2])
    limited = client("limited", scopes=["test", "bulk"], policy={"ports": [port + 1]})

    refused = limited.post(CALL, json=a_request(endpoint))

    assert refused.status_code == 403
    (error,) = refused.json()["errors"]
    assert (error["field"], error["cause"]) == ("endpoint", "policy.port_blocked")
    mixed = {"items": [a_request(endpoint), a_request(f"127.0.0.1:{port + 1}")]}
    taken = limited.post(BATCHES, json=mixed).json()
    assert (taken["accepted"], taken["rejected"]) == (1, 1)
    assert str(port) in taken["errors"][0]["reason"]
    assert len(healthy.requests) == asked_before


def test_a_name_that_resolves_beyond_the_tokens_networks_is_not_connected_to(
    client: Signed, node: tuple[ZstackNode, str]
) -> None:
    """The name says nothing; the address is judged when the connection is opened."""
    healthy, endpoint = node
    asked_before = len(healthy.requests)
    limited = client("networks", scopes=["test"], policy={"networks": ["10.0.0.0/8"]})

    port = endpoint.rpartition(":")[2]
    job = limited.post(JOBS, json=a_request(f"localhost:{port}")).headers["location"]

    poll(lambda: bool(limited.get(f"{job}?wait=5").json()["finishedAt"]))
    assert last_made(limited.get(job).json())["cause"] == "policy.network_blocked"
    assert len(healthy.requests) == asked_before


def test_a_revoked_token_is_refused_without_a_restart(
    client: Signed, guarded: tuple[Service, Path]
) -> None:
    """A token that leaked has to end at once."""
    _, file = guarded
    leaked = client("leaked", scopes=["read"])

    TokenFile.read(file).without("leaked").write(file)

    assert leaked.get(NO_JOB).status_code == 401


def test_a_token_is_told_what_is_left_of_its_rate_and_when_it_is_used_up(
    client: Signed, node: tuple[ZstackNode, str]
) -> None:
    """A client that is told can wait; one that is not hammers on."""
    _, endpoint = node
    limited = client("rated", scopes=["test", "bulk"], tests_per_minute=2)

    answers = [limited.post(CALL, json=a_request(endpoint)) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"token";q=2;w=60'
    assert answers[0].headers["ratelimit"].startswith('"token";r=1;t=')
    assert answers[2].headers["ratelimit"].startswith('"token";r=0;t=')
    assert 0 < int(answers[2].headers["retry-after"]) <= 60
    assert answers[2].json()["type"] == "urn:conncheck:problem:rate-limited"


def test_a_batch_beyond_the_rate_is_taken_and_paced(
    client: Signed, node: tuple[ZstackNode, str]
) -> None:
    """Thousands of platforms in one call are what a batch is for; they need not begin at once."""
    _, endpoint = node
    paced = client("paced", scopes=["bulk"], tests_per_minute=2)

    items = [a_request(endpoint, secretKey=f"SECRET-{n}") for n in range(5)]
    batch = paced.post(BATCHES, json={"items": items}).headers["location"]

    poll(lambda: paced.get(batch).json()["failed"] == 2)
    assert paced.get(batch).json()["queued"] == 3
    assert paced.delete(batch).status_code == 200


def test_what_was_asked_for_is_in_the_audit_log_whichever_way(
    client: Signed, guarded: tuple[Service, Path], node: tuple[ZstackNode, str]
) -> None:
    """Tests, looks, batches, what was ended and what was refused: a line each, and no secret."""
    service, _ = guarded
    healthy, endpoint = node
    port = int(endpoint.rpartition(":")[2])
    everything = {"tenant": "acme", "scopes": ["test", "bulk"], "policy": {"ports": [port]}}
    audited = client("audited", **everything)
    request, forbidden = a_request(endpoint), a_request("127.0.0.1:22")
    slow = client("slow", **everything, tests_per_minute=1)

    audited.post(CALL, json=request)
    audited.post(BATCHES, json={"items": [a_request(endpoint, secretKey="WRONG"), forbidden]})
    audited.post(INSPECT, json={"endpoint": endpoint})
    assert audited.post(CALL, json=forbidden).status_code == 403
    healthy.hold_hello = Event()
    cancelled = audited.post(JOBS, json=request).headers["location"]
    poll(lambda: audited.get(cancelled).json()["status"] == "running")
    audited.delete(cancelled)
    healthy.hold_hello.set()
    assert [slow.post(CALL, json=request).status_code for _ in range(2)] == [200, 429]

    def lines(token: str) -> list[dict[str, str]]:
        log = [json.loads(line) for line in service.log_text().splitlines() if "audit" in line]
        return [line for line in log if line.get("token") == token]

    poll(lambda: len(lines("audited")) == 6 and len(lines("slow")) == 2)
    told = lines("audited")
    assert {line["tenant"] for line in told} == {"acme"}
    assert {line["client"] for line in told} == {"127.0.0.1"}
    assert sorted((line["outcome"], line["cause"]) for line in told) == [
        ("failed", ""),
        ("failed", "auth.secret_mismatch"),
        ("failed", "tls.plain_http_port"),
        ("passed", ""),
        ("refused", "policy.port_blocked"),
        ("refused", "policy.port_blocked"),
    ]
    assert [line["status"] for line in told].count("cancelled") == 1
    assert [line.get("rows") for line in told].count("1") == 1
    assert [line["cause"] for line in lines("slow")] == ["", "rate-limited"]
    assert "WRONG" not in service.log_text()
