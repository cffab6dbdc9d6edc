"""Comparisons of two sites, with workers of both, seen from outside."""

import json
import ssl
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import cycle
from typing import Any

import httpx
import pytest

from shared.wire.comparisons import COMPARISONS_PATH
from tests.certificates.crafted import Authority
from tests.network.servers import hold, serving
from tests.running.service import Service, a_request, poll
from tests.running.sites import service_with_sites
from tests.stand_ins.zstack import zstack_node

SITES = ["default", "fra1"]
WITHIN_S = 60
BOB = "bob-token"
API = "cli api"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Give a service with a worker at fra1, and none at sin1."""
    directory = tmp_path_factory.mktemp("sites")
    tokens = directory / "tokens.json"
    bob = {
        "name": "bob",
        "sha256": sha256(BOB.encode()).hexdigest(),
        "scopes": ["test", "read"],
        "sites": ["fra1"],
        "policy": {"ports": list(range(1024, 65536))},
    }
    tokens.write_text(json.dumps({"tokens": [bob]}))
    settings = {"CONNCHECK_TOKENS_FILE": str(tokens)}
    with (
        service_with_sites(directory, "fra1", "sin1", **settings) as (running, sites),
        sites.worker(running, "fra1"),
    ):
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """Give a client that is signed in."""
    with service.client() as signed_in:
        yield signed_in


@pytest.fixture
def bob(service: Service) -> Iterator[httpx.Client]:
    """Give a client of another tenant, who may test from fra1 alone."""
    with service.client() as signed_in:
        signed_in.headers["Authorization"] = f"Bearer {BOB}"
        yield signed_in


def submit(
    client: httpx.Client, port: int, headers: dict[str, str] | None = None, **changes: Any
) -> httpx.Response:
    """Return the response to a comparison of SITES, unless `changes` name others."""
    body = {**a_request(f"http://127.0.0.1:{port}"), "sites": SITES, **changes}
    return client.post(COMPARISONS_PATH, json=body, headers=headers)


def over(client: httpx.Client, accepted: httpx.Response) -> dict[str, Any]:
    """Return an accepted comparison when it is over."""
    assert accepted.status_code == 202, accepted.text
    found: dict[str, Any] = {}

    def is_over() -> bool:
        found.update(client.get(accepted.headers["location"], params={"wait": 10}).json())
        return bool(found["status"] != "running")

    poll(is_over, WITHIN_S)
    return found


def alternating(contexts: Sequence[ssl.SSLContext]) -> ssl.SSLContext:
    """Return a context with which each connection is shown the next certificate."""
    following = cycle(contexts)
    first = next(following)

    def show_next(shown_to: ssl.SSLObject, _: str | None, __: ssl.SSLContext) -> None:
        shown_to.context = next(following)

    first.sni_callback = show_next
    return first


def codes(comparison: dict[str, Any]) -> list[str]:
    return [one["code"] for one in comparison["differences"]]


def results(comparison: dict[str, Any], step: str) -> list[str]:
    (row,) = (row for row in comparison["steps"] if row["name"] == step)
    return [one["outcome"] for one in row["results"]]


def test_both_sites_test_and_one_signs_in(client: httpx.Client) -> None:
    """The account sees one sign-in, whatever the number of sites."""
    with zstack_node() as (node, port):
        accepted = submit(client, port)
        comparison = over(client, accepted)

    assert node.judged == ["AKID"]
    assert set(accepted.json()["jobs"]) == set(SITES)
    assert [one["outcome"] for one in comparison["sites"]] == ["passed", "passed"]
    assert [one["signsIn"] for one in comparison["sites"]] == [True, False]
    assert results(comparison, "product_identify") == ["passed", "passed"]
    assert results(comparison, "authenticate") == ["passed", "not_part"]
    assert codes(comparison)[0] == "sites.all_pass"


def test_each_site_signs_in_if_that_is_asked_for(client: httpx.Client) -> None:
    """A rule about source addresses shows in no other way."""
    with zstack_node() as (node, port):
        comparison = over(client, submit(client, port, signIn="all"))

    assert node.judged == ["AKID", "AKID"]
    assert results(comparison, "authenticate") == ["passed", "passed"]


def test_a_rejection_ends_the_sign_ins(client: httpx.Client) -> None:
    """One wrong attempt is one wrong attempt."""
    with zstack_node() as (node, port):
        comparison = over(client, submit(client, port, signIn="all", secretKey="WRONG"))

    assert node.judged == ["AKID"]
    assert [one["status"] for one in comparison["sites"]] == ["finished", "not_tested"]
    assert comparison["sites"][1]["reason"].startswith("Not tested, so that the account")


def test_a_site_without_workers_says_so(client: httpx.Client) -> None:
    """The others are compared all the same."""
    with zstack_node() as (node, port):
        comparison = over(client, submit(client, port, sites=["sin1", "default", "fra1"]))

    assert node.judged == ["AKID"]
    assert [one["status"] for one in comparison["sites"]] == [
        "not_tested",
        "finished",
        "finished",
    ]
    assert [one["signsIn"] for one in comparison["sites"]] == [False, True, False]
    assert comparison["differences"][0]["summary"].endswith("only")


def test_all_sites_of_the_token_can_be_asked_for(client: httpx.Client) -> None:
    """Whoever adds a site need not change a portal."""
    with zstack_node() as (_, port):
        comparison = over(client, submit(client, port, sites=["*"]))

    assert [one["site"] for one in comparison["sites"]] == ["default", "fra1", "sin1"]


def test_no_comparison_begins_where_no_site_has_a_worker(client: httpx.Client) -> None:
    """It would wait for nothing."""
    answer = submit(client, 1, sites=["sin1"])

    assert answer.status_code == 503
    assert answer.json()["type"].endswith("no-worker")
    assert answer.json()["detail"] == "No worker is alive at any of these sites: sin1."


def test_an_unknown_site_is_refused_by_its_field(client: httpx.Client) -> None:
    """A typing error must not test from fewer sites than were meant."""
    answer = submit(client, 1, sites=["default", "fra2"])

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "sites.1"
    assert "fra1" in error["reason"]


def test_the_response_can_be_waited_for(client: httpx.Client) -> None:
    """A script wants one call and the differences."""
    with zstack_node() as (_, port):
        answer = submit(client, port, headers={"Prefer": "wait=30"})

    assert answer.status_code == 200
    assert answer.json()["status"] == "finished"
    assert answer.headers["location"].endswith(answer.json()["comparisonId"])


def test_a_repeated_request_returns_the_same_comparison(client: httpx.Client) -> None:
    """A lost response must not sign in a second time."""
    key = {"Idempotency-Key": "compare-1"}
    with zstack_node() as (node, port):
        first, second = (submit(client, port, headers=key) for _ in range(2))
        over(client, first)
        third = submit(client, port, headers=key)
        other = submit(client, port, headers=key, sites=["fra1"])

    assert first.json() == second.json() == third.json()
    assert node.judged == ["AKID"]
    assert other.status_code == 422


def test_a_cancelled_comparison_stops_at_all_sites(client: httpx.Client) -> None:
    """No site goes on when nobody waits for it any more."""
    with serving(hold) as server:
        accepted = submit(client, server.port, signIn="all")
        location = accepted.headers["location"]
        cancelled = client.delete(location).json()

    assert cancelled["status"] == "cancelled"
    assert [one["status"] for one in cancelled["sites"]] == ["cancelled", "not_tested"]
    assert client.get(location).json()["status"] == "cancelled"


@pytest.mark.parametrize("spelled", ["W/{tag}", '"other", {tag}', "*"])
def test_an_etag_is_known_again_however_it_comes_back(client: httpx.Client, spelled: str) -> None:
    """The same client code watches jobs and comparisons."""
    with serving(hold) as server:
        accepted = submit(client, server.port, signIn="all")
        location = accepted.headers["location"]
        client.delete(location)  # it changes no more
        known = {"If-None-Match": spelled.format(tag=client.get(location).headers["etag"])}
        answer = client.get(location, headers=known)

    assert answer.status_code == 304


def test_the_events_of_all_sites_are_streamed_up_to_the_end(client: httpx.Client) -> None:
    """A page fills its table cell by cell."""
    with zstack_node() as (_, port):
        location = submit(client, port).headers["location"]
        stream = client.get(f"{location}/events").text
    events = [block.splitlines() for block in stream.replace("\r", "").strip().split("\n\n")]
    told = [dict(line.split(": ", 1) for line in one if ": " in line) for one in events]
    told = [one for one in told if "event" in one]

    assert told[-1]["event"] == "over"
    assert json.loads(told[-1]["data"])["status"] == "finished"
    sites = {json.loads(one["data"])["site"] for one in told[:-1]}
    assert sites == set(SITES)
    again = client.get(f"{location}/events", headers={"Last-Event-ID": told[-2]["id"]}).text
    assert again.count("event:") == 1


def test_a_comparison_of_another_tenant_is_not_there(
    client: httpx.Client, bob: httpx.Client
) -> None:
    """Nor is one that never was."""
    with zstack_node() as (_, port):
        location = submit(client, port).headers["location"]

    for path in (location, f"{COMPARISONS_PATH}/{'0' * 32}", f"{COMPARISONS_PATH}/x"):
        assert bob.get(path).status_code == 404
        assert bob.get(f"{path}/events").status_code == 404
        assert bob.delete(path).status_code == 404


def test_a_token_compares_its_own_sites(bob: httpx.Client) -> None:
    """`*` names no other site, and whoever names one is refused."""
    with zstack_node() as (_, port):
        comparison = over(bob, submit(bob, port, sites=["*"]))
        refused = submit(bob, port, sites=["fra1", "default"])

    assert [one["site"] for one in comparison["sites"]] == ["fra1"]
    assert refused.status_code == 403
    (error,) = refused.json()["errors"]
    assert (error["field"], error["cause"]) == ("sites.1", "policy.site_blocked")
    assert comparison["differences"] == []


def test_a_comparison_outlives_the_process_that_took_it(
    service: Service, client: httpx.Client
) -> None:
    """Its sites go on one after the other, and none of them twice."""
    with serving(hold, hold, hold) as server:
        options = {"timeoutSeconds": 2}
        accepted = submit(client, server.port, signIn="all", options=options)
        service.kill(API)
        poll(service.is_ready)
        with service.client() as another:
            comparison = over(another, accepted)

    assert [one["status"] for one in comparison["sites"]] == ["finished", "finished"]
    assert results(comparison, "http_response") == ["failed", "failed"]
    assert codes(comparison)[0] == "sites.all_fail_alike"


def test_a_comparison_that_is_refused_is_logged_with_its_site(
    service: Service, bob: httpx.Client
) -> None:
    """A site that is mistyped or not for this caller may be any text, and is not named."""
    blocked = submit(bob, 80, sites=["fra1"])
    foreign = submit(bob, 8080, sites=["default"])

    def lines() -> list[dict[str, str]]:
        log = [json.loads(line) for line in service.log_text().splitlines() if "audit" in line]
        return [line for line in log if line.get("token") == "bob" and line["status"] == "refused"]

    assert (blocked.status_code, foreign.status_code) == (403, 403)
    poll(lambda: {"policy.port_blocked", "policy.site_blocked"} <= {o["cause"] for o in lines()})
    told = {(line["cause"], line.get("site")) for line in lines()}
    assert told == {("policy.port_blocked", "fra1"), ("policy.site_blocked", None)}


def test_certificates_that_differ_are_told_with_their_sites(client: httpx.Client) -> None:
    """It is the sentence that ends most meetings."""
    authorities = Authority("One CA"), Authority("Other CA")
    contexts = [one.issue("127.0.0.1").server_context() for one in authorities]
    options = {"tls": {"caCertificate": "".join(one.pem for one in authorities)}}
    with zstack_node(tls=alternating(contexts)) as (_, port):
        endpoint = f"https://127.0.0.1:{port}"
        comparison = over(client, submit(client, port, endpoint=endpoint, options=options))

    (found,) = (one for one in comparison["differences"] if one["step"] == "tls_handshake")
    assert found["code"] == "sites.certificates_differ"
    assert "One CA" in found["summary"]
    assert "Other CA" in found["summary"]
    assert "either TLS inspection on the way, or another server" in found["summary"]
    assert [len(side["evidence"]) for side in found["sides"]] == [3, 3]


def test_nothing_of_a_comparison_stays_for_ever(service: Service, client: httpx.Client) -> None:
    """Redis would fill up."""
    with zstack_node() as (_, port):
        over(client, submit(client, port))

    poll(lambda: not [key for key in service.lasting_keys() if b"comparison" in key])
