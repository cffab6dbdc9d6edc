import re
from dataclasses import replace
from ipaddress import ip_network

import pytest

from shared.diagnosis.catalogue import catalogue
from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Finding
from shared.endpoint import Endpoint
from shared.platform.answers.redirects import REDIRECT_OTHER_HOST
from shared.policy.service_policy import ServicePolicy
from shared.policy.target_policy import NAME_BLOCKED, NETWORK_BLOCKED, TargetPolicy
from shared.reporting.advised import TOLD
from worker.advice import Advice
from worker.site import Site
from worker.tcp.address_guard import ADDRESS_BLOCKED, NETWORK_DENIED, AddressGuard
from worker.tls.certificate_causes import HOSTNAME_MISMATCH
from worker.tls.trust import Trust

HOME = Endpoint("cloud.example.com", 443, "https")
SITE = Site(AddressGuard(denied=[ip_network("10.9.0.0/16")]), Trust())


def advised(name: str, fact: Fact, site: Site = SITE) -> Fact | None:
    """Return what a remedy may name of what a platform told."""
    finding = Finding(REDIRECT_OTHER_HOST, {name: fact})
    return Advice(HOME, site)(finding).get(f"usable_{name}")


@pytest.mark.parametrize("name", ["origin", "location", "keystone", "issuer_url"])
@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254",
        "http://169.254.169.254:8080/latest/meta-data/?a=b",
        "https://[fd00:ec2::254]/",
        "http://[::ffff:169.254.169.254]/",
        "http://127.0.0.1:6379",
        "http://localhost/",
        "http://a.localhost/",
        "http://metadata.google.internal/",
        "http://kubernetes.default.svc/",
        "http://10.9.0.7/",
        "gopher://cloud.example.com/",
        "http://user@cloud.example.com/",
        "http://[",
    ],
)
def test_no_address_that_is_refused_is_advised(name: str, url: str) -> None:
    """Who follows the advice of a tool tests it by hand, with a key pair."""
    assert advised(name, url) is None


@pytest.mark.parametrize("url", ["https://other.example.com:8443", "http://10.0.0.7/login?next=/"])
def test_an_address_that_may_be_tested_is_advised(url: str) -> None:
    """It is what the caller looks for."""
    assert advised("origin", url) == url


def test_what_the_token_may_not_test_is_not_advised() -> None:
    """It would be refused at once."""
    policy = TargetPolicy(domains=("example.com",), ports=(443,))
    limited = SITE.limited_to(policy)

    assert advised("origin", "https://a.example.com", limited) == "https://a.example.com"
    assert advised("origin", "https://a.example.org", limited) is None
    assert advised("origin", "https://a.example.com:22", limited) is None


def test_plain_http_is_not_advised_where_it_is_forbidden() -> None:
    """The service tests over HTTPS only."""
    strict = replace(SITE, rules=ServicePolicy(requires_tls=True))

    assert advised("origin", "http://a.example.com", strict) is None


def test_of_the_names_of_a_certificate_those_are_advised_that_may_be_tested() -> None:
    """Anybody can have a certificate issued for the name of an address."""
    names = ("169.254.169.254", "*.example.com", "localhost", "b.example.com")
    finding = Finding(HOSTNAME_MISMATCH, {"valid_for": names, "nearest": names[0]})

    facts = Advice(HOME, SITE)(finding)

    assert facts == {"usable_valid_for": ("*.example.com", "b.example.com")}
    assert finding.remedies({"host": "h", **facts}) == ("Issue a certificate for h.",)


@pytest.mark.parametrize(
    ("cause", "address", "is_advised"),
    [
        (ADDRESS_BLOCKED, "127.0.0.1", True),
        (ADDRESS_BLOCKED, "169.254.169.254", False),
        (ADDRESS_BLOCKED, "fd00:ec2::254", False),
        (NETWORK_BLOCKED, "10.0.0.7", True),
        (NETWORK_BLOCKED, "127.0.0.1", False),  # the service would refuse it all the same
        (NETWORK_DENIED, "10.9.0.7", True),
    ],
)
def test_what_may_be_allowed_is_said_of_the_callers_own_choice(
    cause: Cause, address: str, is_advised: bool
) -> None:
    """Nobody is advised to open the metadata service, or what a platform has named."""
    own = Finding(cause, {"address": address, "port": 80})
    named = Finding(cause, {"address": address, "port": 80, "host": "169.example.net"})

    advice = Advice(HOME, SITE)

    assert advice(own).get("allowable") == (address if is_advised else None)
    assert "allowable" not in advice(named)


def test_no_remedy_names_what_a_platform_told_as_it_was_told() -> None:
    """A new cause must not be a way around the one place that decides."""
    for code, cause in catalogue().items():
        named = {name for remedy in cause.remedies for name in re.findall(r"{(\w+)}", remedy)}
        assert not named.intersection(TOLD), code


def test_a_domain_may_be_allowed_unless_it_is_internal() -> None:
    """The token's policy is asked before the service's."""
    for host, is_advised in (("cloud.example.com", True), ("metadata.google.internal", False)):
        facts = Advice(Endpoint(host, 443, "https"), SITE)(Finding(NAME_BLOCKED, {"host": host}))
        assert ("allowable" in facts) is is_advised
