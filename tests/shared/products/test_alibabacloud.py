from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Passed
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import HTTP_502_504_GATEWAY
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_400_BAD_REQUEST,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    WRONG_PRODUCT,
)
from shared.platform.answers.unexplained import CALL_REFUSED, CALL_REJECTED, SIGN_IN_FORBIDDEN
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import (
    ACCESS_KEY_NOT_FOUND,
    ACCOUNT_PROBLEM,
    CLOCK_OFF,
    CLOCK_SKEW,
    DENIED,
    EXPLICIT_DENY,
    HEADER_LOST,
    IDENTITY_CALL_DENIED,
    KEY_DISABLED,
    OVERPRIVILEGED,
    POLICY_LIMIT,
    REQUEST_REPLAYED,
    SECRET_MISMATCH,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SESSION_TOKEN_MISSING,
    SOURCE_IP_NOT_ALLOWED,
    THROTTLED,
)
from shared.platform.keys.server_clock import ServerClock
from shared.platform.keys.signed_requests import Greeted
from shared.platform.product import Credentials
from shared.products.alibabacloud import (
    Acs3,
    AlibabacloudOptions,
    AlibabacloudSession,
    Call,
    authenticate,
    authorize,
    hello,
    identify,
)
from tests.shared.products.conversation import NOW, NOW_AS_HEADER, Platform, answer
from tests.shared.products.failing import failure_of

STS = Endpoint("sts.eu-central-1.aliyuncs.com", 443, "https")
KEYS = Credentials(SecretStr("YourAccessKeyId"), SecretStr("YourAccessKeySecret"))
IDENTITY = {
    "IdentityType": "RAMUser",
    "AccountId": "196813200012",
    "RequestId": "2C9BE469-4A35-44D5-9529-CAA280B11603",
    "PrincipalId": "216959339000",
    "UserId": "216959339000",
    "Arn": "acs:ram::196813200012:user/conncheck",
}


def error(status: int, code: str, message: str = "m", **more: object) -> HttpResponse:
    """Return a refusal as the gateway words it."""
    content = {"Code": code, "Message": message, "RequestId": "R", "HostId": "h", **more}
    return answer(status, content, date=NOW_AS_HEADER)


UNSIGNED = error(400, "MissingAccessKeyId")
HELLOS = (UNSIGNED,)
GREETED = Greeted(ServerClock(NOW, 0), UNSIGNED)
CALLER = answer(200, IDENTITY, date=NOW_AS_HEADER)
REGIONS = answer(200, {"RequestId": "R", "Regions": {"Region": [{"RegionId": "cn-hangzhou"}]}})


def signed_in(
    platform: Platform, keys: Credentials = KEYS, endpoint: Endpoint = STS, **options: Any
) -> Passed[AlibabacloudSession]:
    """Return what authenticate makes of a platform."""
    given = AlibabacloudOptions.model_validate(options)
    return platform.talk(authenticate(endpoint, given, GREETED, keys))


class TestSign:
    """What the gateway computes again."""

    def test_a_signature_is_that_of_the_vendors_documentation(self) -> None:
        """One byte off, and every key pair is told to be wrong."""
        parameters = {
            "ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
            "RegionId": "cn-shanghai",
        }
        call = Call("RunInstances", "2014-05-26", parameters)
        endpoint = Endpoint("ecs.cn-shanghai.aliyuncs.com", 443, "https")
        at = datetime(2023, 10, 26, 10, 22, 32, tzinfo=UTC)

        request = Acs3(KEYS, None).signed(endpoint, call, at, "3156853299f313e23d1673dc12e1703d")

        assert request.headers["Authorization"] == (
            "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
            "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,Signature="
            "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
        )
        assert request.presents_credentials

    def test_no_two_requests_have_one_nonce(self) -> None:
        """The gateway takes the second for a replay."""
        call = Call("GetCallerIdentity", "2015-04-01", {})
        nonces = {
            Acs3(KEYS, None).signed(STS, call, NOW).headers["x-acs-signature-nonce"]
            for _ in range(20)
        }

        assert len(nonces) == 20


class TestIdentify:
    """Is this Alibaba Cloud?"""

    def test_its_gateway_says_in_its_own_way_that_nobody_signed(self) -> None:
        """Nothing is signed for it."""
        passed = Platform().talk(identify(STS, UNSIGNED))

        assert hello(STS).path == "/?Action=GetCallerIdentity&Version=2015-04-01&Format=JSON"
        assert not hello(STS).presents_credentials
        assert passed.facts == {"clock_skew_s": 0}

    @pytest.mark.parametrize(
        ("greeting", "cause"),
        [
            (answer(200, "<html>Alibaba</html>"), HTML_NOT_API),
            (answer(502, ""), HTTP_502_504_GATEWAY),
            (answer(400, {"Code": "MissingAccessKeyId"}), HTTP_400_BAD_REQUEST),
            (error(404, "InvalidAction.NotFound"), WRONG_PRODUCT),
            (error(404, "InvalidVersion"), WRONG_PRODUCT),
        ],
    )
    def test_what_is_another_service_is_told_so(self, greeting: HttpResponse, cause: Cause) -> None:
        """Each service has a gateway of its own, and only STS says who signs."""
        flow = identify(STS, greeting)

        assert failure_of("alibabacloud", lambda: Platform().talk(flow)).cause is cause

    def test_a_clock_that_is_off_is_a_warning(self) -> None:
        """Here it is this service's own."""
        late = answer(400, UNSIGNED.body, date="Mon, 23 Nov 2026 17:33:52 GMT")

        assert Platform().talk(identify(STS, late)).warnings[0].cause is CLOCK_OFF


class TestAuthenticate:
    """Is the key pair right?"""

    def test_a_right_key_pair_is_one_signed_request(self) -> None:
        """GetCallerIdentity needs no permission, so it proves the key alone."""
        platform = Platform(CALLER)

        passed = signed_in(platform)

        (request,) = platform.asked
        assert (request.method, request.path) == ("POST", "/")
        assert request.headers["x-acs-action"] == "GetCallerIdentity"
        assert request.headers["x-acs-date"] == "2026-11-23T17:43:52Z"
        assert "host" not in request.headers
        assert passed.facts == {
            "principal": IDENTITY["Arn"],
            "account": "196813200012",
            "user": "conncheck",
            "user_id": "216959339000",
        }

    @pytest.mark.parametrize(
        ("status", "code", "cause"),
        [
            (404, "InvalidAccessKeyId.NotFound", ACCESS_KEY_NOT_FOUND),
            (400, "InvalidAccessKeyId.Inactive", KEY_DISABLED),
            (400, "SignatureDoesNotMatch", SECRET_MISMATCH),
            (403, "SignatureDoesNotMatch", SECRET_MISMATCH),
            (400, "InvalidTimeStamp.Expired", CLOCK_SKEW),
            (400, "InvalidTimeStamp.Format", CLOCK_SKEW),
            (400, "IllegalTimestamp", CLOCK_SKEW),
            (400, "SignatureNonceUsed", REQUEST_REPLAYED),
            (400, "InvalidSecurityToken.Expired", SESSION_TOKEN_EXPIRED),
            (400, "InvalidSecurityToken.Malformed", SESSION_TOKEN_INVALID),
            (400, "MissingSecurityToken", SESSION_TOKEN_MISSING),
            (400, "Throttling.User", THROTTLED),
            (404, "InvalidAccessKeyId", ACCESS_KEY_NOT_FOUND),
            (403, "Forbidden.AccessKeyDisabled", KEY_DISABLED),
            (403, "NoEnabledAccessKey", KEY_DISABLED),
            (403, "RealNameAuthenticationError", ACCOUNT_PROBLEM),
            (400, "IncompleteSignature", SECRET_MISMATCH),
            (403, "Forbidden.RAM", IDENTITY_CALL_DENIED),
            (403, "NoPermission", IDENTITY_CALL_DENIED),
            (403, "Forbidden.SomethingNew", SIGN_IN_FORBIDDEN),
            (400, "MissingAccessKeyId", HEADER_LOST),
            (500, "InternalError", HTTP_500),
        ],
    )
    def test_each_refusal_has_its_cause(self, status: int, code: str, cause: Cause) -> None:
        """The remedy for each of them is another one."""
        failed = failure_of("alibabacloud", lambda: signed_in(Platform(error(status, code))))

        assert failed.cause is cause

    @pytest.mark.parametrize(
        ("code", "message", "cause"),
        [
            ("InvalidParameter", '"SecurityToken.Expired" is not valid.', SESSION_TOKEN_EXPIRED),
            ("InvalidParameter", '"SecurityToken.Malformed" is invalid.', SESSION_TOKEN_INVALID),
            (
                "ascm.auth.InvalidParameter",
                "Details: [empty securityToken].",
                SESSION_TOKEN_MISSING,
            ),
            ("InvalidAccessKeyId.Inactive", "The service is not opened.", ACCOUNT_PROBLEM),
            ("InvalidAccessKeyId.Inactive", "The access key is disabled.", KEY_DISABLED),
            ("Forbidden.Policy", "The source IP is not allowed.", SOURCE_IP_NOT_ALLOWED),
            ("MissingParameter", '"AccessKeyId" that is mandatory is not supplied.', HEADER_LOST),
            ("MissingParameter", '"Version" that is mandatory is not supplied.', CALL_REJECTED),
        ],
    )
    def test_a_message_says_what_its_code_leaves_open(
        self, code: str, message: str, cause: Cause
    ) -> None:
        """Private clouds have codes of their own."""
        reply = error(400, code, message)

        failed = failure_of("alibabacloud", lambda: signed_in(Platform(reply)))

        assert failed.cause is cause

    def test_the_answer_to_an_unsigned_request_means_a_lost_signature(self) -> None:
        """A proxy that has a sign-in of its own often takes the header Authorization away."""
        unsigned = answer(401, {"code": "NeedsKey", "message": "sign in first", "requestId": "1"})
        signed = answer(401, {"code": "NeedsKey", "message": "sign in first", "requestId": "2"})
        greeted = Greeted(ServerClock(NOW, 0), unsigned)
        flow = authenticate(STS, AlibabacloudOptions(), greeted, KEYS)

        assert Platform(signed).failure(flow).cause is HEADER_LOST

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (answer(403, "denied by proxy"), SIGN_IN_FORBIDDEN),
            (answer(200, {}), SCHEMA_UNEXPECTED),
            (answer(200, "<html/>"), HTML_NOT_API),
            (answer(200, {**IDENTITY, "Arn": "<b>"}), SCHEMA_UNEXPECTED),
            (answer(200, {**IDENTITY, "AccountId": 5}), SCHEMA_UNEXPECTED),
            (answer(400, {"Code": "a\nb"}), CALL_REJECTED),
        ],
    )
    def test_an_answer_that_is_not_the_gateways_judges_nothing(
        self, reply: HttpResponse, cause: Cause
    ) -> None:
        """A proxy's 403 says nothing of the key."""
        assert failure_of("alibabacloud", lambda: signed_in(Platform(reply))).cause is cause

    def test_the_accounts_own_key_is_a_warning(self) -> None:
        """Whoever has it owns the account."""
        root = answer(200, {**IDENTITY, "IdentityType": "Account", "Arn": "acs:ram::1968:root"})

        (warning,) = signed_in(Platform(root)).warnings

        assert warning.cause is OVERPRIVILEGED

    def test_a_temporary_key_goes_with_its_token_or_not_at_all(self) -> None:
        """Without it the gateway's refusal is certain."""
        keys = Credentials(SecretStr("STS.NUgY"), SecretStr("s3cret"))
        platform = Platform(CALLER)

        failed = failure_of("alibabacloud", lambda: signed_in(platform, keys))
        assert failed.cause is SESSION_TOKEN_MISSING
        assert platform.asked == []

        signed_in(platform, keys, session_token=SecretStr("CAIS"))
        assert platform.asked[0].headers["x-acs-security-token"] == "CAIS"
        assert "x-acs-security-token" in platform.asked[0].headers["Authorization"]


class TestAuthorize:
    """May it read?"""

    @staticmethod
    def told(
        reply: HttpResponse, endpoint: Endpoint = STS, **options: Any
    ) -> tuple[Platform, Passed[None]]:
        """Return what is asked, and what comes of it."""
        session = signed_in(Platform(CALLER), endpoint=endpoint, **options).value
        platform = Platform(reply)
        return platform, platform.talk(authorize(endpoint, session))

    @pytest.mark.parametrize(
        ("host", "region", "ecs"),
        [
            ("sts.eu-central-1.aliyuncs.com", None, "ecs.eu-central-1.aliyuncs.com"),
            ("sts.aliyuncs.com", None, "ecs.cn-hangzhou.aliyuncs.com"),
            ("sts.aliyuncs.com", "cn-beijing", "ecs.cn-beijing.aliyuncs.com"),
            ("sts-vpc.cn-beijing.aliyuncs.com", None, "ecs.cn-beijing.aliyuncs.com"),
        ],
    )
    def test_ecs_is_asked_in_the_same_region(self, host: str, region: str | None, ecs: str) -> None:
        """It is what a management platform works with."""
        options = {"region": region} if region else {}
        there = Endpoint(host, 443, "https")
        platform, passed = self.told(REGIONS, there, **options)

        assert platform.asked[0].at == Endpoint(ecs, 443, "https")
        assert platform.asked[0].headers["x-acs-version"] == "2014-05-26"
        assert passed.facts["have"] == ("ecs:DescribeRegions",)

    def test_a_private_gateway_is_asked_where_it_is(self) -> None:
        """Apsara Stack has other names, which nobody can guess from one of them."""
        platform, _ = self.told(REGIONS, Endpoint("sts.cloud.example.com", 443, "https"))

        assert platform.asked[0].at is None

    def test_a_key_without_rights_is_right_all_the_same(self) -> None:
        """The remedy is a policy, not another key."""
        failed = failure_of("alibabacloud", lambda: self.told(error(403, "Forbidden.RAM")))

        assert failed.cause is DENIED
        assert failed.finding.facts["api"] == "ecs:DescribeRegions"

    @pytest.mark.parametrize(
        ("code", "detail", "cause"),
        [
            ("NoPermission", {"PolicyType": "ControlPolicy"}, POLICY_LIMIT),
            ("NoPermission", {"NoPermissionType": "ExplicitDeny"}, EXPLICIT_DENY),
            ("NoPermission", {"PolicyType": "AccountLevelIdentityBasedPolicy"}, DENIED),
            ("NoPermission", "text", DENIED),
            ("Throttling.User", {}, THROTTLED),
            ("SignatureDoesNotMatch", {}, CALL_REFUSED),
            ("Forbidden.SomethingNew", {}, CALL_REFUSED),
        ],
    )
    def test_a_read_that_is_refused_says_nothing_against_the_key(
        self, code: str, detail: object, cause: Cause
    ) -> None:
        """It has been accepted; a policy above its owner's has another administrator."""
        reply = error(403, code, AccessDeniedDetail=detail)

        assert failure_of("alibabacloud", lambda: self.told(reply)).cause is cause
