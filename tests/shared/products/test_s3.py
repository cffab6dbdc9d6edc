from dataclasses import replace

import pytest
from pydantic import SecretStr, ValidationError

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import HTTP_503_UNAVAILABLE
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_400_BAD_REQUEST,
    HTTP_403_FORBIDDEN,
    HTTP_404_BASE_PATH,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    WRONG_PORT_ROLE,
    WRONG_PRODUCT,
)
from shared.platform.answers.redirects import REDIRECT_TO_LOGIN
from shared.platform.answers.unexplained import SIGN_IN_FORBIDDEN
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    CLOCK_OFF,
    CLOCK_SKEW,
    DENIED,
    KEY_DISABLED,
    REGION_INVALID,
    SECRET_MISMATCH,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SESSION_TOKEN_MISSING,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.keys.server_clock import ServerClock
from shared.platform.product import Credentials
from shared.products.s3 import (
    BUCKET_ELSEWHERE,
    BUCKET_NOT_FOUND,
    S3Identity,
    S3Options,
    S3Session,
    ask_identity,
    authenticate,
    authorize,
    hello,
    identify,
)
from shared.products.s3.refusals import STORAGE_NOT_READY, Refusal
from tests.shared.products.conversation import NOW, NOW_AS_HEADER, Platform, answer, silent
from tests.shared.products.failing import failure_of

STORE = Endpoint("store.example.com", 9000, "http")
KEYS = Credentials(SecretStr("minioadmin"), SecretStr("minio-secret"))
STRANGER = Refusal(403, "AccessDenied", "Anonymous access is forbidden.")
IDENTITY = S3Identity("S3", ServerClock(NOW, 0), STRANGER)
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
RGW_ID = "tx000001b5-0065f1-10d8-default"
LISTED = answer(
    200,
    f"<ListAllMyBucketsResult {NAMESPACE}><Buckets><Bucket><Name>a</Name></Bucket>"
    "<Bucket><Name>b</Name></Bucket></Buckets></ListAllMyBucketsResult>",
    date=NOW_AS_HEADER,
)
OBJECTS = answer(200, f"<ListBucketResult {NAMESPACE}><KeyCount>1</KeyCount></ListBucketResult>")


def error(status: int, code: str, more: str = "", **headers: str) -> HttpResponse:
    """Return a refusal as S3 words it."""
    body = (
        f"<Error><Code>{code}</Code><Message></Message>{more}"
        "<RequestId>R</RequestId><HostId>H</HostId></Error>"
    )
    return answer(status, body, date=NOW_AS_HEADER, **headers)


AZURES = "<Error><Code>AuthenticationFailed</Code><Message>m</Message></Error>"
MINIO = error(403, "AccessDenied", server="MinIO")
AWS = error(403, "AccessDenied", server="AmazonS3")
RGW = answer(
    200,
    f"<ListAllMyBucketsResult {NAMESPACE}><Owner><ID>anonymous</ID></Owner><Buckets/>"
    "</ListAllMyBucketsResult>",
    x_amz_request_id=RGW_ID,
)
ALIVE = answer(200, b"")
HELLOS = (MINIO, AWS, RGW)


def identified(greeting: HttpResponse, *more: HttpResponse) -> tuple[Platform, Passed[S3Identity]]:
    """Return what identify asks and finds out."""
    platform = Platform(*more)
    return platform, platform.talk(identify(STORE, greeting))


def signed_in(
    platform: Platform,
    options: S3Options | None = None,
    identity: S3Identity = IDENTITY,
    endpoint: Endpoint = STORE,
    keys: Credentials = KEYS,
) -> Passed[S3Session]:
    """Return what authenticate makes of a platform."""
    return platform.talk(authenticate(endpoint, options or S3Options(), identity, keys))


class TestIdentify:
    """Whose S3 is this?"""

    def test_minio_is_told_by_its_header_and_asked_whether_it_lives(self) -> None:
        """Its health check is open to everybody."""
        platform, passed = identified(MINIO, ALIVE)

        assert hello(STORE).path == "/?max-buckets=1000"
        assert platform.paths == ["GET /minio/health/live"]
        assert passed.facts["edition"] == "MinIO"

    def test_ceph_is_told_by_its_request_id_and_asked_for_its_version(self) -> None:
        """It answers strangers as an anonymous owner of nothing."""
        platform, passed = identified(RGW, answer(200, {"swift": {"version": "16.2.15"}}))

        assert platform.paths == ["GET /swift/info"]
        assert passed.facts["edition"] == "Ceph RGW"
        assert passed.facts["version"] == "16.2.15"

    @pytest.mark.parametrize("content", [{}, {"swift": 5}, {"swift": {"version": "<b>"}}, b"x"])
    def test_a_ceph_that_hides_its_version_is_a_ceph(self, content: object) -> None:
        """The Swift API may be switched off."""
        _, passed = identified(RGW, answer(404, content))

        assert "version" not in passed.facts

    @pytest.mark.parametrize("greeting", [MINIO, RGW], ids=["MinIO", "Ceph"])
    def test_a_further_question_that_nobody_answers_fails_nothing(
        self, greeting: HttpResponse
    ) -> None:
        """A proxy in front of a store may forward buckets alone."""
        platform = Platform(rule=silent)

        assert "version" not in platform.talk(identify(STORE, greeting)).facts
        assert len(platform.asked) == 1

    def test_the_store_of_aws_is_asked_nothing_more(self) -> None:
        """It has no health check, and no version."""
        platform, passed = identified(AWS)

        assert platform.asked == []
        assert passed.facts["edition"] == "AWS S3"

    def test_another_store_is_an_s3(self) -> None:
        """Many speak the language, few say their name."""
        _, passed = identified(error(403, "AccessDenied"))

        assert passed.facts["edition"] == "S3"

    @pytest.mark.parametrize(
        "greeting",
        [
            answer(200, "<html>MinIO Console</html>", server="MinIO Console"),
            error(403, "x", server="MinIO Console/1"),
        ],
    )
    def test_the_console_is_told_from_the_api(self, greeting: HttpResponse) -> None:
        """9001 is the port that people have open in their browser."""
        assert failure_of("s3", lambda: identified(greeting)).cause is WRONG_PORT_ROLE

    def test_a_page_at_the_consoles_port_is_the_console(self) -> None:
        """Newer consoles do not say their name."""
        flow = identify(Endpoint("h", 9001, "http"), answer(200, "<!doctype html>"))

        assert failure_of("s3", lambda: Platform().talk(flow)).cause is WRONG_PORT_ROLE

    @pytest.mark.parametrize(
        ("greeting", "more"),
        [
            (MINIO, [answer(503, b"", x_minio_server_status="offline")]),
            (error(503, "XMinioServerNotInitialized", server="MinIO"), []),
            (error(503, "ServiceUnavailable"), []),
        ],
    )
    def test_a_store_that_is_not_ready_is_told_so(
        self, greeting: HttpResponse, more: list[HttpResponse]
    ) -> None:
        """The remedy is to wait, not another key."""
        assert failure_of("s3", lambda: identified(greeting, *more)).cause is STORAGE_NOT_READY

    @pytest.mark.parametrize(
        ("greeting", "cause"),
        [
            (answer(200, "<html>Welcome</html>"), HTML_NOT_API),
            (answer(503, ""), HTTP_503_UNAVAILABLE),
            (answer(200, {}), WRONG_PRODUCT),
            (answer(302, "", location="https://sso.example.com/login"), REDIRECT_TO_LOGIN),
            (answer(400, AZURES, x_ms_request_id="R"), HTTP_400_BAD_REQUEST),
            (answer(403, "<html>Forbidden</html>"), HTTP_403_FORBIDDEN),
            (answer(404, {"message": "no such path"}), HTTP_404_BASE_PATH),
        ],
    )
    def test_what_is_no_s3_is_told_for_what_it_is(
        self, greeting: HttpResponse, cause: Cause
    ) -> None:
        """Nothing that is signed with the caller's key goes there."""
        failed = failure_of("s3", lambda: identified(greeting, greeting))

        assert failed.cause is cause

    def test_a_store_under_load_is_not_called_unready(self) -> None:
        """It asks for less of it."""
        greeting = error(503, "SlowDown")

        assert failure_of("s3", lambda: identified(greeting)).cause is THROTTLED

    def test_a_clock_that_is_off_is_a_warning(self) -> None:
        """The store's other clients are refused for it."""
        late = answer(403, AWS.body, server="AmazonS3", date="Mon, 23 Nov 2026 17:13:52 GMT")

        (warning,) = identified(late)[1].warnings

        assert warning.cause is CLOCK_OFF
        assert warning.facts["skew_s"] == 1800


class TestAuthenticate:
    """Is the key pair right?"""

    def test_a_right_key_pair_is_one_signed_request(self) -> None:
        """The answer to it is enough for the next step as well."""
        platform = Platform(LISTED)

        passed = signed_in(platform)

        (request,) = platform.asked
        assert (request.method, request.path) == ("GET", "/?max-buckets=1000")
        assert "/20261123/us-east-1/s3/aws4_request" in request.headers["Authorization"]
        assert request.presents_credentials
        assert passed.facts == {"region": "us-east-1"}

    @pytest.mark.parametrize(
        ("host", "region"),
        [
            ("s3.eu-central-1.amazonaws.com", "eu-central-1"),
            ("s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1"),
            ("s3-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("s3.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("s3.amazonaws.com", "us-east-1"),
            ("store.example.com", "us-east-1"),
        ],
    )
    def test_the_region_is_the_names_or_the_usual_one(self, host: str, region: str) -> None:
        """Most stores beside AWS do not look at it."""
        endpoint = Endpoint(host, 443, "https")

        assert signed_in(Platform(LISTED), endpoint=endpoint).facts["region"] == region

    def test_a_store_that_names_its_region_is_asked_again_for_that(self) -> None:
        """It looks at the region before the key, so nothing has been judged yet."""
        wants = error(400, "AuthorizationHeaderMalformed", "<Region>de-1</Region>")
        platform = Platform(wants, LISTED)

        passed = signed_in(platform)

        assert "/de-1/s3/" in platform.asked[1].headers["Authorization"]
        assert passed.facts == {"region": "de-1"}

    def test_a_region_that_the_caller_gave_is_not_changed(self) -> None:
        """The caller's other clients will sign for it, too."""
        wants = error(400, "AuthorizationHeaderMalformed", "<Region>de-1</Region>")
        options = S3Options(region="us-1")

        failed = failure_of("s3", lambda: signed_in(Platform(wants), options))

        assert failed.cause is REGION_INVALID
        assert failed.finding.facts["right_region"] == "de-1"
        assert failed.finding.facts["region"] == "us-1"

    def test_a_store_that_names_two_regions_in_turn_is_not_followed(self) -> None:
        """There is an end to it."""
        regions = ("<Region>de-1</Region>", "<Region>de-2</Region>")
        platform = Platform(*(error(400, "AuthorizationHeaderMalformed", r) for r in regions))

        assert failure_of("s3", lambda: signed_in(platform)).cause is REGION_INVALID

    @pytest.mark.parametrize(
        ("status", "code", "cause"),
        [
            (403, "InvalidAccessKeyId", UNKNOWN_ACCESS_KEY),
            (403, "SignatureDoesNotMatch", SECRET_MISMATCH),
            (403, "RequestTimeTooSkewed", CLOCK_SKEW),
            (403, "UserSuspended", KEY_DISABLED),
            (403, "AllAccessDisabled", SIGN_IN_FORBIDDEN),
            (400, "ExpiredToken", SESSION_TOKEN_EXPIRED),
            (400, "InvalidToken", SESSION_TOKEN_INVALID),
            (403, "InvalidTokenId", SESSION_TOKEN_INVALID),
            (400, "AuthorizationHeaderMalformed", ACCESS_KEY_MALFORMED),
            (503, "SlowDown", THROTTLED),
            (503, "XMinioServerNotInitialized", STORAGE_NOT_READY),
            (500, "InternalError", HTTP_500),
        ],
    )
    def test_each_refusal_has_its_cause(self, status: int, code: str, cause: Cause) -> None:
        """The remedy for each of them is another one; Ceph sends no words to go by."""
        failed = failure_of("s3", lambda: signed_in(Platform(error(status, code))))

        assert failed.cause is cause

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (answer(403, "Forbidden by proxy"), SIGN_IN_FORBIDDEN),
            (answer(200, {}), SCHEMA_UNEXPECTED),
            (answer(200, "<html/>"), HTML_NOT_API),
        ],
    )
    def test_an_answer_that_is_not_the_stores_judges_nothing(
        self, reply: HttpResponse, cause: Cause
    ) -> None:
        """A proxy's 403 says nothing of the key."""
        assert failure_of("s3", lambda: signed_in(Platform(reply))).cause is cause

    def test_a_temporary_key_of_aws_without_its_token_is_not_tried(self) -> None:
        """AWS would say that it does not know the key; others may call theirs as they like."""
        keys = Credentials(SecretStr("ASIAIOSFODNN7EXAMPLE"), SecretStr("s3cret"))
        aws = S3Identity("AWS S3", ServerClock(NOW, 0), STRANGER)
        platform = Platform()

        failed = failure_of("s3", lambda: signed_in(platform, identity=aws, keys=keys))

        assert failed.cause is SESSION_TOKEN_MISSING
        assert platform.asked == []
        assert signed_in(Platform(LISTED), keys=keys)

    def test_it_signs_with_the_stores_clock(self) -> None:
        """A store on the premises may be off without anybody's having noticed."""
        identity = S3Identity("S3", ServerClock(NOW.replace(hour=3), -50_000), STRANGER)
        platform = Platform(LISTED)

        signed_in(platform, identity=identity)

        assert platform.asked[0].headers["X-Amz-Date"] == "20261123T034352Z"


class TestIdentity:
    """Whose key is it?"""

    OWNED = answer(
        200,
        f"<ListAllMyBucketsResult {NAMESPACE}><Owner><ID>79a5</ID><DisplayName>shop</DisplayName>"
        "</Owner><Buckets/></ListAllMyBucketsResult>",
        date=NOW_AS_HEADER,
    )

    @pytest.mark.parametrize(
        ("listed", "told"),
        [
            (OWNED, {"account": "79a5", "account_name": "shop"}),
            (LISTED, {}),
            (error(403, "AccessDenied"), {}),
            (replace(OWNED, headers={"server": "MinIO"}), {}),
        ],
    )
    def test_the_list_of_buckets_tells_their_owner(self, listed: HttpResponse, told: Facts) -> None:
        """MinIO has one owner for all keys, which says nothing."""
        session = signed_in(Platform(listed, error(403, "InvalidAccessKeyId"))).value

        assert Platform().talk(ask_identity(STORE, session)) == told


class TestAuthorize:
    """May it read?"""

    @staticmethod
    def told(
        first: HttpResponse, *more: HttpResponse, bucket: str | None = None
    ) -> tuple[Platform, Passed[None]]:
        """Return what is asked, and what comes of it."""
        platform = Platform(first, *more)
        session = signed_in(platform, S3Options(bucket=bucket)).value
        return platform, platform.talk(authorize(STORE, session))

    def test_the_list_of_buckets_has_told_already(self) -> None:
        """The sign-in was the cheapest read."""
        platform, passed = self.told(LISTED)

        assert len(platform.asked) == 1
        assert passed.facts == {"buckets": 2, "have": ("s3:ListAllMyBuckets",), "lack": ()}

    def test_more_buckets_than_can_be_parsed_are_a_right_key_too(self) -> None:
        """An answer of a megabyte is no reason to doubt the key."""
        many = "<Bucket><Name>a</Name></Bucket>" * 20_000
        listed = answer(200, f"<ListAllMyBucketsResult {NAMESPACE}>{many}</ListAllMyBucketsResult>")

        assert self.told(listed)[1].facts["buckets"] == 20_000

    def test_a_key_that_may_not_list_is_right_all_the_same(self) -> None:
        """The remedy is a policy, or to name the bucket that it is for."""
        answers = (error(403, "AccessDenied"), error(403, "InvalidAccessKeyId"))

        failed = failure_of("s3", lambda: self.told(*answers))

        assert failed.cause is DENIED
        assert failed.finding.facts["option"] == "options.bucket"
        assert failed.finding.facts["api"] == "s3:ListAllMyBuckets"

    def test_a_key_for_one_bucket_passes_where_the_bucket_is_named(self) -> None:
        """Such keys are what people should make."""
        platform, passed = self.told(error(403, "AccessDenied"), OBJECTS, bucket="backups")

        assert platform.asked[1].path == "/backups?list-type=2&max-keys=1"
        assert platform.asked[1].method == "GET"  # the answer to HEAD would say no reason
        assert passed.facts == {"bucket": "backups", "have": ("s3:ListBucket",), "lack": ()}

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (error(404, "NoSuchBucket"), BUCKET_NOT_FOUND),
            (error(403, "AccessDenied"), DENIED),
            (error(301, "PermanentRedirect", x_amz_bucket_region="de-1"), BUCKET_ELSEWHERE),
            (error(307, "TemporaryRedirect", x_amz_bucket_region="de-1"), BUCKET_ELSEWHERE),
            (error(503, "SlowDown"), THROTTLED),
            (answer(200, {}), SCHEMA_UNEXPECTED),
        ],
    )
    def test_a_bucket_that_can_not_be_read_is_told_why(
        self, reply: HttpResponse, cause: Cause
    ) -> None:
        """Each of it is somebody else's to mend."""
        failed = failure_of("s3", lambda: self.told(LISTED, reply, bucket="backups"))

        assert failed.cause is cause

    @pytest.mark.parametrize("bucket", ["a/b", "../x", "a?b", "", "a b", "a\n"])
    def test_a_bucket_is_a_name(self, bucket: str) -> None:
        """It stands in the path."""
        with pytest.raises(ValidationError):
            S3Options(bucket=bucket)
