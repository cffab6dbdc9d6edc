"""People who connect public clouds: regions, partitions, temporary keys, keys of other clouds."""

from collections.abc import Iterator
from functools import partial

from tests.stand_ins.answering import Asked, Reply
from tests.stand_ins.clouds import KEY, SECRET, Cloud, huaweicloud, tencentcloud
from tests.zoo.fault import Target
from tests.zoo.report import report
from tests.zoo.situations import NAMED, XML, named, over_tls, said
from tests.zoo.visit import REFUSED

AWS_KEY = "AKIA" + "T5QJ7ZKDW2LMX4RN"  # in two, so that nobody takes it for a leaked one
AWS_SECRET = "pQ7v+ZkT2mXc9LrB0dHsJ4nW/yGfE8aUo5iKt1Nq"
ALIBABA_KEY, ALIBABA_SECRET = "LTAI5tDvssj9BBMtAGT3HoTT", "5ZKlQ3rYF8J9v0Xw2uTnB7mPqEaSdG"
REQUEST_ID = "57ee59b2-6bca-4500-91ca-7f9488782dcb"


def _refused_by_sts(code: str, message: str) -> Reply:
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>'
        f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    )
    return Reply(403, body, headers={**XML, "x-amzn-RequestId": REQUEST_ID})


def _sts(code: str, message: str, asked: Asked) -> Reply:
    """Answer as STS does to somebody whose signed requests it refuses like this."""
    if "Authorization" in asked.headers:
        return _refused_by_sts(code, message)
    return _refused_by_sts("MissingAuthenticationToken", "Request is missing Authentication Token")


def _aws(endpoint: str) -> Target:
    return Target(endpoint, "aws", AWS_KEY, AWS_SECRET)


@report(
    "https://github.com/aws/aws-sdk-ruby/issues/2850",
    "D",
    "authenticate",
    right=["auth.*", "api.region_*"],
    open=["auth.unknown_access_key"],
    says=["not enabled|enable the region|opt.in|enabled for the account"],
    network=NAMED,
)
def the_region_is_not_enabled() -> Iterator[Target]:
    """A right key is used in a region of AWS that the account has not enabled.

    STS says InvalidClientTokenId there, "The security token included in the request is invalid":
    regions like af-south-1 don't know an account until it enables them.
    """
    says = "The security token included in the request is invalid."
    rule = partial(_sts, "InvalidClientTokenId", says)
    yield from named("sts.af-south-1.amazonaws.com", rule, _aws)


@report(
    "https://github.com/hashicorp/aws-sdk-go-base/issues/314",
    "D",
    "authenticate",
    right=["auth.*", "api.partition_mismatch"],
    open=["auth.unknown_access_key"],
    says=["partition|GovCloud|China"],
    network=NAMED,
)
def a_key_of_another_partition() -> Iterator[Target]:
    """A key of AWS GovCloud is used at the commercial AWS.

    The commercial STS does not know it: InvalidClientTokenId. It was right in its own partition.
    """
    says = "The security token included in the request is invalid."
    yield from named(
        "sts.us-east-1.amazonaws.com", partial(_sts, "InvalidClientTokenId", says), _aws
    )


@report(
    "https://github.com/QT-DevOps/DevOpsIssues/issues/989",
    "D",
    "authenticate",
    right=["auth.clock_skew"],
    says=["clock"],
    never=["secretKey does not match"],
    network=NAMED,
)
def the_clock_was_half_a_day_off() -> Iterator[Target]:
    """The signature's date is twelve hours ahead, which AWS calls a signature that does not match.

    The clock of the client's machine was wrong.
    """
    says = (
        "Signature not yet current: 20210112T194419Z is still later than 20210112T072625Z "
        "(20210112T071125Z + 15 min.)"
    )
    yield from named(
        "sts.us-east-1.amazonaws.com", partial(_sts, "SignatureDoesNotMatch", says), _aws
    )


@report(
    "https://github.com/hashicorp/terraform/issues/1111",
    "E",
    REFUSED,
    right=["input.credential_swapped"],
)
def the_keys_are_swapped() -> Iterator[Target]:
    """The access key stands where the secret key belongs, and the other way round.

    Both were right.
    """
    yield Target("https://127.0.0.1:9", "aws", AWS_SECRET, AWS_KEY)


def _alibaba(endpoint: str) -> Target:
    return Target(endpoint, "alibabacloud", ALIBABA_KEY, ALIBABA_SECRET)


def _sts_of_alibaba(code: str, message: str, status: int, asked: Asked) -> Reply:
    about = {"RequestId": "F61E9302-C001-42DA-86A9-0A8E6193C1ED", "HostId": "sts.aliyuncs.com"}
    if "Authorization" in asked.headers:
        return said({**about, "Code": code, "Message": message}, status)
    missing = 'The input parameter "AccessKeyId" that is mandatory for processing is not supplied.'
    return said({**about, "Code": "MissingParameter", "Message": missing}, 400)


@report(
    "https://github.com/kubevela/terraform-controller/issues/52",
    "A",
    "authenticate",
    right=["auth.session_token_expired"],
    open=["auth.*", "api.call_rejected"],
    says=["expired"],
    never=["Report this to the operators"],
)
def the_token_expired_as_a_parameter() -> Iterator[Target]:
    """A temporary key of Alibaba Cloud has expired, and the cloud calls that a wrong parameter.

    'InvalidParameter: The specified parameter "SecurityToken.Expired" is not valid.'
    """
    says = 'The specified parameter "SecurityToken.Expired" is not valid.'
    rule = partial(_sts_of_alibaba, "InvalidParameter", says, 400)
    options = {"sessionToken": "CAISxyz0123456789abcdef"}
    yield from over_tls(
        rule,
        lambda at: Target(at, "alibabacloud", "STS.NUgYrLnoC37mZZCNnAbez", ALIBABA_SECRET, options),
    )


@report(
    "https://github.com/aliyun/terraform-provider-alibabacloudstack/issues/77",
    "A",
    "authenticate",
    right=["auth.session_token_missing", "auth.*", "api.*", "!api.schema_unexpected"],
    says=["empty securityToken"],
    never=["Report this to the operators"],
)
def a_private_cloud_wants_a_token() -> Iterator[Target]:
    """An Apsara Stack answers with a code of its own: it wants a security token.

    "ascm.auth.InvalidParameter: Invalid request parameters. Details: [empty securityToken]."
    """
    says = "Invalid request parameters. Details: [empty securityToken]."
    rule = partial(_sts_of_alibaba, "ascm.auth.InvalidParameter", says, 400)
    yield from over_tls(rule, _alibaba)


@report(
    "https://github.com/zfb132/qcloud-ssl-cdn/issues/28",
    "A",
    "authenticate",
    "authorize",
    right=["authz.*"],
    says=["system policy not verify|CAM"],
    never=["Report this to the operators", "secretKey"],
)
def tencent_lacks_a_policy() -> Iterator[Target]:
    """Tencent Cloud refuses a right key with a code of AuthFailure, although a policy is missing.

    AuthFailure.UnauthorizedOperation, "system policy not verify".
    """
    cloud = Cloud()
    says = f"操作未授权，请检查CAM策略。[[request id:{REQUEST_ID}]system policy not verify]"  # noqa: RUF001 -- as sent
    error = {"Code": "AuthFailure.UnauthorizedOperation", "Message": says}

    def rule(asked: Asked) -> Reply:
        if asked.headers.get("X-TC-Action") == "DescribeZones":
            return said({"Response": {"Error": error, "RequestId": REQUEST_ID}})
        return tencentcloud(cloud, asked)

    yield from over_tls(rule, lambda at: Target(at, "tencentcloud", KEY, SECRET))


@report(
    "https://github.com/jeessy2/ddns-go/issues/844",
    "E",
    REFUSED,
    "authenticate",
    right=["input.*", "auth.unknown_access_key", "auth.access_key_not_found"],
    open=["auth.*"],
    says=["Alibaba|another cloud"],
    never=["Report this to the operators"],
)
def a_key_of_alibaba_at_huawei() -> Iterator[Target]:
    """A key of Alibaba Cloud is given to Huawei Cloud, which does not know it.

    "Incorrect IAM authentication information: ak LTAI... not exist": the key of another cloud.
    """
    unknown = f"Incorrect IAM authentication information: ak {ALIBABA_KEY} not exist"

    def rule(asked: Asked) -> Reply:
        missing = "Incorrect IAM authentication information: Authorization header is missing"
        says = unknown if "Authorization" in asked.headers else missing
        content = {"error_msg": says, "error_code": "APIGW.0301", "request_id": "8080d377bffeb6d5"}
        return said(content, 401)

    yield from over_tls(
        rule, lambda at: Target(at, "huaweicloud", ALIBABA_KEY, f"{ALIBABA_SECRET}0123456789")
    )


@report(
    "https://github.com/huaweicloud/terraform-provider-huaweicloud/issues/3639",
    "E",
    REFUSED,
    right=["input.host_invalid", "input.url_malformed"],
)
def the_region_in_the_name_is_empty() -> Iterator[Target]:
    """The endpoint was put together without its region: iam..myhuaweicloud.com.

    The region had not been read from the configuration.
    """
    yield Target("https://iam..myhuaweicloud.com", "huaweicloud", KEY, SECRET)


@report(
    "https://github.com/huaweicloud/terraform-provider-huaweicloud/issues/1177",
    "A",
    "authorize",
    right=["authz.denied"],
    open=["authz.*"],
    says=["not authorized to perform"],
)
def huawei_calls_an_action_forbidden() -> Iterator[Target]:
    """Huawei Cloud's IAM refuses a right key the list of projects, in Keystone's form.

    The user lacked the right to it: {"error": {"code": 403, "title": "Forbidden", ...}}.
    """
    cloud = Cloud()
    says = "You are not authorized to perform the requested action."
    error = {"error": {"code": 403, "title": "Forbidden", "message": says}}

    def rule(asked: Asked) -> Reply:
        if asked.path.startswith("/v3/projects"):
            return said(error, 403, X_IAM_Trace_Id="cache_global", Server="api-gateway")
        return huaweicloud(cloud, asked)

    yield from over_tls(rule, lambda at: Target(at, "huaweicloud", KEY, SECRET))
