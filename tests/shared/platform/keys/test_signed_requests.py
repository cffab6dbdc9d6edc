import pytest

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import (
    EXPLICIT_DENY,
    POLICY_LIMIT,
    SECRET_MISMATCH,
    SIGNATURE_MISMATCH,
)
from shared.platform.keys.signed_requests import is_as_unsigned, policy_denies, signature_refused
from tests.shared.products.conversation import KNOWN, answer

AT = Endpoint("cloud.example.com", 8443, "https")


@pytest.mark.parametrize(
    ("reply", "endpoint", "cause", "words"),
    [
        (answer(403, "x"), AT, SECRET_MISMATCH, "rejects the secretKey or the request"),
        (answer(403, "GET|/||host:cloud.example.com:8443|"), AT, SECRET_MISMATCH, "SigV4"),
        (answer(403, "GET|/||host:inside:80|"), AT, SIGNATURE_MISMATCH, "with Host inside:80"),
        (answer(403, "x", server="envoy"), AT, SIGNATURE_MISMATCH, "that answers (Envoy)"),
        (answer(403, "x", via="1.1 px"), AT, SIGNATURE_MISMATCH, "that answers (1.1 px)"),
        (answer(403, "x"), Endpoint("h", 80, "http", "/s3"), SIGNATURE_MISMATCH, "path /s3"),
    ],
)
def test_what_was_seen_decides_what_a_wrong_signature_is_told_as(
    reply: HttpResponse, endpoint: Endpoint, cause: Cause, words: str
) -> None:
    """The secret is one of several things that a signature depends on."""
    failed = signature_refused(reply, endpoint, "SigV4")

    assert failed.cause is cause
    assert words in failed.finding.summary(KNOWN)
    assert any("Host (with its port)" in one for one in failed.finding.remedies(KNOWN))


def test_a_platform_that_may_not_know_the_key_is_not_said_to() -> None:
    """Some call the signature of an unknown key wrong."""
    failed = signature_refused(answer(403, "x"), AT, "SigV4", knows_key=False)

    assert "knows the accessKey" not in failed.finding.summary(KNOWN)


@pytest.mark.parametrize(
    ("unsigned", "signed", "is_same"),
    [
        ((401, "a signature is required", "1"), (401, "a signature is required", "2"), True),
        ((401, "a signature is required", "1"), (401, "wrong key", "1"), False),
        ((401, "a signature is required", "1"), (400, "a signature is required", "1"), False),
        ((403, "address not allowed", "1"), (403, "address not allowed", "2"), False),
        ((500, "out of memory", "1"), (500, "out of memory", "2"), False),
        ((401, "", "1"), (401, "", "2"), False),
        ((400, "lack of ssl protection", "1"), (400, "lack of ssl protection", "2"), False),
    ],
)
def test_an_answer_is_the_unsigned_ones_but_for_its_ids(
    unsigned: tuple[int, str, str], signed: tuple[int, str, str], is_same: bool
) -> None:
    """What forbids everybody says nothing of a signature."""
    first, second = (
        answer(status, {"message": message, "requestId": number})
        for status, message, number in (unsigned, signed)
    )

    assert is_as_unsigned(first, second) is is_same


@pytest.mark.parametrize(
    ("says", "cause", "policy"),
    [
        (
            "with an explicit deny in a service control policy",
            EXPLICIT_DENY,
            "the service control policy of the organisation",
        ),
        ("with an explicit deny in an identity-based policy", EXPLICIT_DENY, None),
        (
            "because no VPC endpoint policy allows the sts:GetCallerIdentity action",
            POLICY_LIMIT,
            "the policy of the VPC endpoint",
        ),
        ("because no session policy allows the action", POLICY_LIMIT, "the policy of the session"),
        ("because no identity-based policy allows the action", None, None),
        ("You are not authorized to perform this operation.", None, None),
    ],
)
def test_a_policy_above_the_owners_is_named(
    says: str, cause: Cause | None, policy: str | None
) -> None:
    """Another grant to the owner would change nothing there."""
    failed = policy_denies(says, api="s3:ListBucket")

    assert (failed and failed.cause) is cause
    assert (failed and failed.finding.facts.get("policy")) == policy
