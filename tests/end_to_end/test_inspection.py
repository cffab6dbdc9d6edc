"""Look at a certificate, pin it, test with it: the way to what no authority vouches for."""

from typing import Any

import httpx

from tests.certificates.authority import Authority
from tests.certificates.crafted import self_signed
from tests.running.service import CALL, Service, a_request, last_made
from tests.stand_ins.zstack import zstack_node

INSPECT = "/api/v1/platforms/inspect-certificate"


def inspect(service: Service, endpoint: str, **changes: Any) -> httpx.Response:
    with service.client() as client:
        return client.post(INSPECT, json={"endpoint": endpoint, **changes})


def pinned(service: Service, endpoint: str, sha256: str) -> dict[str, Any]:
    """Return the job of a test that accepts one certificate alone."""
    options = {"tls": {"fingerprintSha256": sha256}}
    job = service.submit(f"https://{endpoint}", options=options)
    return service.closed(job)


def test_a_self_signed_certificate_is_seen_pinned_and_tested_with(service: Service) -> None:
    """Most private platforms have one; verify=false would let anybody stand in between."""
    issued = self_signed("127.0.0.1")
    with zstack_node(tls=issued.server_context()) as (node, port):
        endpoint = f"127.0.0.1:{port}"
        refused = service.test(f"https://{endpoint}").json()
        seen = inspect(service, endpoint).json()
        assert not node.judged
        tested = pinned(service, endpoint, seen["certificates"][0]["sha256"])

    assert refused["success"] is False
    assert (seen["success"], seen["trusted"]) == (True, False)
    assert seen["reason"]["cause"] == "tls.self_signed"
    assert "options.tls.fingerprintSha256" in seen["recommendation"]
    (shown,) = seen["certificates"]
    assert (shown["names"], shown["keyType"]) == (["127.0.0.1"], "ECDSA")
    assert [item["name"] for item in seen["items"]] == [
        "dns_lookup",
        "tcp_connect",
        "inspect_certificate",
    ]
    assert tested["success"] is True
    assert node.judged == ["AKID"]


def test_a_certificate_that_changed_after_it_was_seen_is_refused(service: Service) -> None:
    """G9: who steps in between look and test gets no signature."""
    with zstack_node(tls=self_signed("127.0.0.1").server_context()) as (_, port):
        seen = inspect(service, f"127.0.0.1:{port}").json()["certificates"][0]["sha256"]
    with zstack_node(tls=self_signed("127.0.0.1").server_context()) as (other, port):
        tested = pinned(service, f"127.0.0.1:{port}", seen)

    assert last_made(tested)["cause"] == "tls.pin_changed"
    assert last_made(tested)["evidence"]["pinned_sha256"] == seen
    assert not other.judged
    assert not other.requests


def test_a_certificate_of_a_known_authority_is_trusted(
    service: Service, authority: Authority
) -> None:
    """Then there is nothing to pin."""
    with zstack_node(tls=authority.server("127.0.0.1")) as (_, port):
        options = {"tls": {"caCertificate": authority.pem}}
        seen = inspect(service, f"https://127.0.0.1:{port}", options=options).json()

    assert (seen["trusted"], seen["reason"], seen["recommendation"]) == (True, None, "")


def test_where_nothing_is_shown_the_answer_says_why(service: Service) -> None:
    """The steps before it fail as those of a test do."""
    with zstack_node() as (_, port):
        plain = inspect(service, f"127.0.0.1:{port}").json()
    metadata = inspect(service, "https://169.254.169.254").json()

    assert (plain["success"], plain["trusted"], plain["certificates"]) == (False, None, [])
    assert "uses plain HTTP, not HTTPS" in plain["items"][-1]["errorMsg"]
    assert metadata["items"][-1]["name"] == "tcp_connect"
    assert "metadata" in metadata["items"][-1]["errorMsg"]


def test_a_look_is_a_job_like_any_other(service: Service) -> None:
    """It waits, repeats and is looked at by the same faces."""
    with zstack_node(tls=self_signed("127.0.0.1").server_context()) as (_, port):
        with service.client() as client:
            headers = {"Prefer": "respond-async", "Idempotency-Key": f"look-{port}"}
            body = {"endpoint": f"127.0.0.1:{port}"}
            taken = [client.post(INSPECT, json=body, headers=headers) for _ in range(2)]
            test = client.post(CALL, json=a_request(f"127.0.0.1:{port}"), headers=headers)
        job = service.closed(taken[0].headers["location"])

    assert [answer.status_code for answer in taken] == [202, 202]
    assert taken[0].json() == taken[1].json()
    assert test.status_code == 422  # the key was another request's
    assert last_made(job)["evidence"]["trusted"] is False
    assert job["productType"] == ""


def test_what_does_not_belong_there_is_refused(service: Service) -> None:
    """Above all a key pair, which a look has no use for."""
    refused = [
        inspect(service, "http://10.0.0.1"),
        inspect(service, "10.0.0.1", accessKey="AKID", secretKey="SECRET"),
        inspect(service, "10.0.0.1", options={"tls": {"verify": False}}),
        inspect(service, "10.0.0.1", productType="vmwre"),
    ]

    assert [answer.status_code for answer in refused] == [422] * 4
    assert "SECRET" not in "".join(answer.text for answer in refused)
