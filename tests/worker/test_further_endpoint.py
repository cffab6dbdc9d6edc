from dataclasses import replace
from hashlib import sha256

import pytest

from shared.diagnosis.outcomes import Failed
from shared.endpoint import Endpoint
from shared.policy.target_policy import PORT_BLOCKED, TargetPolicy
from shared.request.options import TlsOptions
from tests.certificates.crafted import Authority, self_signed
from tests.network.loopback import LOOPBACK_ALLOWED, failure_to, soon
from tests.network.servers import hold, serving
from tests.worker.test_visits import InMemory
from worker.further_endpoint import FurtherEndpoints
from worker.site import Site
from worker.tcp.address_guard import ADDRESS_BLOCKED, AddressGuard
from worker.tcp.causes import TCP_REFUSED
from worker.tls.certificate_causes import SELF_SIGNED
from worker.tls.trust import Trust
from worker.visits import Visits

HOME = Endpoint("cloud.example.com", 443, "https")
SITE = Site(LOOPBACK_ALLOWED, Trust())


def test_a_plain_endpoint_that_listens_is_reached() -> None:
    """Nothing is asked of it: what it serves is not known."""
    with serving(hold) as server:
        FurtherEndpoints(HOME, TlsOptions(), SITE).reach(
            Endpoint("127.0.0.1", server.port, "http"), soon()
        )

        assert server.requests == []


def test_the_certificate_is_judged_as_the_platforms_is() -> None:
    """An endpoint that clients will not trust is of no use to them."""
    authority = Authority()
    tls = TlsOptions(ca_certificate=authority.pem)
    with serving(hold, tls=authority.issue("127.0.0.1").server_context()) as server:
        FurtherEndpoints(HOME, tls, SITE).reach(Endpoint("127.0.0.1", server.port, "https"), soon())
    with serving(hold, tls=self_signed("127.0.0.1").server_context()) as server:
        there = Endpoint("127.0.0.1", server.port, "https")
        assert (
            failure_to(lambda: FurtherEndpoints(HOME, tls, SITE).reach(there, soon())).cause
            is SELF_SIGNED
        )


@pytest.mark.parametrize("verify", [True, False])
def test_the_pin_counts_for_the_platforms_own_host_alone(verify: bool) -> None:
    """Another host has another certificate; it has to be vouched for, whatever verify is."""
    own = self_signed("127.0.0.1")
    with serving(hold, tls=own.server_context()) as server:
        there = Endpoint("127.0.0.1", server.port, "https")
        tls = TlsOptions(fingerprint_sha256=sha256(own.der).hexdigest(), verify=verify)

        FurtherEndpoints(Endpoint("127.0.0.1", 1, "https"), tls, SITE).reach(there, soon())
        assert (
            failure_to(lambda: FurtherEndpoints(HOME, tls, SITE).reach(there, soon())).cause
            is SELF_SIGNED
        )


def test_without_a_pin_verify_false_is_for_all_hosts_of_the_platform() -> None:
    """The caller asked for no verification, and nothing takes its place."""
    with serving(hold, tls=self_signed("127.0.0.1").server_context()) as server:
        there = Endpoint("127.0.0.1", server.port, "https")

        FurtherEndpoints(HOME, TlsOptions(verify=False), SITE).reach(there, soon())


def test_a_closed_port_is_told_as_the_steps_tell_it() -> None:
    """One fault has one name, wherever it is found."""
    with serving(hold) as server:
        server.stop_listening()
        there = Endpoint("127.0.0.1", server.port, "http")
        assert (
            failure_to(
                lambda: FurtherEndpoints(HOME, TlsOptions(), SITE).reach(there, soon())
            ).cause
            is TCP_REFUSED
        )


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "::1"])
def test_the_guard_is_asked_about_what_a_platform_names(host: str) -> None:
    """A catalogue that names the metadata service is an attack."""
    further = FurtherEndpoints(HOME, TlsOptions(), Site(AddressGuard(), SITE.trust))

    assert (
        failure_to(lambda: further.reach(Endpoint(host, 80, "http"), soon())).cause
        is ADDRESS_BLOCKED
    )


def test_what_a_platform_names_counts_and_the_platform_itself_does_not() -> None:
    """The platform is what the caller has asked for, which is counted before."""
    limits = InMemory()
    site = replace(SITE, visits=Visits(limits)).limited_to(
        TargetPolicy(), token="ci", is_metered=True, targets_per_minute=7
    )
    with serving(hold) as server:
        there = Endpoint("127.0.0.1", server.port, "http")
        FurtherEndpoints(there, TlsOptions(), site).reach(there, soon())
        assert limits.counted == []
        FurtherEndpoints(HOME, TlsOptions(), site).reach(there, soon())

    assert limits.counted == [("ci", 7, f"127.0.0.1:{server.port}")]


def test_the_callers_policy_is_asked_about_what_a_platform_names() -> None:
    """Whoever may test port 443 alone does not get further by way of a catalogue."""
    site = SITE.limited_to(TargetPolicy(ports=(443,)))

    with pytest.raises(Failed) as caught:
        FurtherEndpoints(HOME, TlsOptions(), site).reach(Endpoint("127.0.0.1", 22, "http"), soon())
    assert caught.value.cause is PORT_BLOCKED
