from ipaddress import ip_address, ip_network

import pytest

from shared.policy.addresses import carried, is_address, is_in, plain


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("10.0.0.1", []),
        ("2a00:1450::1", []),
        ("::1", []),
        ("::192.0.2.33", ["192.0.2.33"]),
        ("64:ff9b::192.0.2.33", ["192.0.2.33"]),
        ("2002:c000:221::1", ["192.0.2.33"]),
        ("2a00:1450::5efe:192.0.2.33", ["192.0.2.33"]),
        ("2a00:1450::200:5efe:192.0.2.33", ["192.0.2.33"]),
        # RFC 4380: the server, and the client behind it inverted
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", ["65.54.227.120", "192.0.2.45"]),
    ],
)
def test_a_translator_or_a_tunnel_carries_ipv4_addresses(text: str, inner: list[str]) -> None:
    """Who judges the outer address alone lets through what the inner one is forbidden for."""
    assert [str(address) for address in carried(ip_address(text))] == inner


@pytest.mark.parametrize(
    "text",
    [
        "64:ff9b:1::192.0.2.33",  # with a prefix of 96 bits
        "64:ff9b:1:c000:2:2100::",  # 48: the address straddles the u-octet
        "64:ff9b:1:aac0:0:221::",  # 56
        "64:ff9b:1:aabb:c0:2:2100::",  # 64
    ],
)
def test_a_local_translator_may_have_any_prefix(text: str) -> None:
    """RFC 6052 2.2; which one it has is not to be seen from the address."""
    assert ip_address("192.0.2.33") in tuple(carried(ip_address(text)))


def test_an_ipv4_mapped_address_is_the_ipv4_address() -> None:
    """The kernel connects to it over IPv4."""
    assert plain(ip_address("::ffff:192.0.2.7")) == ip_address("192.0.2.7")
    assert plain(ip_address("fd00::7")) == ip_address("fd00::7")


def test_networks_of_the_other_family_hold_nothing() -> None:
    """0.0.0.0/0 must not be asked about an IPv6 address, which Python refuses."""
    assert not is_in(ip_address("::1"), [ip_network("0.0.0.0/0")])
    assert is_in(ip_address("::1"), [ip_network("0.0.0.0/0"), ip_network("::/0")])


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.7", True),
        ("2001:db8::7", True),
        ("cloud.example.com", False),
        ("[2001:db8::7]", False),
        ("127.1", False),
        ("", False),
    ],
)
def test_an_address_is_told_from_a_name(host: str, *, expected: bool) -> None:
    """A name is looked up and must be in the certificate; an address is neither."""
    assert is_address(host) is expected
