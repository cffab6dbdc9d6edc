"""AWS: the token service (STS) identifies the key's owner, EC2 shows whether it may read.

Facts are from the AWS General Reference (Signature Version 4, partitions and endpoints), the STS
and EC2 API references ("Common errors"), and issues aws-cli#6676 and okta-awscli#145.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from pydantic import Field

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.identity import Told, name_in, names
from shared.platform.key_forms import SLIPS_OF_CLOUDS, KeyShapes, Shape, cut_off
from shared.platform.key_pair import (
    ACCESS_KEY_MALFORMED,
    DENIED,
    EXPLICIT_DENY,
    INVALID_CREDENTIALS,
    KEY_DISABLED,
    OVERPRIVILEGED,
    REGION_INVALID,
    SECRET_MISMATCH,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_MISSING,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.not_the_product import SCHEMA_UNEXPECTED, not_the_product
from shared.platform.permissions import permissions
from shared.platform.product import Credentials, Product, ProductOptions, Secret
from shared.platform.server_clock import ServerClock
from shared.platform.sigv4 import SigV4
from shared.platform.unexplained import refused_sign_in
from shared.platform.xml_answer import XmlAnswer

ALLOWED_SKEW_S = 900
GLOBAL_REGION = "us-east-1"

OTHER_SERVICE = Cause(
    code="api.other_service",
    owner="caller",
    summary="{host} is not one of the services that can verify a key pair",
    remedies=("Use {instead} as the endpoint.",),
    field="endpoint",
)
PARTITION_MISMATCH = Cause(
    code="api.partition_mismatch",
    owner="caller",
    summary="{host} belongs to the partition {partition}, but the region {region} does not",
    remedies=("Use an endpoint and a region of the same partition: aws, aws-cn or aws-us-gov.",),
    field="options.region",
)
REGION_DISABLED = Cause(
    code="api.region_disabled",
    owner="platform",
    summary="The region {region} is not enabled for the account",
    remedies=(
        "Enable the region {region} for the account, under Account > AWS Regions.",
        "Use the endpoint of a region that is enabled.",
    ),
)
ACCOUNT_NOT_SUBSCRIBED = Cause(
    code="auth.account_not_subscribed",
    owner="platform",
    summary="The account of this key pair is not subscribed to {api}, or not yet",
    remedies=("Complete the account's sign-up, or wait until AWS has verified it.",),
)

_HOST = re.compile(
    r"(?:[a-z0-9-]+\.)?(?P<service>sts|ec2)(?:-fips)?(?:\.(?P<region>[a-z]+(?:-[a-z]+)+-[0-9]+))?"
    r"(?:\.vpce)?\.(?:amazonaws\.com(?:\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn)"
)
_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn")
_PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov", "us-iso": "aws-iso", "us-isob": "aws-iso-b"}
_ACCOUNT = re.compile(r"[0-9]{12}")
_PRINCIPAL = re.compile(r"arn:(?P<partition>aws[a-z-]*):[a-z]+::[0-9]{12}:[\w+=,.@/-]{1,256}")
_CODE = re.compile(r"[A-Za-z][A-Za-z.]{1,60}")
_RESULTS = ("GetCallerIdentityResponse", "DescribeRegionsResponse")


class AwsOptions(ProductOptions):
    """The options of AWS."""

    region: str | None = Field(
        default=None,
        pattern="^[a-z]+(-[a-z]+)+-[0-9]+$",
        max_length=40,
        description="The region to sign for, if the endpoint's name does not contain it.",
    )
    session_token: Secret | None = Field(
        default=None, description="The session token of a temporary key pair (ASIA...)."
    )


@dataclass(frozen=True, slots=True)
class AwsIdentity:
    """An AWS that answers: the service and the region of the endpoint, and its clock."""

    service: str
    region: str | None
    is_emulated: bool
    clock: ServerClock


@dataclass(frozen=True, slots=True)
class AwsSession:
    """A key pair that AWS accepted: how to sign further requests, and the answer."""

    signing: SigV4
    clock: ServerClock
    answer: HttpResponse


def hello(endpoint: Endpoint) -> HttpRequest:
    """Return an unsigned request, which AWS rejects in its own form."""
    service, _ = _service_of(endpoint)
    return HttpRequest("GET", f"{endpoint.path}/?{_query(service)}")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[AwsIdentity]]:
    """Check that this is AWS, and find the service, region and partition of the endpoint."""
    yield from ()  # the first answer is enough
    service, region = _service_of(endpoint)
    is_of_aws = endpoint.server_name.endswith(_OF_AWS)
    if is_of_aws and not _HOST.fullmatch(endpoint.server_name):
        end = "amazonaws.com.cn" if endpoint.server_name.endswith(".cn") else "amazonaws.com"
        raise Failed(OTHER_SERVICE, instead=f"sts.REGION.{end}")
    if not (recognizes(hello) or (not is_of_aws and _is_emulated(hello))):
        raise not_the_product(hello)
    clock = ServerClock.of(hello)
    shown = region or (GLOBAL_REGION if is_of_aws else "")
    return Passed(
        AwsIdentity(service, region, not is_of_aws, clock),
        *clock.warnings(ALLOWED_SKEW_S),
        service=service,
        partition=_partition(shown),
        region=shown,
        clock_skew_s=clock.skew_s,
    )


def authenticate(
    endpoint: Endpoint, options: AwsOptions, identity: AwsIdentity, credentials: Credentials
) -> Flow[Passed[AwsSession]]:
    """Call GetCallerIdentity once; it needs no permission, so only the key decides."""
    region = _region(endpoint, options, identity)
    if credentials.access_key.get_secret_value().startswith("ASIA") and not options.session_token:
        raise Failed(SESSION_TOKEN_MISSING)
    signing = SigV4(endpoint, credentials, options.session_token, region, identity.service)
    answer = yield signing.signed(_post(endpoint, identity.service), identity.clock.now)
    if _code(answer) != "UnauthorizedOperation":  # EC2's, which comes after the key is judged
        _judge(answer, region, "sts:GetCallerIdentity")
    session = AwsSession(signing, ServerClock.of(answer), answer)
    if identity.service == "ec2":
        return Passed(session, region=region)
    who = _who(answer)
    if not who:
        raise Failed(SCHEMA_UNEXPECTED, status=answer.status)
    is_root = who["principal"].endswith(":root")
    warnings = [Finding(OVERPRIVILEGED, {"principal": who["principal"]})] if is_root else []
    return Passed(session, *warnings, region=region, **who)


def authorize(endpoint: Endpoint, session: AwsSession) -> Flow[Passed[None]]:
    """Check with a dry run whether the key may list EC2's regions, the cheapest read."""
    answer, region = session.answer, session.signing.region
    if session.signing.service != "ec2":
        at = _ec2_beside(endpoint, region)
        if at is None:
            return Passed(None, not_asked=("ec2:DescribeRegions",))
        signing = replace(session.signing, endpoint=at, service="ec2")
        request = signing.signed(_post(at, "ec2"), session.clock.now)
        answer = yield replace(request, at=None if at == endpoint else at)
    _judge(answer, region, "ec2:DescribeRegions")
    return permissions(["ec2:DescribeRegions"], [])


def recognizes(response: HttpResponse) -> bool:
    """Return whether only STS or EC2 send such an answer, to any request."""
    answer = XmlAnswer.of(response)
    if answer.root == "ErrorResponse":
        names_request = "x-amzn-requestid" in response.headers or answer["Type"] == "Sender"
        return "Code" in answer.texts and names_request
    is_of_ec2 = answer.root == "Response" and {"Errors", "RequestID"} <= answer.texts.keys()
    return is_of_ec2 or response.headers.get("server") == "AmazonEC2"


def _is_emulated(response: HttpResponse) -> bool:
    """Return whether an emulator of AWS has answered an unsigned request, as many do.

    The header alone is no proof: every API behind Amazon's API Gateway sends it.
    """
    answered = XmlAnswer.of(response).root in (*_RESULTS, "ListAllMyBucketsResult")
    return answered and "x-amzn-requestid" in response.headers


def _service_of(endpoint: Endpoint) -> tuple[str, str | None]:
    """Return the service in the endpoint's name, and the region if the name has one."""
    match = _HOST.fullmatch(endpoint.server_name)
    return (match["service"], match["region"]) if match else ("sts", None)


def _ec2_beside(endpoint: Endpoint, region: str) -> Endpoint | None:
    """Return the address of EC2: the same address if one server stands in for all of AWS."""
    if not endpoint.server_name.endswith(_OF_AWS):
        return endpoint
    if ".vpce." in endpoint.server_name:  # a private endpoint of STS only
        return None
    ends = (end for end in reversed(_OF_AWS) if endpoint.server_name.endswith(end))
    return Endpoint(f"ec2.{region}{next(ends)}", 443, "https")


def _partition(region: str) -> str:
    prefix = region.rpartition("-")[0].rpartition("-")[0]
    return _PARTITIONS.get(prefix, "aws")


def _region(endpoint: Endpoint, options: AwsOptions, identity: AwsIdentity) -> str:
    """Return the region to sign for; one that contradicts the endpoint is refused."""
    wanted, own = options.region, identity.region
    is_chinese = endpoint.server_name.endswith(".cn")
    if wanted and not identity.is_emulated and (_partition(wanted) == "aws-cn") != is_chinese:
        partition = "aws-cn" if is_chinese else _partition(own or GLOBAL_REGION)
        raise Failed(PARTITION_MISMATCH, region=wanted, partition=partition)
    if wanted and own and wanted != own:
        cause = REGION_INVALID if _partition(wanted) == _partition(own) else PARTITION_MISMATCH
        raise Failed(cause, region=wanted, right_region=own, partition=_partition(own))
    return wanted or own or GLOBAL_REGION


def _query(service: str) -> str:
    if service == "ec2":
        return urlencode({"Action": "DescribeRegions", "DryRun": "true", "Version": "2016-11-15"})
    return urlencode({"Action": "GetCallerIdentity", "Version": "2011-06-15"})


def _post(endpoint: Endpoint, service: str) -> HttpRequest:
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    return HttpRequest("POST", f"{endpoint.path}/", form, _query(service).encode())


def _who(answer: HttpResponse) -> dict[str, str]:
    """Return whose key pair it is by the answer of STS; nothing if that does not tell."""
    told = XmlAnswer.of(answer)
    arn, account = told["Arn"], told["Account"]
    if not (_PRINCIPAL.fullmatch(arn) and _ACCOUNT.fullmatch(account)):
        return {}
    return names(principal=arn, account=account, user=name_in(arn), user_id=told["UserId"])


def _code(answer: HttpResponse) -> str:
    code = XmlAnswer.of(answer)["Code"]
    return code if _CODE.fullmatch(code) else ""


_VERDICTS = {
    "InvalidClientTokenId": UNKNOWN_ACCESS_KEY,
    "SignatureDoesNotMatch": SECRET_MISMATCH,
    "AuthFailure": INVALID_CREDENTIALS,  # EC2's code for every fault of a key
    "ExpiredToken": SESSION_TOKEN_EXPIRED,
    "ExpiredTokenException": SESSION_TOKEN_EXPIRED,
    "IncompleteSignature": ACCESS_KEY_MALFORMED,
    "Blocked": KEY_DISABLED,
    "RegionDisabledException": REGION_DISABLED,
    "OptInRequired": ACCOUNT_NOT_SUBSCRIBED,
    "PendingVerification": ACCOUNT_NOT_SUBSCRIBED,
    "Throttling": THROTTLED,
    "ThrottlingException": THROTTLED,
    "RequestLimitExceeded": THROTTLED,
    "AccessDenied": DENIED,
    "UnauthorizedOperation": DENIED,
}
_SKEW_SAYS = ("Signature expired", "Signature not yet current")


def _judge(answer: HttpResponse, region: str, api: str) -> None:
    """Raise unless AWS accepted the key pair and allowed the call."""
    code = _code(answer)
    if answer.status == 200 or code == "DryRunOperation":
        return
    says = XmlAnswer.of(answer)["Message"]
    if code == "RequestExpired" or (
        code == "SignatureDoesNotMatch" and says.startswith(_SKEW_SAYS)
    ):
        raise ServerClock.of(answer).refused(ALLOWED_SKEW_S)
    if code == "SignatureDoesNotMatch" and "scoped to a valid region" in says:
        raise Failed(REGION_INVALID, region=region, error_code=code)
    cause = _VERDICTS.get(code)
    if cause is DENIED and "explicit deny" in says:
        cause = EXPLICIT_DENY
    if cause:
        raise Failed(cause, status=answer.status, error_code=code, region=region, api=api)
    raise refused_sign_in(answer)


PRODUCTS = (
    Product(
        name="aws",
        title="AWS",
        aliases=("amazon",),
        access_key_is="access key ID (IAM > Users > Security credentials)",
        secret_key_is="secret access key",
        default_scheme="https",
        default_port=443,
        example="sts.eu-central-1.amazonaws.com",
        key_shapes=KeyShapes(
            Shape("A[KS]IA[A-Z0-9]{16}", "AKIA or ASIA and 16 capitals and digits"),
            Shape("[A-Za-z0-9/+]{40}", "40 letters, digits, / and +"),
            are_general=False,
        ),
        slips=(
            *SLIPS_OF_CLOUDS,
            cut_off("accessKey", "A[KS]IA", "[A-Z0-9]", 16),
            cut_off("secretKey", "", "[A-Za-z0-9/+]", 40, other="A[KS]IA[A-Z0-9]{16}"),
        ),
        own_hosts=_OF_AWS,
        console_hosts=r"(?:[a-z0-9-]+\.)*(?:console|signin)\.(?:aws\.amazon\.com|amazonaws\.cn)",
        temporary_keys="ASIA[A-Z0-9]{16}",
        options=AwsOptions,
        hello=hello,
        identify=identify,
        authenticate=authenticate,
        authorize=authorize,
        recognizes=recognizes,
        identity={
            "account": Told("the account's ID of 12 digits", ("account",)),
            "user": Told(
                "name, ID or ARN of the IAM user or role", ("user", "user_id", "principal")
            ),
        },
    ),
)
