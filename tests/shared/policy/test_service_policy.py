import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed
from shared.policy.service_policy import (
    INTERNAL_NAME,
    TLS_REQUIRED,
    TLS_VERIFY_REQUIRED,
    ServicePolicy,
)
from shared.policy.target_policy import PORT_BLOCKED, UNLIMITED, TargetPolicy
from shared.request import JobRequest
from tests.running.service import a_request

PIN = "ab" * 32


def refusal(
    policy: ServicePolicy, endpoint: str, limits: TargetPolicy = UNLIMITED, **tls: object
) -> Cause | None:
    """Return why a request is refused, None if it is not."""
    request = JobRequest.model_validate(a_request(endpoint, options={"tls": tls}))
    try:
        policy.check(request, limits)
    except Failed as failed:
        failed.finding.summary({})  # a sentence without a hole in it
        return failed.cause
    return None


@pytest.mark.parametrize(
    "host",
    [
        "kubernetes.default.svc",
        "redis.conncheck.svc.cluster.local",
        "METADATA.google.internal.",
        "ip-10-0-0-1.ec2.internal",
    ],
)
def test_a_name_of_the_inside_is_refused(host: str) -> None:
    """B13: what only a cluster or a cloud resolves is no platform of the caller's."""
    assert refusal(ServicePolicy(), f"https://{host}:443") is INTERNAL_NAME


@pytest.mark.parametrize("host", ["internal.example.com", "mysvc", "notinternal", "10.0.0.1"])
def test_a_name_that_looks_like_it_is_not(host: str) -> None:
    """The end of the name decides, label by label."""
    assert refusal(ServicePolicy(), f"https://{host}:443") is None


def test_the_operator_can_allow_a_domain_of_the_inside() -> None:
    """.internal is what many companies name their networks."""
    policy = ServicePolicy(allowed_domains=("corp.internal",))

    assert refusal(policy, "https://zstack.corp.internal") is None
    assert refusal(policy, "https://metadata.google.internal") is INTERNAL_NAME


def test_plain_http_can_be_forbidden_however_it_was_meant() -> None:
    """A product's default is no excuse."""
    strict = ServicePolicy(requires_tls=True)

    assert refusal(ServicePolicy(), "http://10.0.0.1:8080") is None
    assert refusal(strict, "http://10.0.0.1:8080") is TLS_REQUIRED
    assert refusal(strict, "10.0.0.1:8080") is TLS_REQUIRED
    assert refusal(strict, "https://10.0.0.1:8443") is None


def test_tests_without_verification_can_be_forbidden() -> None:
    """A pin is a verification; nothing at all is none."""
    strict = ServicePolicy(requires_tls_verify=True)

    assert refusal(ServicePolicy(), "https://10.0.0.1", verify=False) is None
    assert refusal(strict, "https://10.0.0.1", verify=False) is TLS_VERIFY_REQUIRED
    assert refusal(strict, "https://10.0.0.1", verify=False, fingerprintSha256=PIN) is None
    assert refusal(strict, "https://10.0.0.1") is None


def test_the_limits_of_the_token_are_asked_as_well() -> None:
    """One function says all that can be said before a packet is sent."""
    assert refusal(ServicePolicy(), "10.0.0.1:22", TargetPolicy(ports=(443,))) is PORT_BLOCKED
