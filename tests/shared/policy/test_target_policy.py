from ipaddress import ip_address

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.endpoint import parse_endpoint
from shared.policy.target_policy import (
    NAME_BLOCKED,
    NETWORK_BLOCKED,
    PORT_BLOCKED,
    UNLIMITED,
    TargetPolicy,
)


def refusal(endpoint: str, **limits: object) -> Cause | None:
    """Return why a target is refused, None if it is not."""
    try:
        TargetPolicy.model_validate(limits).check(parse_endpoint(endpoint))
    except Failed as failed:
        failed.finding.summary({})  # a sentence without a hole in it
        return failed.cause
    return None


@pytest.mark.parametrize("endpoint", ["https://a.example:1", "http://[2001:db8::1]:2", "10.0.0.1"])
def test_a_policy_without_limits_refuses_nothing(endpoint: str) -> None:
    """What the service allows at all is not this policy's to say."""
    assert refusal(endpoint) is None
    assert UNLIMITED.allows(ip_address("10.0.0.1"))


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("cloud.example.com:443", None),
        ("example.com:443", None),
        ("CLOUD.Example.COM.:443", None),
        ("notexample.com:443", NAME_BLOCKED),
        ("example.com.evil.net:443", NAME_BLOCKED),
        ("secret.example.com:443", NAME_BLOCKED),
        ("deep.secret.example.com:443", NAME_BLOCKED),
    ],
)
def test_a_domain_means_the_name_and_all_below_it(endpoint: str, why: Cause | None) -> None:
    """A suffix of the text alone would let notexample.com in for example.com."""
    limits = {"domains": [".example.com"], "deniedDomains": ["secret.example.com"]}

    assert refusal(endpoint, **limits) is why


@pytest.mark.parametrize(
    ("endpoint", "why"),
    [
        ("10.1.2.3:443", None),
        ("10.9.2.3:443", NETWORK_BLOCKED),
        ("192.168.0.1:443", NETWORK_BLOCKED),
        ("[2001:db8::1]:443", None),
        ("[2001:db9::1]:443", NETWORK_BLOCKED),
        ("a.name:443", None),
    ],
)
def test_an_address_must_be_in_an_allowed_network_and_in_no_denied_one(
    endpoint: str, why: Cause | None
) -> None:
    """The addresses of names are judged when they are known."""
    limits = {"networks": ["10.0.0.0/8", "2001:db8::/32"], "deniedNetworks": ["10.9.0.0/16"]}

    assert refusal(endpoint, **limits) is why


def test_a_port_must_be_one_of_those_named() -> None:
    """A service that connects to any port is a port scanner for hire."""
    assert refusal("a.example:443", ports=[443]) is None
    assert refusal("a.example:22", ports=[443]) is PORT_BLOCKED


def test_a_port_that_nobody_asked_for_is_judged_like_one_that_was() -> None:
    """An investigation tries ports of its own."""
    TargetPolicy().check_port(22)
    TargetPolicy(ports=(443,)).check_port(443)
    with pytest.raises(Failed) as raised:
        TargetPolicy(ports=(443,)).check_port(22)

    assert raised.value.cause is PORT_BLOCKED
