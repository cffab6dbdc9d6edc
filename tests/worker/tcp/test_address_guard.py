from ipaddress import ip_address, ip_network

import pytest
from fakeredis import FakeRedis

from shared.diagnosis.causes import Cause
from shared.policy.target_policy import NETWORK_BLOCKED, PORT_BLOCKED, TargetPolicy
from shared.store.limits.address_rate import AddressRate
from shared.store.round_trips import RoundTrips
from shared.store.site_keys import DEFAULT_KEYS
from worker.tcp.address_guard import (
    ADDRESS_BLOCKED,
    ADDRESS_RATE,
    NETWORK_DENIED,
    AddressGuard,
    AddressRefusedError,
    plain,
)

REFUSED = [
    # B1: loopback
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("::1", "loopback"),
    # B2-B8: where clouds hand out credentials
    ("169.254.169.254", "cloud metadata"),
    ("fd00:ec2::254", "cloud metadata"),
    ("169.254.170.2", "cloud metadata"),
    ("169.254.170.23", "cloud metadata"),
    ("fd20:ce::254", "cloud metadata"),
    ("100.100.100.200", "cloud metadata"),
    ("168.63.129.16", "cloud metadata"),
    ("192.0.0.192", "cloud metadata"),
    # B15: what else clouds have for their own machines, most of it in unique-local networks
    ("fd00:ec2::253", "cloud metadata"),
    ("fd00:ec2::123", "cloud metadata"),
    ("fd00:ec2::250", "cloud metadata"),
    ("fd00:c1::a9fe:a9fe", "cloud metadata"),
    ("fd00:100::100:200", "cloud metadata"),
    ("fd00:42::42", "cloud metadata"),
    ("169.254.42.42", "cloud metadata"),
    ("fd00:a9fe:a9fe::1", "cloud metadata"),
    ("192.80.8.124", "cloud metadata"),
    ("fdaa::3", "cloud metadata"),
    ("fe80::a9fe:a9fe", "link-local"),
    ("169.254.0.23", "link-local"),
    ("169.254.20.10", "link-local"),
    # B9: nobody in particular
    ("224.0.0.1", "multicast"),
    ("239.1.1.1", "multicast"),
    ("ff02::1", "multicast"),
    ("255.255.255.255", "broadcast"),
    ("240.0.0.1", "reserved"),
    ("fd00:ec2::23", "cloud metadata"),
    # B10: shared
    ("100.64.0.1", "shared (carrier-grade NAT)"),
    ("100.127.255.254", "shared (carrier-grade NAT)"),
    # A6: unspecified
    ("0.0.0.0", "wildcard (unspecified)"),  # noqa: S104 -- to refuse it
    ("0.1.2.3", "wildcard (unspecified)"),
    ("::", "wildcard (unspecified)"),
    # A9: IPv4-mapped
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:7f00:1", "loopback"),
    ("::ffff:169.254.169.254", "cloud metadata"),
    # A10: IPv4-compatible
    ("::127.0.0.1", "loopback"),
    ("::10.0.0.1", "translated"),
    # A11: NAT64
    ("64:ff9b::127.0.0.1", "loopback"),
    ("64:ff9b::a9fe:a9fe", "cloud metadata"),
    ("64:ff9b:1::10.0.0.1", "translated"),
    ("64:ff9b:1::127.0.0.1", "loopback"),
    ("64:ff9b:1:a9fe:a9:fe00::", "cloud metadata"),
    # A12: 6to4
    ("2002:a00:1::", "translated"),
    ("2002:7f00:1::", "loopback"),
    ("2002:a9fe:a9fe::", "cloud metadata"),
    # A13: Teredo
    ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "documentation"),
    ("2001:0:808:808:0:63bf:f7f7:f7f7", "translated"),
    ("2001:0:808:808:0:63bf:80ff:fffe", "loopback"),
    ("2001:0:7f00:1:0:63bf:f7f7:f7f7", "loopback"),
    # A14: ISATAP
    ("2a00:1450::5efe:7f00:1", "loopback"),
    ("2a00:1450::200:5efe:a9fe:a9fe", "cloud metadata"),
    ("fd00::5efe:127.0.0.1", "loopback"),
    # A15, A16: link and site
    ("169.254.1.1", "link-local"),
    ("fe80::1", "link-local"),
    ("febf::1", "link-local"),
    ("fec0::1", "reserved"),
    # what ipaddress.is_global lets through, and the special-purpose registries
    ("3fff::1", "documentation"),
    ("2001:db8::1", "documentation"),
    ("192.0.2.1", "documentation"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("198.18.0.1", "benchmarking"),
    ("198.19.255.255", "benchmarking"),
    ("192.0.0.1", "reserved"),
    ("192.88.99.1", "reserved"),
    ("5f00::1", "reserved"),
    ("100::1", "reserved"),
    ("2001:20::1", "reserved"),
    ("4000::1", "reserved"),
    ("e000::1", "reserved"),
]
ALLOWED = [
    # private: where the platforms live
    "10.0.0.1",
    "10.255.255.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.255.254",
    "fc00::1",
    "fd12:3456:789a::1",
    "fd00:42::43",
    "fd00:ec1::254",
    "fd20:ce::253",
    # public
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.17",
    "172.15.255.255",
    "172.32.0.1",
    "223.255.255.255",
    "2001:4860:4860::8888",
    "2606:4700::1111",
    # one of these in another spelling
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::8.8.8.8",
    "2a00:1450::5efe:10.0.0.1",
]


@pytest.mark.parametrize(("text", "kind"), REFUSED)
def test_a_forbidden_address_is_refused_by_its_kind(text: str, kind: str) -> None:
    """A caller must not reach through this service what only its own host can reach."""
    assert AddressGuard().refusal(ip_address(text)) == kind


@pytest.mark.parametrize("text", ALLOWED)
def test_a_private_or_public_address_is_allowed(text: str) -> None:
    """Platforms live in private networks; refusing those would refuse the job itself."""
    assert AddressGuard().refusal(ip_address(text)) is None


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ("127.0.0.0/8", "127.0.0.1"),
        ("127.0.0.0/8", "::ffff:127.0.0.1"),
        ("127.0.0.0/8", "64:ff9b::127.0.0.1"),
        ("127.0.0.0/8", "2a00:1450::5efe:127.0.0.1"),
        ("::1/128", "::1"),
        ("100.64.0.0/10", "100.64.0.1"),
        ("169.254.169.254/32", "169.254.169.254"),
        ("2002::/16", "2002:a00:1::"),
        ("64:ff9b:1::/48", "64:ff9b:1::10.0.0.1"),
    ],
)
def test_a_network_that_the_operator_allows_wins(network: str, text: str) -> None:
    """An operator with a platform behind carrier-grade NAT must be able to say so."""
    assert AddressGuard([ip_network(network)]).refusal(ip_address(text)) is None


@pytest.mark.parametrize(
    ("network", "text", "kind"),
    [
        ("169.254.0.0/16", "169.254.169.254", "cloud metadata"),
        ("169.254.0.0/16", "64:ff9b::a9fe:a9fe", "cloud metadata"),
        ("100.64.0.0/10", "100.100.100.200", "cloud metadata"),
        ("100.0.0.0/8", "100.64.0.1", "shared (carrier-grade NAT)"),
        ("fd00::/8", "fd00:ec2::254", "cloud metadata"),
        ("fc00::/7", "fd20:ce::254", "cloud metadata"),
        ("0.0.0.0/0", "127.0.0.1", "loopback"),
        ("0.0.0.0/0", "168.63.129.16", "cloud metadata"),
        ("::/0", "::1", "loopback"),
        ("::/0", "fe80::1", "link-local"),
    ],
)
def test_a_wider_network_does_not_allow_what_is_refused_in_it(
    network: str, text: str, kind: str
) -> None:
    """Whoever opens a network to its platforms has not thought of the cloud's own services."""
    assert AddressGuard([ip_network(network)]).refusal(ip_address(text)) == kind


@pytest.mark.parametrize(
    ("network", "text"), [("169.254.0.0/16", "169.254.1.1"), ("fd00:ec2::254/128", "fd00:ec2::254")]
)
def test_a_network_that_is_named_as_exactly_is_allowed(network: str, text: str) -> None:
    """The operator of a simulator knows what it stands for."""
    assert AddressGuard([ip_network(network)]).refusal(ip_address(text)) is None


@pytest.mark.parametrize("text", ["::1", "169.254.169.254", "0.0.0.0"])  # noqa: S104 -- to refuse it
def test_an_allowed_network_allows_nothing_beside_it(text: str) -> None:
    """Allowing loopback on a laptop must not open the metadata service."""
    assert AddressGuard([ip_network("127.0.0.0/8")]).refusal(ip_address(text)) is not None


@pytest.mark.parametrize(
    ("network", "text"),
    [
        ("2a00:1450::/32", "2a00:1450::5efe:127.0.0.1"),
        ("2002::/16", "2002:7f00:1::"),
        ("64:ff9b:1::/48", "64:ff9b:1::127.0.0.1"),
        ("::/0", "64:ff9b::127.0.0.1"),
    ],
)
def test_an_allowed_ipv6_network_does_not_allow_the_ipv4_address_carried_in_it(
    network: str, text: str
) -> None:
    """Loopback behind a translator is loopback, whatever the operator thinks of the prefix."""
    assert AddressGuard([ip_network(network)]).refusal(ip_address(text)) == "loopback"


def refused_with(guard: AddressGuard, text: str, port: int = 443) -> Cause:
    with pytest.raises(AddressRefusedError) as raised:
        guard.check(ip_address(text), port)
    failed = raised.value.failed
    failed.finding.summary({"where": text})  # a sentence without a hole in it
    failed.finding.remedies({"where": text})
    return failed.cause


def test_what_the_operator_denies_is_refused_although_it_is_allowed() -> None:
    """The nodes of the service lie in private networks, as the platforms do."""
    guard = AddressGuard([ip_network("10.0.0.0/8")], denied=[ip_network("10.9.0.0/16")])

    guard.check(ip_address("10.8.0.1"), 443)
    for spelling in ("10.9.0.1", "::ffff:10.9.0.1", "64:ff9b::10.9.0.1"):
        assert refused_with(guard, spelling) is NETWORK_DENIED


def test_a_token_narrows_what_the_service_allows_and_never_widens_it() -> None:
    """Addresses and ports are judged again when the connection is opened."""
    policy = TargetPolicy.model_validate({"networks": ["10.0.0.0/8", "::1/128"], "ports": [443]})
    guard = AddressGuard().narrowed_to(policy)

    guard.check(ip_address("10.0.0.1"), 443)
    guard.check(ip_address("64:ff9b::10.0.0.1"), 443)
    assert refused_with(guard, "10.0.0.1", 22) is PORT_BLOCKED
    assert refused_with(guard, "192.168.0.1") is NETWORK_BLOCKED
    assert refused_with(guard, "64:ff9b::192.168.0.1") is NETWORK_BLOCKED
    assert refused_with(guard, "::1") is ADDRESS_BLOCKED


def test_an_address_that_is_connected_to_too_often_is_left_alone() -> None:
    """Many names may lead to one victim; its address is what counts, in every spelling."""
    rate = AddressRate(RoundTrips(FakeRedis()), 1, DEFAULT_KEYS)
    guard = AddressGuard().counting(rate)

    guard.check(ip_address("::ffff:10.0.0.1"), 443)
    guard.check(ip_address("10.0.0.1"), 8443)
    assert refused_with(guard, "127.0.0.1") is ADDRESS_BLOCKED
    assert refused_with(guard, "10.0.0.1") is ADDRESS_RATE


def test_an_ipv4_mapped_address_is_the_ipv4_address() -> None:
    """The kernel connects to 127.0.0.1 for ::ffff:127.0.0.1, over IPv4."""
    assert plain(ip_address("::ffff:192.0.2.7")) == ip_address("192.0.2.7")
    assert plain(ip_address("fd00::7")) == ip_address("fd00::7")
