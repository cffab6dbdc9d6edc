"""B: destinations that nobody may reach through this service."""

import secrets
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest

from shared.policy.target_policy import TargetPolicy
from shared.policy.token_file import TokenFile, new_entry
from tests.attacks.traps.aiming import refused_as
from tests.attacks.traps.attacking import STRICT, attacked
from tests.attacks.traps.trap import trap
from tests.network.namespaces import dns_answer, in_own_network, name_server_addresses, name_servers
from tests.running.service import CALL, Service, a_request, last_made, running_service

BLOCKED = "policy.address_blocked"
INTERNAL = "policy.internal_name"
NAME_SERVERS_ON_LO = [
    f"address add {address}/32 dev lo"
    for address in name_server_addresses()
    if not address.startswith("127.")
]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.255.255.254", "[::1]", "localhost"])
def test_b1_loopback_is_refused(strict: Service, host: str) -> None:
    """What listens there trusts whoever comes."""
    assert refused_as(strict, host) == BLOCKED


def test_b2_the_metadata_of_aws_azure_gcp_and_openstack_is_refused(strict: Service) -> None:
    """It hands out the credentials of this very machine."""
    assert refused_as(strict, "169.254.169.254", port=80) == BLOCKED


def test_b3_the_metadata_of_aws_by_ipv6_is_refused(strict: Service) -> None:
    """fd00::/8 is private and allowed; this address in it is not."""
    assert refused_as(strict, "[fd00:ec2::254]", port=80) == BLOCKED


@pytest.mark.parametrize("host", ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"])
def test_b4_the_credentials_of_ecs_and_eks_are_refused(strict: Service, host: str) -> None:
    """Containers get theirs there."""
    assert refused_as(strict, host, port=80) == BLOCKED


def test_b5_the_metadata_of_gcp_is_refused_by_address_and_by_name(strict: Service) -> None:
    """It has a name of its own."""
    assert refused_as(strict, "[fd20:ce::254]", port=80) == BLOCKED
    assert refused_as(strict, "metadata.google.internal", port=80) == INTERNAL


@pytest.mark.parametrize(
    "host",
    [
        "[fd00:ec2::253]",
        "[fd00:c1::a9fe:a9fe]",
        "[fd00:100::100:200]",
        "[fd00:42::42]",
        "[fd00:a9fe:a9fe::1]",
        "[fe80::a9fe:a9fe]",
        "169.254.0.23",
    ],
)
def test_b15_what_clouds_have_for_their_machines_alone_is_refused(
    strict: Service, host: str
) -> None:
    """AWS, Oracle, Alibaba, Scaleway, Linode, OpenStack and Tencent; most look like a platform."""
    assert refused_as(strict, host, port=80) == BLOCKED


def test_b6_the_metadata_of_alibaba_is_refused(strict: Service) -> None:
    """It lies in the space of carrier-grade NAT, which is_private does not know."""
    assert refused_as(strict, "100.100.100.200", port=80) == BLOCKED


def test_b7_the_wire_server_of_azure_is_refused(strict: Service) -> None:
    """It is a public address to everybody else."""
    assert refused_as(strict, "168.63.129.16", port=80) == BLOCKED


def test_b8_the_metadata_of_oracle_is_refused(strict: Service) -> None:
    """The classic one."""
    assert refused_as(strict, "192.0.0.192", port=80) == BLOCKED


@pytest.mark.parametrize(
    "host", ["224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "[ff02::1]"]
)
def test_b9_multicast_broadcast_and_reserved_are_refused(strict: Service, host: str) -> None:
    """Nobody in particular has them."""
    assert refused_as(strict, host) == BLOCKED


@pytest.mark.parametrize("host", ["100.64.0.1", "100.127.255.254"])
def test_b10_carrier_grade_nat_is_refused(strict: Service, host: str) -> None:
    """Clouds keep their own services in it."""
    assert refused_as(strict, host) == BLOCKED


@pytest.mark.parametrize("host", ["kubernetes.default.svc", "kubernetes.default.svc.cluster.local"])
def test_b11_the_cluster_s_own_api_is_refused(strict: Service, host: str) -> None:
    """A worker in a pod is nearer to it than any caller."""
    assert refused_as(strict, host, port=443) == INTERNAL


def test_b11_a_service_does_not_test_itself(service: Service) -> None:
    """Where loopback is allowed as well: a test of a test of a test ends nowhere."""
    own = service.url.removeprefix("http://")

    job = service.closed(service.submit(f"http://{own}"))
    elsewhere = service.closed(service.submit(f"http://localhost:{own.rpartition(':')[2]}"))

    assert last_made(job)["cause"] == "policy.own_service"
    assert last_made(elsewhere)["cause"] == "policy.own_service"


@pytest.fixture(scope="module")
def by_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Path]]:
    """Give a service with a token file, and the file."""
    folder = tmp_path_factory.mktemp("destinations")
    file = folder / "tokens.json"
    TokenFile(tokens=()).write(file)
    with running_service(folder, CONNCHECK_TOKENS_FILE=str(file)) as service:
        yield service, file


def told(by_file: tuple[Service, Path], endpoint: str, **policy: object) -> httpx.Response:
    """Return the answer to a new token with `policy`."""
    service, file = by_file
    token = secrets.token_urlsafe(16)
    digest = sha256(token.encode()).hexdigest()
    entry = new_entry(secrets.token_hex(4), digest, policy=policy)
    TokenFile.read(file).with_token(entry).write(file)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=service.url, headers=headers, trust_env=False) as client:
        while (answer := client.post(CALL, json=a_request(endpoint))).status_code == 401:
            pass  # the file is read again within a second
        return answer


@pytest.mark.parametrize("port", [10250, 2375, 6379, 22, 5432])
def test_b11_a_token_has_the_ports_of_platforms_alone(
    by_file: tuple[Service, Path], port: int
) -> None:
    """The kubelet, Docker, a Redis and a database answer at any address of the inside."""
    refused = told(by_file, f"http://127.0.0.1:{port}")

    assert refused.status_code == 403
    assert refused.json()["errors"][0]["cause"] == "policy.port_blocked"


@pytest.mark.parametrize("name", ["127.0.0.1.nip.io", "169-254-169-254.sslip.io", "localtest.me"])
def test_b12_a_public_name_of_an_inner_address_is_judged_by_its_address(name: str) -> None:
    """Anybody can have such a name for any address."""

    def look() -> tuple[str, list[bytes]]:
        address = "169.254.169.254" if "169" in name else "127.0.0.1"
        with (
            name_servers(lambda query: dns_answer(query, addresses=[address])),
            trap() as listening,
        ):
            story = attacked(f"http://{name}:{listening.port}", site=STRICT)
        return story.cause, listening.caught

    commands = [*NAME_SERVERS_ON_LO, "address add 169.254.169.254/32 dev lo"]
    assert in_own_network(look, *commands) == (BLOCKED, [])


@pytest.mark.parametrize("host", ["redis.prod.svc.cluster.local", "vault.internal", "api.prod.svc"])
def test_b13_a_name_of_the_inside_is_refused(strict: Service, host: str) -> None:
    """Only a worker can resolve it, and that is why somebody asks."""
    assert refused_as(strict, host, port=443) == INTERNAL


def test_b14_a_tenant_s_networks_are_closed_to_the_others(by_file: tuple[Service, Path]) -> None:
    """Each token reaches its own, by address at once and by name at the moment of connecting."""
    with trap() as listening:
        refused = told(
            by_file, f"http://127.0.0.1:{listening.port}", networks=["10.1.0.0/16"], ports=[]
        )
        theirs = TargetPolicy.model_validate({"networks": ["10.1.0.0/16"]})
        by_name = attacked(f"http://localhost:{listening.port}", policy=theirs)

    assert refused.json()["errors"][0]["cause"] == "policy.network_blocked"
    assert by_name.cause == "policy.network_blocked"
    assert not theirs.allows(ip_address("10.2.0.1"))
    assert listening.caught == []
