import pytest
from pydantic import SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Passed
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import HTTP_502_504_GATEWAY
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    WRONG_PRODUCT,
)
from shared.platform.answers.unexplained import (
    CALL_REFUSED,
    CALL_REJECTED,
    SIGN_IN_FORBIDDEN,
    SIGN_IN_REFUSED,
)
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    CLOCK_OFF,
    CLOCK_SKEW,
    DENIED,
    HEADER_LOST,
    IDENTITY_CALL_DENIED,
    MFA_OR_SSO_REQUIRED,
    OVERPRIVILEGED,
    REGION_INVALID,
    SECRET_MISMATCH,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SOURCE_IP_NOT_ALLOWED,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.keys.server_clock import ServerClock
from shared.platform.keys.signed_requests import Greeted
from shared.platform.product import Credentials
from shared.products.tencentcloud import (
    TencentcloudOptions,
    TencentcloudSession,
    authenticate,
    authorize,
    hello,
    identify,
    sign,
)
from tests.shared.products.conversation import NOW, NOW_AS_HEADER, Platform, answer
from tests.shared.products.failing import failure_of

STS = Endpoint("sts.tencentcloudapi.com", 443, "https")
KEYS = Credentials(SecretStr("AKIDz8krbsJ5yKBZQpn74WFkmLPx3"), SecretStr("Gu5t9xGARNpq86cd98joQ"))
IDENTITY = {
    "AccountId": "1000001859",
    "Arn": "qcs::cam::uin/1000001859:uin/1000262359",
    "PrincipalId": "1000262359",
    "Type": "CAMUser",
    "UserId": "1000262359",
    "RequestId": "9e8dd3dc",
}
# The example of cloud.tencent.com, "Signature v3"; its escapes are part of the body.
BODY = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
HOST_AND_TYPE = {
    "content-type": "application/json; charset=utf-8",
    "host": "cvm.tencentcloudapi.com",
}


def error(code: str, message: str = "m") -> HttpResponse:
    """Return a refusal as the gateway words it, with status 200."""
    content = {"Response": {"Error": {"Code": code, "Message": message}, "RequestId": "R"}}
    return answer(200, content, date=NOW_AS_HEADER)


UNSIGNED = error("MissingParameter")
HELLOS = (UNSIGNED,)
GREETED = Greeted(ServerClock(NOW, 0), UNSIGNED)
CALLER = answer(200, {"Response": IDENTITY}, date=NOW_AS_HEADER)
ZONES = answer(200, {"Response": {"TotalCount": 7, "ZoneSet": [], "RequestId": "R"}})


def signed_in(
    platform: Platform, endpoint: Endpoint = STS, **options: SecretStr | str
) -> Passed[TencentcloudSession]:
    """Return what authenticate makes of a platform."""
    given = TencentcloudOptions.model_validate(options)
    return platform.talk(authenticate(endpoint, given, GREETED, KEYS))


class TestSign:
    """What the gateway computes again."""

    def test_a_signature_is_that_of_the_vendors_documentation(self) -> None:
        """One byte off, and every key pair is told to be wrong."""
        signature = sign("Gu5t9xGARNpq86cd98joQYCN3EXAMPLE", "cvm", 1551113065, HOST_AND_TYPE, BODY)

        assert signature == "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"

    def test_a_signature_over_the_action_is_that_of_the_documentation(self) -> None:
        """The action is signed in lower case, and sent as it is."""
        headers = {**HOST_AND_TYPE, "x-tc-action": "describeinstances"}

        signature = sign("Gu5t9xGARNpq86cd98joQYCN3*******", "cvm", 1551113065, headers, BODY)

        assert signature == "be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3"


class TestIdentify:
    """Is this Tencent Cloud?"""

    def test_its_gateway_says_in_its_own_way_what_is_missing(self) -> None:
        """Nothing is signed for it."""
        passed = Platform().talk(identify(STS, UNSIGNED))

        assert not hello(STS).presents_credentials
        assert passed.facts == {"clock_skew_s": 0}

    @pytest.mark.parametrize(
        ("greeting", "cause"),
        [
            (answer(200, "<html>Tencent</html>"), HTML_NOT_API),
            (answer(502, ""), HTTP_502_504_GATEWAY),
            (answer(200, {"Response": {}}), WRONG_PRODUCT),
            (answer(200, {"Response": "RequestId"}), WRONG_PRODUCT),
        ],
    )
    def test_what_is_no_tencent_cloud_is_told_for_what_it_is(
        self, greeting: HttpResponse, cause: Cause
    ) -> None:
        """Nothing signed goes there."""
        flow = identify(STS, greeting)

        assert failure_of("tencentcloud", lambda: Platform().talk(flow)).cause is cause

    def test_a_clock_that_is_off_is_a_warning(self) -> None:
        """Here it is this service's own; five minutes are allowed."""
        late = answer(200, UNSIGNED.body, date="Mon, 23 Nov 2026 17:40:52 GMT")

        (warning,) = Platform().talk(identify(STS, late)).warnings

        assert warning.cause is CLOCK_OFF
        assert warning.facts["allowed_s"] == 300


class TestAuthenticate:
    """Is the key pair right?"""

    def test_a_right_key_pair_is_one_signed_request(self) -> None:
        """GetCallerIdentity needs no permission, so it proves the key alone."""
        platform = Platform(CALLER)

        passed = signed_in(platform)

        (request,) = platform.asked
        headers = {"content-type": "application/json; charset=utf-8", "host": STS.host}
        headers["x-tc-action"] = "getcalleridentity"
        secret = KEYS.secret_key.get_secret_value()
        expected = sign(secret, "sts", int(NOW.timestamp()), headers, b"{}")
        assert (request.method, request.path, request.body) == ("POST", "/", b"{}")
        assert request.headers["X-TC-Action"] == "GetCallerIdentity"
        assert request.headers["X-TC-Timestamp"] == str(int(NOW.timestamp()))
        assert request.headers["Authorization"].endswith(f"Signature={expected}")
        assert "/2026-11-23/sts/tc3_request" in request.headers["Authorization"]
        assert request.presents_credentials
        assert passed.facts == {
            "region": "ap-guangzhou",
            "principal": IDENTITY["Arn"],
            "account": "1000001859",
            "user_id": "1000262359",
            "principal_id": "1000262359",
        }

    @pytest.mark.parametrize(
        ("host", "region", "expected"),
        [
            ("sts.tencentcloudapi.com", None, "ap-guangzhou"),
            ("sts.ap-shanghai.tencentcloudapi.com", None, "ap-shanghai"),
            ("sts.intl.tencentcloudapi.com", None, "ap-guangzhou"),
            ("sts.tencentcloudapi.com", "eu-frankfurt", "eu-frankfurt"),
        ],
    )
    def test_the_region_is_the_callers_the_names_or_the_usual_one(
        self, host: str, region: str | None, expected: str
    ) -> None:
        """The gateway wants one even where it makes no difference."""
        platform, options = Platform(CALLER), {"region": region} if region else {}

        signed_in(platform, Endpoint(host, 443, "https"), **options)

        assert platform.asked[0].headers["X-TC-Region"] == expected

    @pytest.mark.parametrize(
        ("code", "cause"),
        [
            ("AuthFailure.SecretIdNotFound", UNKNOWN_ACCESS_KEY),
            ("AuthFailure.SignatureFailure", SECRET_MISMATCH),
            ("AuthFailure.SignatureExpire", CLOCK_SKEW),
            ("AuthFailure.TokenFailure", SESSION_TOKEN_INVALID),
            ("AuthFailure.InvalidSecretId", ACCESS_KEY_MALFORMED),
            ("AuthFailure.MFAFailure", MFA_OR_SSO_REQUIRED),
            ("AuthFailure.UnauthorizedOperation", IDENTITY_CALL_DENIED),
            ("UnauthorizedOperation", IDENTITY_CALL_DENIED),
            ("UnauthorizedOperation.CamNoAuth", IDENTITY_CALL_DENIED),
            ("UnauthorizedOperation.MFAExpired", MFA_OR_SSO_REQUIRED),
            ("IpNotInWhitelist", SOURCE_IP_NOT_ALLOWED),
            ("IpInBlacklist", SOURCE_IP_NOT_ALLOWED),
            ("MissingParameter", HEADER_LOST),
            ("RequestLimitExceeded", THROTTLED),
            ("RequestLimitExceeded.UinLimitExceeded", THROTTLED),
            ("UnsupportedRegion", REGION_INVALID),
            ("AuthFailure.InvalidAuthorization", SIGN_IN_REFUSED),
            ("AuthFailure.SomethingNew", SIGN_IN_REFUSED),
            ("SecretIdNotFound", CALL_REJECTED),
            ("InternalError", HTTP_500),
        ],
    )
    def test_each_refusal_has_its_cause_though_the_status_is_200(
        self, code: str, cause: Cause
    ) -> None:
        """Whoever looks at the status takes each of them for a success."""
        failed = failure_of("tencentcloud", lambda: signed_in(Platform(error(code))))

        assert failed.cause is cause

    @pytest.mark.parametrize(
        ("message", "cause"),
        [
            ("The token has expired.", SESSION_TOKEN_EXPIRED),
            ("token error", SESSION_TOKEN_INVALID),
        ],
    )
    def test_a_message_says_what_its_code_leaves_open(self, message: str, cause: Cause) -> None:
        """One code is for all faults of a token."""
        reply = error("AuthFailure.TokenFailure", message)

        assert failure_of("tencentcloud", lambda: signed_in(Platform(reply))).cause is cause

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (answer(403, "denied by proxy"), SIGN_IN_FORBIDDEN),
            (answer(200, "<html/>"), HTML_NOT_API),
            (answer(200, {"Response": {}}), SCHEMA_UNEXPECTED),
            (answer(200, {"Response": {"Error": "x", "RequestId": "R"}}), SCHEMA_UNEXPECTED),
            (answer(200, {"Response": {"Error": {"Code": "a\nb"}}}), SCHEMA_UNEXPECTED),
            (answer(200, {"Response": {**IDENTITY, "Arn": "<b>"}}), SCHEMA_UNEXPECTED),
        ],
    )
    def test_an_answer_that_is_not_the_gateways_judges_nothing(
        self, reply: HttpResponse, cause: Cause
    ) -> None:
        """A proxy's 403 says nothing of the key."""
        assert failure_of("tencentcloud", lambda: signed_in(Platform(reply))).cause is cause

    def test_the_root_accounts_key_is_a_warning(self) -> None:
        """Whoever has it owns the account."""
        arn = "qcs::cam::uin/1000001859:root"
        root = answer(200, {"Response": {**IDENTITY, "Arn": arn, "Type": "RootAccount"}})

        assert signed_in(Platform(root)).warnings[0].cause is OVERPRIVILEGED

    def test_a_token_goes_along(self) -> None:
        """A temporary key is nothing without it."""
        platform = Platform(CALLER)

        signed_in(platform, session_token=SecretStr("4NbZ"))

        assert platform.asked[0].headers["X-TC-Token"] == "4NbZ"


class TestAuthorize:
    """May it read?"""

    @staticmethod
    def told(reply: HttpResponse, endpoint: Endpoint = STS) -> tuple[Platform, Passed[None]]:
        """Return what is asked, and what comes of it."""
        session = signed_in(Platform(CALLER), endpoint).value
        platform = Platform(reply)
        return platform, platform.talk(authorize(endpoint, session))

    @pytest.mark.parametrize(
        ("host", "cvm"),
        [
            ("sts.tencentcloudapi.com", "cvm.tencentcloudapi.com"),
            ("sts.ap-shanghai.tencentcloudapi.com", "cvm.tencentcloudapi.com"),
            ("sts.intl.tencentcloudapi.com", "cvm.intl.tencentcloudapi.com"),
        ],
    )
    def test_cvm_is_asked_on_the_same_site(self, host: str, cvm: str) -> None:
        """A key of the international site is unknown on the Chinese one."""
        platform, passed = self.told(ZONES, Endpoint(host, 443, "https"))

        assert platform.asked[0].at == Endpoint(cvm, 443, "https")
        assert platform.asked[0].headers["X-TC-Action"] == "DescribeZones"
        assert passed.facts == {"zones": 7, "have": ("cvm:DescribeZones",), "lack": ()}

    def test_a_private_gateway_is_asked_where_it_is(self) -> None:
        """TCE has other names, which nobody can guess from one of them."""
        platform, _ = self.told(ZONES, Endpoint("api3.cloud.example.com", 443, "https"))

        assert platform.asked[0].at is None

    def test_a_key_without_rights_is_right_all_the_same(self) -> None:
        """The remedy is a policy, not another key."""
        failed = failure_of("tencentcloud", lambda: self.told(error("UnauthorizedOperation")))

        assert failed.cause is DENIED

    @pytest.mark.parametrize(
        ("code", "cause"),
        [
            ("AuthFailure.UnauthorizedOperation", DENIED),
            ("UnauthorizedOperation.MFANotFound", MFA_OR_SSO_REQUIRED),
            ("RequestLimitExceeded", THROTTLED),
            ("AuthFailure.SecretIdNotFound", CALL_REFUSED),
            ("InternalError.Db", HTTP_500),
        ],
    )
    def test_a_read_that_is_refused_says_nothing_against_the_key(
        self, code: str, cause: Cause
    ) -> None:
        """It has been accepted a moment before."""
        assert failure_of("tencentcloud", lambda: self.told(error(code))).cause is cause
