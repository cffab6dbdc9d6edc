import pytest
from pydantic import SecretStr, ValidationError

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Passed
from shared.endpoint import Endpoint, parse_endpoint
from shared.platform.answers.intermediaries import HTTP_502_504_GATEWAY
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_403_FORBIDDEN,
    SCHEMA_UNEXPECTED,
    WRONG_PRODUCT,
)
from shared.platform.answers.unexplained import REFUSED_LATER, SIGN_IN_FORBIDDEN
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    ACCOUNT_PROBLEM,
    CLOCK_OFF,
    CLOCK_SKEW,
    DENIED,
    EXPLICIT_DENY,
    HEADER_LOST,
    IDENTITY_CALL_DENIED,
    INVALID_CREDENTIALS,
    OVERPRIVILEGED,
    POLICY_LIMIT,
    REGION_INVALID,
    SECRET_MISMATCH,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SESSION_TOKEN_MISSING,
    SIGNATURE_MISMATCH,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.keys.server_clock import ServerClock
from shared.platform.product import Credentials
from shared.products.aws import (
    ACCOUNT_NOT_SUBSCRIBED,
    OTHER_SERVICE,
    PARTITION_MISMATCH,
    REGION_DISABLED,
    AwsIdentity,
    AwsOptions,
    AwsSession,
    authenticate,
    authorize,
    hello,
    identify,
)
from tests.shared.products.conversation import KNOWN, NOW, NOW_AS_HEADER, Platform, answer
from tests.shared.products.failing import failure_of

KEYS = Credentials(SecretStr("AKIAIOSFODNN7EXAMPLE"), SecretStr("wJalrXUtnFEMI/K7MDENG+bPxRfiCY"))
TEMPORARY = Credentials(SecretStr("ASIAIOSFODNN7EXAMPLE"), SecretStr("wJalrXUtnFEMI/K7MDENG"))
ARN = "arn:aws:iam::123456789012:user/ops/conncheck"
FRANKFURT = parse_endpoint("https://sts.eu-central-1.amazonaws.com").completed("https", 443)
LOCAL = Endpoint("127.0.0.1", 5000, "http")


def error(status: int, code: str, message: str = "") -> HttpResponse:
    """Return a refusal as STS words it."""
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender'
        f"</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>b0a2</RequestId></ErrorResponse>"
    )
    return answer(status, body, x_amzn_requestid="b0a2", date=NOW_AS_HEADER)


def ec2_error(status: int, code: str, message: str = "") -> HttpResponse:
    """Return a refusal as EC2 words it."""
    body = (
        f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
        "</Errors><RequestID>ea96</RequestID></Response>"
    )
    return answer(status, body, server="AmazonEC2", date=NOW_AS_HEADER)


def caller(arn: str = ARN, account: str = "123456789012") -> HttpResponse:
    """Return what STS says of who signs."""
    body = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<GetCallerIdentityResult><Arn>{arn}</Arn><UserId>AIDA</UserId>"
        f"<Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    return answer(200, body, x_amzn_requestid="b0a2", date=NOW_AS_HEADER)


UNSIGNED = error(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
MAY = ec2_error(412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
HELLOS = (UNSIGNED, ec2_error(400, "MissingParameter"))


def at(host: str) -> Endpoint:
    """Return the complete endpoint of a host of AWS."""
    return Endpoint(host, 443, "https")


def identified(
    endpoint: Endpoint, greeting: HttpResponse = UNSIGNED, *more: HttpResponse
) -> Passed[AwsIdentity]:
    """Return what identify finds out."""
    return Platform(*more).talk(identify(endpoint, greeting))


def signed_in(
    platform: Platform,
    endpoint: Endpoint = FRANKFURT,
    options: AwsOptions | None = None,
    keys: Credentials = KEYS,
) -> Passed[AwsSession]:
    """Return what authenticate makes of a platform."""
    identity = identified(endpoint).value
    return platform.talk(authenticate(endpoint, options or AwsOptions(), identity, keys))


def refused(reply: HttpResponse, endpoint: Endpoint = FRANKFURT) -> Failed:
    """Return how authenticate fails with a reply."""
    return failure_of("aws", lambda: signed_in(Platform(reply), endpoint))


class TestIdentify:
    """Is this AWS, of which service, region and partition?"""

    @pytest.mark.parametrize(
        ("host", "service", "partition", "region"),
        [
            ("sts.amazonaws.com", "sts", "aws", "us-east-1"),
            ("sts.eu-central-1.amazonaws.com", "sts", "aws", "eu-central-1"),
            ("sts.cn-north-1.amazonaws.com.cn", "sts", "aws-cn", "cn-north-1"),
            ("sts.us-gov-west-1.amazonaws.com", "sts", "aws-us-gov", "us-gov-west-1"),
            ("sts-fips.us-east-1.amazonaws.com", "sts", "aws", "us-east-1"),
            ("sts.us-east-1.api.aws", "sts", "aws", "us-east-1"),
            ("vpce-0a.sts.eu-west-1.vpce.amazonaws.com", "sts", "aws", "eu-west-1"),
            ("ec2.ap-southeast-2.amazonaws.com", "ec2", "aws", "ap-southeast-2"),
        ],
    )
    def test_the_name_tells_service_region_and_partition(
        self, host: str, service: str, partition: str, region: str
    ) -> None:
        """They are signed with, so a wrong guess looks like a wrong key."""
        facts = identified(at(host)).facts

        assert (facts["service"], facts["partition"], facts["region"]) == (
            service,
            partition,
            region,
        )

    def test_nothing_is_signed_for_it(self) -> None:
        """The key pair goes to AWS, not to whatever answers."""
        request = hello(FRANKFURT)

        assert request.path == "/?Action=GetCallerIdentity&Version=2011-06-15"
        assert not request.presents_credentials
        assert "Authorization" not in request.headers

    @pytest.mark.parametrize(
        "host", ["s3.eu-west-1.amazonaws.com", "console.amazonaws.com", "iam.amazonaws.com"]
    )
    def test_another_service_of_aws_is_told_from_the_token_service(self, host: str) -> None:
        """Its answer would be about the wrong signature, not about the key."""
        failed = failure_of("aws", lambda: identified(at(host)))

        assert failed.cause is OTHER_SERVICE
        assert failed.finding.facts["instead"] == "sts.REGION.amazonaws.com"

    @pytest.mark.parametrize(
        ("greeting", "cause"),
        [
            (answer(200, "<html>Welcome</html>"), HTML_NOT_API),
            (answer(502, ""), HTTP_502_504_GATEWAY),
            (answer(200, {"version": {}}), WRONG_PRODUCT),
            (answer(403, "<Error><Code>AccessDenied</Code></Error>"), HTTP_403_FORBIDDEN),
            (answer(200, {}, x_amzn_requestid="R"), WRONG_PRODUCT),
            (answer(403, "<!DOCTYPE a [<!ENTITY b 'c'>]><ErrorResponse/>"), HTTP_403_FORBIDDEN),
        ],
    )
    def test_what_is_no_aws_is_told_for_what_it_is(
        self, greeting: HttpResponse, cause: Cause
    ) -> None:
        """Nothing that is signed with the caller's key goes there; a header proves nothing."""
        failed = failure_of("aws", lambda: identified(LOCAL, greeting, greeting))

        assert failed.cause is cause

    @pytest.mark.parametrize(
        ("greeting", "to_unknown"),
        [
            (answer(200, "<ListAllMyBucketsResult/>"), caller()),
            (answer(500, "KeyError: 'Authorization'"), caller()),
            (answer(500, ""), error(403, "InvalidClientTokenId")),
            (answer(404, {"message": "no"}), error(403, "InvalidClientTokenId")),
        ],
    )
    def test_what_emulates_aws_is_told_by_its_answer_to_a_made_up_key(
        self, greeting: HttpResponse, to_unknown: HttpResponse
    ) -> None:
        """Moto lists buckets to whoever does not sign, or fails; with a key it is STS."""
        assert identified(LOCAL, greeting, to_unknown).value.is_emulated

    def test_what_may_be_anything_is_sent_nothing_that_changes_it(self) -> None:
        """An investigation asks servers of any kind."""
        platform = Platform(answer(404, {}))

        platform.failure(identify(LOCAL, answer(404, {})))

        assert [request.method for request in platform.asked] == ["GET"]
        assert not platform.asked[0].presents_credentials

    def test_an_emulator_that_answers_strangers_is_asked_once(self) -> None:
        """LocalStack tells anybody who it takes them for."""
        assert identified(LOCAL, caller()).value.is_emulated

    def test_a_clock_that_is_off_is_a_warning(self) -> None:
        """Here it is this service's own, since that of AWS is right."""
        late = answer(
            403, UNSIGNED.body, x_amzn_requestid="R", date="Mon, 23 Nov 2026 17:33:52 GMT"
        )

        (warning,) = identified(FRANKFURT, late).warnings

        assert warning.cause is CLOCK_OFF
        assert warning.facts["skew_s"] == 600


class TestAuthenticate:
    """Is the key pair right?"""

    def test_a_right_key_pair_is_one_signed_request(self) -> None:
        """GetCallerIdentity needs no permission, so it proves the key alone."""
        platform = Platform(caller())

        passed = signed_in(platform)

        (request,) = platform.asked
        assert (request.method, request.path) == ("POST", "/")
        assert request.body == b"Action=GetCallerIdentity&Version=2011-06-15"
        assert "/20261123/eu-central-1/sts/aws4_request" in request.headers["Authorization"]
        assert request.headers["X-Amz-Date"] == "20261123T174352Z"
        assert request.presents_credentials
        assert passed.facts == {
            "region": "eu-central-1",
            "principal": ARN,
            "account": "123456789012",
            "user": ARN.rpartition("/")[2],
            "user_id": "AIDA",
        }
        assert passed.warnings == ()

    def test_it_signs_with_the_platforms_clock(self) -> None:
        """AWS refuses what is 15 minutes off, whoever's clock it is."""
        late = answer(
            403, UNSIGNED.body, x_amzn_requestid="R", date="Mon, 23 Nov 2026 16:43:52 GMT"
        )
        identity = identified(FRANKFURT, late).value
        platform = Platform(caller())

        platform.talk(authenticate(FRANKFURT, AwsOptions(), identity, KEYS))

        assert platform.asked[0].headers["X-Amz-Date"] == "20261123T164352Z"

    def test_the_root_user_is_a_warning(self) -> None:
        """Whoever has its key owns the account."""
        (warning,) = signed_in(Platform(caller("arn:aws:iam::123456789012:root"))).warnings

        assert warning.cause is OVERPRIVILEGED

    def test_a_temporary_key_without_its_token_is_not_tried(self) -> None:
        """AWS would say that it does not know the key, and it would not be true."""
        platform = Platform()

        failed = failure_of("aws", lambda: signed_in(platform, keys=TEMPORARY))

        assert failed.cause is SESSION_TOKEN_MISSING
        assert platform.asked == []

    def test_a_session_token_goes_along(self) -> None:
        """A temporary key is nothing without it."""
        platform = Platform(caller("arn:aws:sts::123456789012:assumed-role/ops/session"))
        options = AwsOptions(session_token=SecretStr("FwoGZXIvYXdzE"))

        signed_in(platform, options=options, keys=TEMPORARY)

        assert platform.asked[0].headers["X-Amz-Security-Token"] == "FwoGZXIvYXdzE"
        assert "x-amz-security-token" in platform.asked[0].headers["Authorization"]

    @pytest.mark.parametrize(
        ("status", "code", "message", "cause"),
        [
            (403, "InvalidClientTokenId", "The security token is invalid.", UNKNOWN_ACCESS_KEY),
            (403, "SignatureDoesNotMatch", "The request signature does not match", SECRET_MISMATCH),
            (
                403,
                "SignatureDoesNotMatch",
                "Signature expired: 20261123T1 is now earlier than 20261123T2 (Z - 15 min.)",
                CLOCK_SKEW,
            ),
            (403, "SignatureDoesNotMatch", "Signature not yet current: 2 is still", CLOCK_SKEW),
            (
                403,
                "SignatureDoesNotMatch",
                "Credential should be scoped to a valid region.",
                REGION_INVALID,
            ),
            (403, "ExpiredToken", "The security token is expired", SESSION_TOKEN_EXPIRED),
            (403, "RegionDisabledException", "STS is not activated", REGION_DISABLED),
            (400, "IncompleteSignature", "Credential must have 5 elements", ACCESS_KEY_MALFORMED),
            (400, "Throttling", "Rate exceeded", THROTTLED),
            (403, "OptInRequired", "not subscribed", ACCOUNT_NOT_SUBSCRIBED),
            (403, "InvalidToken", "The token is invalid", SESSION_TOKEN_INVALID),
            (403, "MissingAuthenticationToken", "Request is missing", HEADER_LOST),
            (403, "AccessDenied", "not authorized to perform", IDENTITY_CALL_DENIED),
            (403, "AccessDenied", "because no VPC endpoint policy allows", POLICY_LIMIT),
            (403, "AccessDenied", "with an explicit deny in a policy", EXPLICIT_DENY),
            (403, "SomethingNew", "", SIGN_IN_FORBIDDEN),
        ],
    )
    def test_each_refusal_has_its_cause(
        self, status: int, code: str, message: str, cause: Cause
    ) -> None:
        """The remedy for each of them is another one."""
        failed = refused(error(status, code, message))

        assert failed.cause is cause

    @pytest.mark.parametrize(
        ("named", "cause"),
        [
            ("com.amazon.coral.service#UnrecognizedClientException", UNKNOWN_ACCESS_KEY),
            ("InvalidSignatureException", SECRET_MISMATCH),
            ("ExpiredTokenException", SESSION_TOKEN_EXPIRED),
        ],
    )
    def test_a_refusal_in_json_has_the_same_causes(self, named: str, cause: Cause) -> None:
        """Gateways of AWS word it so."""
        assert refused(answer(400, {"__type": named, "message": "m"})).cause is cause

    def test_an_unknown_key_may_be_one_of_another_partition_or_region(self) -> None:
        """Regions that an account has not enabled do not know it."""
        failed = refused(error(403, "InvalidClientTokenId"), at("sts.af-south-1.amazonaws.com"))

        remedies = " ".join(failed.finding.remedies(KNOWN))
        assert "af-south-1 must be enabled for the account" in remedies
        assert "GovCloud" in remedies

    def test_a_proxy_before_an_emulator_may_have_changed_the_request(self) -> None:
        """Of AWS's own endpoints a web server's name says nothing."""
        reply = answer(403, error(403, "SignatureDoesNotMatch").body, server="nginx")
        identity = identified(LOCAL).value
        flow = authenticate(LOCAL, AwsOptions(), identity, KEYS)

        assert Platform(reply).failure(flow).cause is SIGNATURE_MISMATCH
        assert refused(reply).cause is SECRET_MISMATCH

    def test_ec2_merges_what_is_wrong_with_a_key(self) -> None:
        """It has one code, and we must not guess beyond it."""
        reply = ec2_error(401, "AuthFailure", "AWS was not able to validate the credentials")

        assert refused(reply, at("ec2.eu-west-1.amazonaws.com")).cause is INVALID_CREDENTIALS

    def test_a_blocked_account_is_told_so(self) -> None:
        """The key is right, and of no use."""
        reply = ec2_error(403, "Blocked", "Your account is currently blocked.")

        assert refused(reply, at("ec2.eu-west-1.amazonaws.com")).cause is ACCOUNT_PROBLEM

    @pytest.mark.parametrize(
        "reply",
        [
            answer(200, "<html/>"),
            caller(arn="arn:aws:iam::1:user/<script>"),
            caller(account="12345678901\u0662"),
            caller(arn=f"arn:aws:iam::123456789012:user/{'x' * 300}"),
        ],
    )
    def test_an_answer_that_names_nobody_is_unexpected(self, reply: HttpResponse) -> None:
        """A name is shown as it is, so it must be one."""
        assert refused(reply).cause is SCHEMA_UNEXPECTED

    @pytest.mark.parametrize(
        ("host", "region", "cause"),
        [
            ("sts.eu-central-1.amazonaws.com", "eu-west-1", REGION_INVALID),
            ("sts.eu-central-1.amazonaws.com", "cn-north-1", PARTITION_MISMATCH),
            ("sts.eu-central-1.amazonaws.com", "us-gov-west-1", PARTITION_MISMATCH),
            ("sts.cn-north-1.amazonaws.com.cn", "eu-west-1", PARTITION_MISMATCH),
            ("sts.amazonaws.com", "cn-north-1", PARTITION_MISMATCH),
        ],
    )
    def test_a_region_that_contradicts_the_endpoint_is_not_tried(
        self, host: str, region: str, cause: Cause
    ) -> None:
        """The refusal is certain, and AWS would word it as a wrong signature."""
        platform, options = Platform(), AwsOptions(region=region)

        failed = failure_of("aws", lambda: signed_in(platform, at(host), options))

        assert failed.cause is cause
        assert platform.asked == []

    @pytest.mark.parametrize("region", ["eu", "eu-west-1/x", "EU-WEST-1", "eu-west-1\n"])
    def test_a_region_is_one_or_nothing(self, region: str) -> None:
        """It stands in the header that is signed."""
        with pytest.raises(ValidationError):
            AwsOptions(region=region)


class TestAuthorize:
    """May it read?"""

    @staticmethod
    def told(reply: HttpResponse, endpoint: Endpoint = FRANKFURT) -> tuple[Platform, Passed[None]]:
        """Return what is asked, and what comes of it."""
        session = signed_in(Platform(caller()), endpoint).value
        platform = Platform(reply)
        return platform, platform.talk(authorize(endpoint, session))

    def test_ec2_is_asked_in_the_same_region(self) -> None:
        """It is what a management platform works with, and a dry run costs least."""
        platform, passed = self.told(MAY)

        (request,) = platform.asked
        assert request.at == at("ec2.eu-central-1.amazonaws.com")
        assert b"Action=DescribeRegions&DryRun=true" in request.body
        assert "/eu-central-1/ec2/aws4_request" in request.headers["Authorization"]
        assert passed.facts == {"have": ("ec2:DescribeRegions",), "lack": ()}

    @pytest.mark.parametrize(
        ("host", "ec2"),
        [
            ("sts.amazonaws.com", "ec2.us-east-1.amazonaws.com"),
            ("sts.cn-north-1.amazonaws.com.cn", "ec2.cn-north-1.amazonaws.com.cn"),
            ("sts.eu-west-1.api.aws", "ec2.eu-west-1.api.aws"),
        ],
    )
    def test_each_partition_has_an_ec2_of_its_own(self, host: str, ec2: str) -> None:
        """A key of one is unknown in the others."""
        platform, _ = self.told(MAY, at(host))

        assert platform.asked[0].at == at(ec2)

    def test_one_server_for_all_of_aws_is_asked_where_it_is(self) -> None:
        """Moto and LocalStack are at one port."""
        platform, _ = self.told(MAY, LOCAL)

        assert platform.asked[0].at is None

    def test_behind_a_private_endpoint_nothing_is_asked(self) -> None:
        """It leads to STS alone; where EC2's is, nobody can guess."""
        endpoint = at("vpce-0a.sts.eu-west-1.vpce.amazonaws.com")
        session = signed_in(Platform(caller()), endpoint).value
        platform = Platform()

        passed = platform.talk(authorize(endpoint, session))

        assert passed.facts == {"not_asked": ("ec2:DescribeRegions",)}

    def test_an_endpoint_of_ec2_has_told_with_the_one_request(self) -> None:
        """Each further request would only be a second sign-in."""
        endpoint = at("ec2.eu-west-1.amazonaws.com")
        session = signed_in(Platform(MAY), endpoint).value

        passed = Platform().talk(authorize(endpoint, session))

        assert passed.facts["have"] == ("ec2:DescribeRegions",)

    @pytest.mark.parametrize(
        ("message", "cause"),
        [
            ("You are not authorized to perform this operation.", DENIED),
            ("... with an explicit deny in a service control policy", EXPLICIT_DENY),
            ("because no permissions boundary allows the action", POLICY_LIMIT),
        ],
    )
    def test_a_key_without_rights_is_right_all_the_same(self, message: str, cause: Cause) -> None:
        """The remedy is a policy, not another key."""
        failed = failure_of(
            "aws", lambda: self.told(ec2_error(403, "UnauthorizedOperation", message))
        )

        assert failed.cause is cause
        assert failed.finding.facts["api"] == "ec2:DescribeRegions"

    def test_a_key_that_was_accepted_is_not_called_wrong_later(self) -> None:
        """EC2 has one code for all that is wrong, also with an account that has no EC2."""
        reply = ec2_error(401, "AuthFailure", "not able to validate the provided credentials")

        failed = failure_of("aws", lambda: self.told(reply))

        assert failed.cause is REFUSED_LATER

    def test_an_endpoint_of_ec2_tells_a_denial_from_a_wrong_key(self) -> None:
        """The key was judged before the right was."""
        endpoint = at("ec2.eu-west-1.amazonaws.com")
        reply = ec2_error(403, "UnauthorizedOperation", "You are not authorized")

        session = signed_in(Platform(reply), endpoint).value

        failed = failure_of("aws", lambda: Platform().talk(authorize(endpoint, session)))
        assert failed.cause is DENIED


def test_the_clock_of_an_identity_is_the_answers() -> None:
    """It is what the request is signed with."""
    assert identified(FRANKFURT).value.clock == ServerClock(NOW, 0)
