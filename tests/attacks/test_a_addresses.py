"""A: addresses in every spelling that a resolver or a socket takes for another one."""

from ipaddress import ip_address

import pytest

from tests.attacks.traps.aiming import refused_as
from tests.running.service import Service
from worker.tcp.address_guard import AddressGuard

INVALID, HIDDEN = "input.host_invalid", "input.hidden_character"
BLOCKED = "policy.address_blocked"


def test_a1_a_decimal_address_is_refused(strict: Service) -> None:
    """Getaddrinfo reads it as 127.0.0.1; a guard that looks for dots lets it through."""
    assert refused_as(strict, "2130706433") == INVALID


def test_a2_an_octal_address_is_refused(strict: Service) -> None:
    """A leading zero means octal to the C library, and nothing to many validators."""
    assert refused_as(strict, "0177.0.0.1") == INVALID
    assert refused_as(strict, "017700000001") == INVALID


def test_a3_a_hexadecimal_address_is_refused(strict: Service) -> None:
    """It is another spelling of 127.0.0.1."""
    assert refused_as(strict, "0x7f000001") == INVALID


def test_a4_an_address_of_mixed_bases_is_refused(strict: Service) -> None:
    """Each part may have a base of its own."""
    assert refused_as(strict, "0x7f.1") == INVALID


@pytest.mark.parametrize("host", ["127.1", "10.1", "127.0.1"])
def test_a5_a_short_address_is_refused(strict: Service, host: str) -> None:
    """What is left out is filled in by the C library."""
    assert refused_as(strict, host) == INVALID


@pytest.mark.parametrize("host", ["0", "0.0.0.0", "[::]"])  # noqa: S104 -- to be refused
def test_a6_an_unspecified_address_is_refused(strict: Service, host: str) -> None:
    """Linux connects it to this machine."""
    assert refused_as(strict, host) in (INVALID, BLOCKED)


@pytest.mark.parametrize("host", ["256.256.256.256", "1.1.1.257", "127.0.0.256"])
def test_a7_an_octet_that_overflows_is_refused(strict: Service, host: str) -> None:
    """Some parsers take it modulo 256."""
    assert refused_as(strict, host) == INVALID


def test_a8_a_trailing_dot_hides_no_address(strict: Service) -> None:
    """A table that compares texts does not find them."""
    assert refused_as(strict, "127.0.0.1.") == INVALID
    # Whether the name is known with its dot is the resolver's to say.
    assert refused_as(strict, "localhost.") in (BLOCKED, "dns.nxdomain")


@pytest.mark.parametrize("host", ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
def test_a9_an_ipv4_mapped_loopback_is_refused(strict: Service, host: str) -> None:
    """The socket speaks IPv4 to it."""
    assert refused_as(strict, host) == BLOCKED


def test_a10_an_ipv4_compatible_loopback_is_refused(strict: Service) -> None:
    """ipaddress.is_global says yes to it."""
    assert refused_as(strict, "[::127.0.0.1]") == BLOCKED


@pytest.mark.parametrize(
    "host",
    [
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::7f00:1]",
        "[64:ff9b:1:a9fe:a9:fe00::]",  # a /48 prefix: the u-octet stands within the address
        "[64:ff9b:1:0:7f:0:100::]",
    ],
)
def test_a11_what_a_nat64_carries_is_judged(strict: Service, host: str) -> None:
    """A translator in the network would deliver it to the IPv4 address."""
    assert refused_as(strict, host) == BLOCKED


@pytest.mark.parametrize("host", ["[2002:7f00:1::]", "[2002:a9fe:a9fe::1]"])
def test_a12_what_a_6to4_address_carries_is_judged(strict: Service, host: str) -> None:
    """A relay would take it out."""
    assert refused_as(strict, host) == BLOCKED


@pytest.mark.parametrize(
    "host", ["[2001:0:808:808:0:63bf:80ff:fffe]", "[2001:0:7f00:1:0:63bf:f7f7:f7f7]"]
)
def test_a13_what_a_teredo_address_carries_is_judged(strict: Service, host: str) -> None:
    """The client's address stands in it inverted."""
    assert refused_as(strict, host) == BLOCKED


@pytest.mark.parametrize("host", ["[fd00::5efe:7f00:1]", "[2a00:1450::200:5efe:a9fe:a9fe]"])
def test_a14_what_an_isatap_address_carries_is_judged(strict: Service, host: str) -> None:
    """Its network may be anybody's; the interface identifier tells."""
    assert refused_as(strict, host) == BLOCKED


@pytest.mark.parametrize("host", ["[fe80::1%eth0]", "[::1%lo]", "[fe80::1%25lo]"])
def test_a15_a_zone_id_is_refused(strict: Service, host: str) -> None:
    """It chooses an interface of this machine."""
    assert refused_as(strict, host) == INVALID


def test_a16_site_local_is_refused_and_unique_local_is_a_place_for_platforms(
    strict: Service,
) -> None:
    """fc00::/7 is IPv6's 10.0.0.0/8, where platforms live; an operator can deny it."""
    assert refused_as(strict, "[fec0::1]") == BLOCKED
    assert refused_as(strict, "[fd00:ec2::254]") == BLOCKED
    assert AddressGuard().refusal(ip_address("fd12:3456:789a::1")) is None


# Enclosed digits, full-width digits, the ideographic full stop: IDNA folds them into 127.0.0.1.
@pytest.mark.parametrize(
    "host",
    [
        "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
        "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
        "127\u30020\u30020\u30021",
        "\uff11\uff12\uff17\u3002\uff10\u3002\uff10\u3002\uff11",
    ],
)
def test_a17_unicode_digits_and_dots_are_refused(strict: Service, host: str) -> None:
    """They look like what they are folded into."""
    assert refused_as(strict, host) == HIDDEN


def test_a18_enclosed_letters_are_refused(strict: Service) -> None:
    """IDNA folds them into localhost."""
    assert refused_as(strict, "\u24dbocalhost") == HIDDEN


def test_a19_a_nul_in_the_host_is_refused(strict: Service) -> None:
    """The C library stops reading at it, a suffix check does not."""
    assert refused_as(strict, "127.0.0.1\x00.good.com") == HIDDEN


@pytest.mark.parametrize("host", ["LOCALHOST", "LocalHost", "[::FFFF:7F00:1]"])
def test_a20_capital_letters_hide_nothing(strict: Service, host: str) -> None:
    """Names have no case."""
    assert refused_as(strict, host) == BLOCKED
