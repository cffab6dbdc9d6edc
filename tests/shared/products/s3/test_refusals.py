import pytest

from shared.diagnosis.causes import Cause
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    ACCOUNT_PROBLEM,
    INVALID_CREDENTIALS,
    KEY_DISABLED,
    KEY_EXPIRED,
    REGION_INVALID,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SOURCE_IP_NOT_ALLOWED,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)
from shared.products.s3.refusals import REGION_NEEDED, SIGV4_UNSUPPORTED, STORAGE_NOT_READY, Refusal
from tests.shared.products.conversation import answer


@pytest.mark.parametrize(
    ("code", "message", "cause"),
    [
        ("InvalidAccessKeyId", "The AWS Access Key Id does not exist in our records.", None),
        ("InvalidAccessKeyId", "", None),
        ("InvalidAccessKeyId", "Your account is disabled; contact your administrator.", 0),
        ("InvalidAccessKeyId", "The OSS Access Key Id you provided is disabled.", 0),
        ("InvalidAccessKeyId", "The user holding this access key has been disabled.", 0),
        ("InvalidAccessKeyId", "the access key XYZ is inactive.", 0),
        ("InvalidAccessKeyId", "The security token is invalid.", SESSION_TOKEN_INVALID),
        ("InvalidAccessKeyId", "Malformed Access Key Id", ACCESS_KEY_MALFORMED),
        ("InvalidAccessKeyId", "The access key has expired.", KEY_EXPIRED),
        ("InvalidArgument", "Credential access key has length 20, should be 32", 1),
        ("AccessDenied", "Forbidden: No such key: GK1", UNKNOWN_ACCESS_KEY),
        ("AccessDenied", "The request is not from an allowed SourceIP", SOURCE_IP_NOT_ALLOWED),
        ("InvalidSecurity", "The provided credentials are not valid.", INVALID_CREDENTIALS),
        ("SignatureDoesNotMatch", "The region must be specified if this is not ...", REGION_NEEDED),
        ("InvalidRegionName", "The region name 'eu' is not valid.", REGION_INVALID),
        ("ExpiredToken", "The provided token has expired.", SESSION_TOKEN_EXPIRED),
        ("UserDisable", "UserDisable", ACCOUNT_PROBLEM),
        ("NotSignedUp", "Your account is not signed up", ACCOUNT_PROBLEM),
        ("SlowDown", "Please reduce your request rate.", THROTTLED),
        ("XMinioServerNotInitialized", "Server not initialized", STORAGE_NOT_READY),
    ],
)
def test_a_refusal_means_what_its_message_or_its_code_says(
    code: str, message: str, cause: Cause | int | None
) -> None:
    """Most stores have one code for all faults of a key, and say in words which it is."""
    usual = {None: UNKNOWN_ACCESS_KEY, 0: KEY_DISABLED, 1: ACCESS_KEY_MALFORMED}

    refusal = Refusal(403, code, message)

    assert refusal.cause is (cause if isinstance(cause, Cause) else usual[cause])
    assert not refusal.is_denial


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("SignatureDoesNotMatch", "Check your key and signing method."),
        ("AccessDenied", "Forbidden: Invalid signature"),
        ("InvalidRequest", "Signature verification failed"),
    ],
)
def test_a_wrong_signature_is_told_in_several_ways(code: str, message: str) -> None:
    """Lesser stores have no code for it."""
    assert Refusal(403, code, message).is_of_signature


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", ""),
        ("AccessDenied", "Request has expired"),
        ("InvalidRequest", "Bad request: Date is too old"),
    ],
)
def test_a_wrong_date_is_told_in_several_ways(code: str, message: str) -> None:
    """It is the clock of one of both."""
    assert Refusal(403, code, message).is_of_clock


def test_a_denial_is_one_with_403_and_without_more() -> None:
    """With 401 a store judges the key, not what it may do (Swift's s3token)."""
    assert Refusal(403, "AccessDenied", "Access Denied.").is_denial
    assert not Refusal(401, "AccessDenied", "Access denied").is_denial
    assert not Refusal(403, "AllAccessDisabled", "").is_denial


@pytest.mark.parametrize(
    ("body", "region"),
    [
        ("<Code>AuthorizationHeaderMalformed</Code><Region>de-1</Region>", "de-1"),
        (
            "<Code>AuthorizationHeaderMalformed</Code><Message>the region 'x' is wrong; "
            "expecting 'de-2'</Message>",
            "de-2",
        ),
        ("<Code>AuthorizationHeaderMalformed</Code><Region>a/b</Region>", ""),
        ("<Code>AccessDenied</Code><Region>garage</Region>", ""),
    ],
)
def test_the_region_that_a_store_wants_is_read(body: str, region: str) -> None:
    """Other errors name a region, too, which means nothing."""
    assert Refusal.of(answer(400, f"<Error>{body}</Error>")).region == region


@pytest.mark.parametrize(
    ("wanted", "cause"),
    [("Please use AWS V2.", SIGV4_UNSUPPORTED), ("Please use AWS4-HMAC-SHA256.", None)],
)
def test_another_signature_is_wanted_if_it_is_another_one(wanted: str, cause: Cause | None) -> None:
    """A store that asks for the one that was sent did not get it, for whatever reason."""
    says = f"The authorization mechanism you have provided is not supported. {wanted}"

    assert Refusal(400, "InvalidRequest", says).cause is cause
