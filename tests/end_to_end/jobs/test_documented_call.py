"""The documented call against real servers, through the API, the queue and a worker."""

import socket
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.certificates.authority import Authority
from tests.running.service import CALL, Service, a_request
from tests.stand_ins.zstack import ZstackNode, zstack_node
from worker.http.exchange import EXCHANGE_S

Node = tuple[ZstackNode, str]
INSPECT = "/api/v1/platforms/inspect-certificate"

HTTP_STEPS = [
    "dns_lookup",
    "tcp_connect",
    "http_response",
    "product_identify",
    "authenticate",
    "authorize",
]
HTTPS_STEPS = [*HTTP_STEPS[:2], "tls_handshake", *HTTP_STEPS[2:]]


def failed_item(answer: dict[str, Any]) -> dict[str, str]:
    """Return the failed item, after checking that the answer has the shape of a failure."""
    assert answer["success"] is False
    assert [item["status"] for item in answer["items"][:-1]] == ["success"] * (
        len(answer["items"]) - 1
    )
    last: dict[str, str] = answer["items"][-1]
    assert last["status"] == "failure"
    assert last["errorMsg"]
    assert answer["recommendation"]
    return last


def test_a_healthy_platform_passes_all_steps_in_the_documented_shape(
    service: Service, node: Node
) -> None:
    """The contract's field names and types are what other programs are written against."""
    response = service.test(node[1])

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert list(answer) == ["success", "items", "recommendation"]
    assert answer["success"] is True
    assert answer["recommendation"] == ""
    assert [item["name"] for item in answer["items"]] == HTTP_STEPS
    for item in answer["items"]:
        assert list(item) == ["name", "status", "latencyMs", "errorMsg"]
        assert item["status"] == "success"
        assert item["latencyMs"].isdecimal()
        assert item["errorMsg"] == ""


@pytest.mark.parametrize(
    ("path", "headers", "changes"),
    [
        ("", {}, {}),
        ("", {"Prefer": "respond-async"}, {}),
        ("", {}, {"options": {"mock": "tcp.refused"}}),
        ("/jobs", {}, {}),
    ],
)
def test_every_answer_of_a_test_names_its_job(
    service: Service, node: Node, path: str, headers: dict[str, str], changes: dict[str, Any]
) -> None:
    """The documented answer has no room for it, and a report of a fault needs it."""
    with service.client() as client:
        answer = client.post(CALL + path, json=a_request(node[1], **changes), headers=headers)
        job_id = answer.headers["conncheck-job-id"]
        described = answer.links["describedby"]["url"]
        job = client.get(described).json()

    assert answer.json().get("jobId", job_id) == job_id
    assert job["jobId"] == job_id
    assert job["items"] or answer.status_code == 202


def test_an_inspection_names_its_job_and_its_language(service: Service, node: Node) -> None:
    """It is a job as any other."""
    with service.client() as client:
        answer = client.post(INSPECT, json={"endpoint": node[1]}, headers={"Accept-Language": "zh"})

    assert answer.headers["conncheck-job-id"] == answer.json()["jobId"]
    assert answer.links["describedby"]["url"].endswith(answer.json()["jobId"])
    assert answer.headers["content-language"] == "zh-CN"


def test_a_healthy_platform_is_asked_four_requests_and_signed_in_to_once(
    service: Service, node: Node
) -> None:
    """A healthy platform is not worked harder than needed, and no account is hammered."""
    service.test(node[1])

    assert node[0].requests == [
        "GET /zstack/v1/management-nodes/ready",
        "PUT /zstack/v1/management-nodes/actions",
        "GET /zstack/v1/zones?limit=1&replyWithCount=true",
        "PUT /zstack/v1/accounts/permissions/actions",
    ]
    assert node[0].judged == ["AKID"]


@pytest.mark.parametrize("product", ["zsphere", "zstack_cube"])
def test_the_product_family_shares_the_driver(service: Service, node: Node, product: str) -> None:
    """ZSphere and Cube run the same REST engine."""
    assert service.test(node[1], productType=product).json()["success"] is True


def test_a_platform_over_tls_passes_with_its_own_authority(
    service: Service, authority: Authority
) -> None:
    """Platforms on premises have private authorities; the caller may name them."""
    with zstack_node(tls=authority.server("localhost")) as (_, port):
        tls = {"caCertificate": authority.pem}
        answer = service.test(f"https://localhost:{port}", options={"tls": tls}).json()

    assert answer["success"] is True
    assert [item["name"] for item in answer["items"]] == HTTPS_STEPS


def test_an_unchecked_identity_passes_but_is_said_loudly(
    service: Service, authority: Authority
) -> None:
    """With verify=false it is unknown who got the signature; the caller must read that."""
    with zstack_node(tls=authority.server("localhost")) as (_, port):
        options = {"tls": {"verify": False}}
        answer = service.test(f"https://localhost:{port}", options=options).json()

    assert answer["success"] is True
    assert "options.tls.fingerprintSha256" in answer["recommendation"]


def test_an_untrusted_authority_fails_before_any_credential_leaves(
    service: Service, authority: Authority
) -> None:
    """The certificate is judged first; a machine in between learns nothing."""
    with zstack_node(tls=authority.server("localhost")) as (node, port):
        answer = service.test(f"https://localhost:{port}").json()

    item = failed_item(answer)
    assert item["name"] == "tls_handshake"
    assert "localhost" in item["errorMsg"]
    assert "caCertificate" in answer["recommendation"]
    assert node.requests == []


def test_an_expired_certificate_is_told_with_its_date(
    service: Service, authority: Authority
) -> None:
    """The date is what somebody has to look for."""
    expired_on = f"{datetime.now(UTC) - timedelta(days=10):%Y-%m-%d}"
    with zstack_node(tls=authority.expired_server("localhost")) as (_, port):
        tls = {"caCertificate": authority.pem}
        answer = service.test(f"https://localhost:{port}", options={"tls": tls}).json()

    item = failed_item(answer)
    assert item["name"] == "tls_handshake"
    assert expired_on in item["errorMsg"]
    assert answer["recommendation"].startswith("Renew the certificate of localhost, which ")


def test_a_closed_port_is_told_with_host_and_port(service: Service) -> None:
    """The most common fault of all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    answer = service.test(f"127.0.0.1:{port}").json()

    item = failed_item(answer)
    assert item["name"] == "tcp_connect"
    assert item["errorMsg"] == f"127.0.0.1 refused the connection on port {port}"
    assert f"port {port}" in answer["recommendation"]


def test_a_wrong_host_name_fails_at_the_lookup(service: Service) -> None:
    """RFC 6761 keeps .invalid free of names for ever."""
    answer = service.test("no-such-platform.invalid:8080").json()

    item = failed_item(answer)
    assert item["name"] == "dns_lookup"
    assert "no-such-platform.invalid" in item["errorMsg"]


def test_a_wrong_secret_is_blamed_on_the_secret_alone(service: Service, node: Node) -> None:
    """Only the platform's own words may accuse the secret."""
    answer = service.test(node[1], secretKey="not-the-secret").json()

    assert failed_item(answer)["name"] == "authenticate"
    assert "secretKey" in answer["recommendation"]
    assert node[0].judged == ["AKID"]


def test_an_unknown_key_is_blamed_on_the_key(service: Service, node: Node) -> None:
    """The server does not tell unknown from disabled, and neither do we."""
    answer = service.test(node[1], accessKey="NOBODY").json()

    assert failed_item(answer)["name"] == "authenticate"
    assert "accessKey" in answer["recommendation"]


@pytest.mark.parametrize(
    "zone", ["Asia/Shanghai", "UTC", "America/New_York", "Asia/Kathmandu", "America/St_Johns"]
)
@pytest.mark.parametrize("checks_time_zone", [False, True])
def test_the_zone_that_the_server_accepts_is_found(
    service: Service,
    node: Node,
    zone: str,
    checks_time_zone: bool,
) -> None:
    """By default the server compares wall clocks, so a right instant in a wrong zone is refused."""
    node[0].zone, node[0].checks_time_zone = ZoneInfo(zone), checks_time_zone

    assert service.test(node[1]).json()["success"] is True
    assert node[0].judged == ["AKID"]


def test_a_wrong_clock_passes_with_the_seconds_in_the_warning(service: Service, node: Node) -> None:
    """We sign with the server's clock; other clients won't."""
    node[0].clock_ahead = timedelta(hours=2)

    answer = service.test(node[1]).json()

    assert answer["success"] is True
    assert "NTP" in answer["recommendation"]


def test_a_platform_that_closes_after_each_answer_is_reconnected_to(
    service: Service, node: Node
) -> None:
    """Not every server keeps connections; that is no fault."""
    node[0].keeps_alive = False

    assert service.test(node[1]).json()["success"] is True
    assert node[0].judged == ["AKID"]


@pytest.mark.parametrize(
    ("state", "step", "text"),
    [
        ({"is_ready": False}, "product_identify", "not ready"),
        ({"knows_access_keys": False}, "authenticate", "open-source edition"),
        ({"licence_expired_on": "Nov 1, 2026"}, "authenticate", "Nov 1, 2026"),
        ({"denies_zones_with": "SYS.1006"}, "authorize", "APIQueryZoneMsg"),
        ({"denies_zones_with": "ID.1002"}, "authorize", "APIQueryZoneMsg"),
    ],
)
def test_each_state_of_the_node_has_its_own_words(
    service: Service, node: Node, state: dict[str, Any], step: str, text: str
) -> None:
    """Each of them asks for another action."""
    for name, value in state.items():
        setattr(node[0], name, value)

    item = failed_item(service.test(node[1]).json())

    assert item["name"] == step
    assert text in item["errorMsg"]


def test_a_silent_peer_ends_within_the_budget(service: Service) -> None:
    """A peer that accepts and says nothing must not hold a worker."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        response = service.test(f"127.0.0.1:{port}", options={"timeoutSeconds": 1})

    item = failed_item(response.json())
    assert item["name"] == "http_response"
    assert 900 <= int(item["latencyMs"]) < EXCHANGE_S * 1000


def test_a_refused_address_is_a_policy_and_no_network_error(service: Service) -> None:
    """Metadata addresses hand out credentials: no firewall is blamed, no exception advised."""
    answer = service.test("http://169.254.169.254/").json()

    assert failed_item(answer)["name"] == "tcp_connect"
    assert "metadata" in answer["items"][-1]["errorMsg"]
    assert answer["recommendation"].startswith("Correct the endpoint")
