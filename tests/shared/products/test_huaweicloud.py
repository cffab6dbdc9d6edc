import pytest
from pydantic import SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import HTTP_502_504_GATEWAY
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    WRONG_PRODUCT,
)
from shared.platform.answers.unexplained import REFUSED_LATER, SIGN_IN_FORBIDDEN, SIGN_IN_REFUSED
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import (
    ACCOUNT_LOCKED,
    ACCOUNT_PROBLEM,
    CLOCK_OFF,
    CLOCK_SKEW,
    DENIED,
    EXPLICIT_DENY,
    HEADER_LOST,
    IDENTITY_CALL_DENIED,
    KEY_DISABLED,
    POLICY_LIMIT,
    SECRET_MISMATCH,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SIGNATURE_MISMATCH,
    SOURCE_IP_NOT_ALLOWED,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.keys.server_clock import ServerClock
from shared.platform.keys.signed_requests import Greeted
from shared.platform.product import Credentials
from shared.products import PRODUCTS
from shared.products.huaweicloud import (
    KEY_OF_OTHER_KIND,
    HuaweicloudOptions,
    HuaweicloudSession,
    ask_identity,
    authenticate,
    authorize,
    hello,
    identify,
    sign,
)
from tests.shared.products.conversation import NOW, NOW_AS_HEADER, Platform, answer
from tests.shared.products.failing import failure_of

STS = Endpoint("sts.cn-north-4.myhuaweicloud.com", 443, "https")
IAM = Endpoint("iam.cn-north-4.myhuaweicloud.com", 443, "https")
# The pair of the vendor's developer guide.
SECRET = "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc"
KEYS = Credentials(SecretStr("QTWAOYTTINDUT2QVKYUC"), SecretStr(SECRET))
CALLER = answer(
    200,
    {
        "account_id": "0a3b5c7d9e",
        "principal_urn": "iam::0a3b5c7d9e:user:conncheck",
        "principal_id": "f1e2",
    },
    date=NOW_AS_HEADER,
)
PROJECTS = answer(
    200, {"projects": [{"id": "p", "name": "cn-north-4", "domain_id": "0a3b5c7d9e"}], "links": {}}
)
INCORRECT = "Incorrect IAM authentication information: "


def error(status: int, code: str, message: str = "") -> HttpResponse:
    """Return a refusal as the gateway words it."""
    content = {"error_msg": message, "error_code": code, "request_id": "R"}
    return answer(status, content, date=NOW_AS_HEADER)


UNSIGNED = error(401, "APIGW.0301", INCORRECT + "Authorization header is missing")
HELLOS = (UNSIGNED,)
GREETED = Greeted(ServerClock(NOW, 0), UNSIGNED)


def signed_in(
    platform: Platform, endpoint: Endpoint = STS, token: str | None = None
) -> Passed[HuaweicloudSession]:
    """Return what authenticate makes of a platform."""
    options = HuaweicloudOptions(session_token=SecretStr(token) if token else None)
    return platform.talk(authenticate(endpoint, options, GREETED, KEYS))


class TestSign:
    """What the gateway computes again."""

    def test_a_signature_is_that_of_the_vendors_documentation(self) -> None:
        """One byte off, and every key pair is told to be wrong, and locked after five times."""
        headers = {
            "content-type": "application/json",
            "host": "service.region.example.com",
            "x-sdk-date": "20191115T033655Z",
        }
        query = "limit=2&marker=13551d6b-755d-4757-b956-536f674975c0"
        path = "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs/"

        signature = "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"
        assert sign(SECRET, path, query, headers) == signature
        assert sign(SECRET, path.removesuffix("/"), query, headers) == signature


class TestIdentify:
    """Is this Huawei Cloud?"""

    def test_its_gateway_says_in_its_own_way_that_nobody_signed(self) -> None:
        """Nothing is signed for it."""
        passed = Platform().talk(identify(STS, UNSIGNED))

        assert hello(STS).path == "/v5/caller-identity"
        assert hello(IAM).path == "/v3/projects"
        assert not hello(STS).presents_credentials
        assert passed.facts == {"clock_skew_s": 0}

    @pytest.mark.parametrize(
        ("greeting", "cause"),
        [
            (answer(200, "<html>Huawei</html>"), HTML_NOT_API),
            (answer(502, ""), HTTP_502_504_GATEWAY),
            (answer(401, {"error_code": "SOME.0301"}), WRONG_PRODUCT),
            (error(404, "APIGW.0101", "The API does not exist"), WRONG_PRODUCT),
        ],
    )
    def test_what_is_another_service_is_told_so(self, greeting: HttpResponse, cause: Cause) -> None:
        """The gateways of all services look alike, and only two of them tell what is needed."""
        flow = identify(STS, greeting)

        assert failure_of("huaweicloud", lambda: Platform().talk(flow)).cause is cause

    def test_iam_is_known_by_its_trace(self) -> None:
        """It answers strangers in the words of OpenStack's Keystone."""
        keystone = {"error": {"code": 401, "title": "Unauthorized", "message": "m"}}
        greeting = answer(401, keystone, x_iam_trace_id="token_cn-north-4_null_1")

        assert Platform().talk(identify(IAM, greeting)).value.clock.now == NOW

    def test_a_clock_that_is_off_is_a_warning(self) -> None:
        """Here it is this service's own."""
        late = answer(401, UNSIGNED.body, date="Mon, 23 Nov 2026 17:33:52 GMT")

        assert Platform().talk(identify(STS, late)).warnings[0].cause is CLOCK_OFF


class TestAuthenticate:
    """Is the key pair right?"""

    def test_a_right_key_pair_is_one_signed_request(self) -> None:
        """Who calls may be asked without any permission, so it proves the key alone."""
        platform = Platform(CALLER)

        passed = signed_in(platform)

        (request,) = platform.asked
        headers = {"host": STS.host, "x-sdk-date": "20261123T174352Z"}
        expected = sign(SECRET, "/v5/caller-identity", "", headers)
        assert (request.method, request.path) == ("GET", "/v5/caller-identity")
        assert request.headers == {
            "X-Sdk-Date": "20261123T174352Z",
            "Authorization": "SDK-HMAC-SHA256 Access=QTWAOYTTINDUT2QVKYUC, "
            f"SignedHeaders=host;x-sdk-date, Signature={expected}",
        }
        assert request.presents_credentials
        assert passed.facts == {
            "principal": "iam::0a3b5c7d9e:user:conncheck",
            "account": "0a3b5c7d9e",
            "user": "conncheck",
            "user_id": "f1e2",
        }

    @pytest.mark.parametrize(
        ("status", "code", "message", "cause"),
        [
            (
                401,
                "APIGW.0301",
                "verify aksk signature fail,canonicalRequest:GET|",
                SECRET_MISMATCH,
            ),
            (401, "APIG.0301", "verify aksk signature fail", SECRET_MISMATCH),
            (401, "APIGW.0301", "Get secretKey failed,ak:QTWA", UNKNOWN_ACCESS_KEY),
            (401, "APIGW.0301", "AK access failed to reach the limit,forbidden", ACCOUNT_LOCKED),
            (401, "APIGW.0301", "calc ak sk signature fail:signature expired", CLOCK_SKEW),
            (401, "APIGW.0301", "decrypt token fail", SESSION_TOKEN_INVALID),
            (401, "APIGW.0301", "something new", SIGN_IN_REFUSED),
            (401, "APIGW.0303", "Incorrect app authentication information", KEY_OF_OTHER_KIND),
            (401, "APIGW.0301", "ak LTAI5tDvssj9 not exist", UNKNOWN_ACCESS_KEY),
            (401, "APIGW.0301", "the access key X is inactive", KEY_DISABLED),
            (401, "APIGW.0301", "token expires, expires_at: 2026", SESSION_TOKEN_EXPIRED),
            (401, "APIG.0307", "The token must be updated.", SESSION_TOKEN_EXPIRED),
            (401, "APIGW.0301", "Authorization header is missing", HEADER_LOST),
            (403, "APIG.0310", "The project is unavailable.", ACCOUNT_PROBLEM),
            (403, "APIG.0306", "API access denied: source IP", SOURCE_IP_NOT_ALLOWED),
            (403, "PAP5.0012", "", IDENTITY_CALL_DENIED),
            (403, "IAM.0003", "Policy doesn't allow", IDENTITY_CALL_DENIED),
            (403, "STS5.0003", "explicit deny in a service control policy", EXPLICIT_DENY),
            (429, "APIGW.0308", "The throttling threshold has been reached", THROTTLED),
            (403, "APIGW.0302", "not allowed to call", SIGN_IN_FORBIDDEN),
            (500, "APIGW.0201", "", HTTP_500),
        ],
    )
    def test_each_refusal_has_its_cause(
        self, status: int, code: str, message: str, cause: Cause
    ) -> None:
        """One code stands for six reasons; each has another remedy."""
        reply = error(status, code, f"{INCORRECT}{message}")

        assert failure_of("huaweicloud", lambda: signed_in(Platform(reply))).cause is cause

    def test_a_gateway_that_repeats_another_host_has_got_a_changed_request(self) -> None:
        """It shows the request that it computed the signature of."""
        seen = "GET|/v5/caller-identity/||host:iam-internal|x-sdk-date:20261123T174352Z||host|e3b0"
        reply = error(401, "APIGW.0301", f"verify aksk signature fail,canonicalRequest:{seen}")

        failed = failure_of("huaweicloud", lambda: signed_in(Platform(reply)))

        assert failed.cause is SIGNATURE_MISMATCH
        assert failed.finding.facts["seen_host"] == "iam-internal"

    def test_a_locked_key_is_told_with_the_time_that_it_lasts(self) -> None:
        """Another attempt would begin it anew."""
        reply = error(401, "APIGW.0301", "AK access failed to reach the limit,forbidden")

        failed = failure_of("huaweicloud", lambda: signed_in(Platform(reply)))

        assert failed.finding.facts["locked_min"] == 5

    def test_the_key_is_spared_before_it_is_locked(self) -> None:
        """More than five failures in a row lock it for everybody."""
        attempts = PRODUCTS["huaweicloud"].sign_in_attempts

        assert attempts is not None
        assert attempts < 5

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (answer(401, "denied by proxy"), SIGN_IN_REFUSED),
            (answer(403, "denied by proxy"), SIGN_IN_FORBIDDEN),
            (answer(403, {"error": "the access key is disabled"}), SIGN_IN_FORBIDDEN),
            (answer(200, "<html/>"), HTML_NOT_API),
            (answer(200, []), SCHEMA_UNEXPECTED),
            (answer(200, {"account_id": "a"}), SCHEMA_UNEXPECTED),
            (answer(200, {"account_id": "a", "principal_urn": "<b>"}), SCHEMA_UNEXPECTED),
        ],
    )
    def test_an_answer_that_is_not_the_gateways_judges_nothing(
        self, reply: HttpResponse, cause: Cause
    ) -> None:
        """A proxy's 401 says nothing of the key."""
        assert failure_of("huaweicloud", lambda: signed_in(Platform(reply))).cause is cause

    def test_a_token_goes_along(self) -> None:
        """A temporary key is nothing without it."""
        platform = Platform(CALLER)

        signed_in(platform, token="gQpjbi1ub3J0aC00")

        assert platform.asked[0].headers["X-Security-Token"] == "gQpjbi1ub3J0aC00"


class TestIdentity:
    """Whose key pair is it?"""

    @pytest.mark.parametrize(
        ("projects", "told"),
        [
            (PROJECTS, {"account": "0a3b5c7d9e"}),
            (answer(200, {"projects": []}), {}),
            (answer(200, {"projects": ["p"]}), {}),
            (error(403, "PAP5.0012", "Policy doesn't allow"), {}),
        ],
    )
    def test_an_endpoint_of_iam_tells_the_account_with_its_projects(
        self, projects: HttpResponse, told: Facts
    ) -> None:
        """It has no call that says who the caller is."""
        session = signed_in(Platform(projects), IAM).value

        assert Platform().talk(ask_identity(IAM, session)) == told


class TestAuthorize:
    """May it read?"""

    @staticmethod
    def told(reply: HttpResponse, endpoint: Endpoint = STS) -> tuple[Platform, Passed[None]]:
        """Return what is asked, and what comes of it."""
        session = signed_in(Platform(CALLER), endpoint).value
        platform = Platform(reply)
        return platform, platform.talk(authorize(endpoint, session))

    def test_iam_is_asked_in_the_same_region(self) -> None:
        """Whoever manages a cloud begins with its projects."""
        platform, passed = self.told(PROJECTS)

        assert platform.asked[0].at == IAM
        assert platform.asked[0].path == "/v3/projects"
        assert passed.facts == {
            "projects": 1,
            "have": ("iam:projects:listProjects",),
            "lack": (),
        }

    @pytest.mark.parametrize("host", ["sts.cloud.example.com", "sts.notmyhuaweicloud.com"])
    def test_a_private_cloud_is_asked_where_it_is(self, host: str) -> None:
        """Huawei Cloud Stack has other names, which nobody can guess from one of them."""
        platform, _ = self.told(PROJECTS, Endpoint(host, 443, "https"))

        assert platform.asked[0].at is None

    def test_an_endpoint_of_iam_has_told_with_the_one_request(self) -> None:
        """Each further request would only be a second sign-in."""
        session = signed_in(Platform(PROJECTS), IAM).value

        passed = Platform().talk(authorize(IAM, session))

        assert passed.facts["projects"] == 1

    @pytest.mark.parametrize("endpoint", [STS, IAM])
    def test_a_key_without_rights_is_right_all_the_same(self, endpoint: Endpoint) -> None:
        """The remedy is a policy, not another key."""
        denied = error(403, "PAP5.0012", "Policy doesn't allow iam:projects:listProjects")

        def told() -> None:
            first = denied if endpoint is IAM else CALLER
            session = signed_in(Platform(first), endpoint).value
            Platform(denied).talk(authorize(endpoint, session))

        assert failure_of("huaweicloud", told).cause is DENIED

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (answer(403, {"error": {"code": 403, "message": "not authorized"}}), DENIED),
            (error(403, "PAP5.1", "because no service control policy allows"), POLICY_LIMIT),
            (error(429, "APIGW.0308"), THROTTLED),
            (error(401, "APIGW.0301", "verify aksk signature fail"), REFUSED_LATER),
        ],
    )
    def test_a_read_that_is_refused_says_nothing_against_the_key(
        self, reply: HttpResponse, cause: Cause
    ) -> None:
        """It has been accepted a moment before."""
        assert failure_of("huaweicloud", lambda: self.told(reply)).cause is cause

    @pytest.mark.parametrize("reply", [answer(200, {"projects": "none"}), answer(200, {"a": 1})])
    def test_an_answer_without_projects_is_unexpected(self, reply: HttpResponse) -> None:
        """It is some other program's."""
        assert failure_of("huaweicloud", lambda: self.told(reply)).cause is SCHEMA_UNEXPECTED
