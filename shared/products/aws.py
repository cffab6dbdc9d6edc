"""AWS: the token service (STS) identifies the key's owner, EC2 shows whether it may read.

Facts are from the AWS General Reference (Signature Version 4, partitions and endpoints), the STS
and EC2 API references ("Common errors"), and issues aws-cli#6676 and okta-awscli#145.
"""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import (
    HTTP_500,
    SCHEMA_UNEXPECTED,
    UNSURE,
    not_the_product,
)
from shared.platform.answers.said import Said, hearing
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.answers.xml_answer import XmlAnswer
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told, name_in, names
from shared.platform.keys.key_forms import SLIPS_OF_CLOUDS, KeyShapes, Shape, cut_off
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    ACCOUNT_PROBLEM,
    DENIED,
    IDENTITY_CALL_DENIED,
    INVALID_CREDENTIALS,
    OVERPRIVILEGED,
    REGION_INVALID,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SESSION_TOKEN_MISSING,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.keys.permissions import permissions
from shared.platform.keys.server_clock import ServerClock
from shared.platform.keys.signed_requests import (
    authorization_lost,
    policy_denies,
    signature_refused,
)
from shared.platform.product import Credentials, Product, ProductOptions, Secret
from shared.platform.sigv4 import SIGV4, SigV4

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
_NOBODY = Credentials(SecretStr("CONNCHECK".ljust(20, "0")), SecretStr("none"))


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
    return _get(endpoint, _service_of(endpoint)[0])


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[AwsIdentity]]:
    """Check that this is AWS, and find the service, region and partition of the endpoint.

    What stands in for AWS elsewhere may not reject strangers in its form, so it is asked with a
    made-up key.
    """
    service, region = _service_of(endpoint)
    is_of_aws = endpoint.server_name.endswith(_OF_AWS)
    if is_of_aws and not _HOST.fullmatch(endpoint.server_name):
        end = "amazonaws.com.cn" if endpoint.server_name.endswith(".cn") else "amazonaws.com"
        raise Failed(OTHER_SERVICE, instead=f"sts.REGION.{end}")
    clock = ServerClock.of(hello)
    if not recognizes(hello):
        if is_of_aws or not _may_emulate(hello):
            raise not_the_product(hello)
        nobody = SigV4(endpoint, _NOBODY, None, GLOBAL_REGION, service)
        request = nobody.signed(_get(endpoint, service), clock.now)  # safe at any server
        if not recognizes((yield replace(request, presents_credentials=False))):
            raise not_the_product(hello)
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
        _refuse_rejection(endpoint, identity, answer, region)
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
    if not _is_success(answer):
        with hearing(answer):  # it may be the answer to the sign-in
            raise _denial(answer, region)
    return permissions(["ec2:DescribeRegions"], [])


def recognizes(response: HttpResponse) -> bool:
    """Return whether only STS or EC2 send such an answer, to any request."""
    answer = XmlAnswer.of(response)
    if answer.root == "ErrorResponse":
        names_request = "x-amzn-requestid" in response.headers or answer["Type"] == "Sender"
        return "Code" in answer.texts and names_request
    if answer.root in _RESULTS:
        return True
    is_of_ec2 = answer.root == "Response" and {"Errors", "RequestID"} <= answer.texts.keys()
    return is_of_ec2 or response.headers.get("server") == "AmazonEC2"


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


def _get(endpoint: Endpoint, service: str) -> HttpRequest:
    return HttpRequest("GET", f"{endpoint.path}/?{_query(service)}")


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


def _may_emulate(hello: HttpResponse) -> bool:
    """Return whether a stand-in for AWS may answer strangers like this; some answer with 500."""
    if hello.status < 300:
        return not hello.looks_like_html
    return not_the_product(hello).cause in (*UNSURE, HTTP_500)


def _code(answer: HttpResponse) -> str:
    """Return the code of an error without its ending; services with JSON add "Exception"."""
    found = XmlAnswer.of(answer)["Code"]
    if not found and answer.status >= 400:
        found = Said.of(answer).code.rpartition("#")[2]
    return found.removesuffix("Exception") if _CODE.fullmatch(found) else ""


def _is_success(answer: HttpResponse) -> bool:
    return answer.status == 200 or _code(answer) == "DryRunOperation"


_VERDICTS = {
    "InvalidClientTokenId": UNKNOWN_ACCESS_KEY,
    "UnrecognizedClient": UNKNOWN_ACCESS_KEY,
    "InvalidAccessKeyId": UNKNOWN_ACCESS_KEY,
    "AuthFailure": INVALID_CREDENTIALS,  # EC2's code for every fault of a key
    "ExpiredToken": SESSION_TOKEN_EXPIRED,
    "TokenRefreshRequired": SESSION_TOKEN_EXPIRED,
    "InvalidToken": SESSION_TOKEN_INVALID,
    "IncompleteSignature": ACCESS_KEY_MALFORMED,
}
_LATER_VERDICTS = {
    "Blocked": ACCOUNT_PROBLEM,
    "AccountProblem": ACCOUNT_PROBLEM,
    "RegionDisabled": REGION_DISABLED,
    "OptInRequired": ACCOUNT_NOT_SUBSCRIBED,
    "PendingVerification": ACCOUNT_NOT_SUBSCRIBED,
    "SubscriptionRequired": ACCOUNT_NOT_SUBSCRIBED,
    "NotSignedUp": ACCOUNT_NOT_SUBSCRIBED,
    "Throttling": THROTTLED,
    "RequestThrottled": THROTTLED,
    "RequestLimitExceeded": THROTTLED,
    "TooManyRequests": THROTTLED,
    "SlowDown": THROTTLED,
}
"""Of codes that do not judge the key pair."""
_DENIALS = ("AccessDenied", "UnauthorizedOperation", "NotAuthorized", "Unauthorized")
_WRONG_SIGNATURES = ("SignatureDoesNotMatch", "InvalidSignature")
_SKEW_CODES = ("RequestExpired", "RequestTimeTooSkewed")
_SKEW_SAYS = ("Signature expired", "Signature not yet current")


def _refuse_rejection(
    endpoint: Endpoint, identity: AwsIdentity, answer: HttpResponse, region: str
) -> None:
    """Raise unless AWS accepted the key pair.

    No permission of the key's owner is needed so far, so only something above them can deny it.
    """
    if _is_success(answer):
        return
    code, api = _code(answer), "sts:GetCallerIdentity"
    if code in (*_WRONG_SIGNATURES, *_SKEW_CODES):
        raise _of_signature(endpoint, identity, answer, region)
    if code == "MissingAuthenticationToken":
        raise authorization_lost(answer)
    facts: Facts = {"status": answer.status, "error_code": code, "region": region}
    if code in _DENIALS:
        named = policy_denies(Said.of(answer).message, api=api, **facts)
        raise named or Failed(IDENTITY_CALL_DENIED, api=api, **facts)
    cause = _VERDICTS.get(code) or _LATER_VERDICTS.get(code)
    if cause is None:
        raise refused_sign_in(answer)
    if cause is UNKNOWN_ACCESS_KEY and not identity.is_emulated:
        facts = {"aws_region": region, "partition": _partition(region), **facts}
    raise Failed(cause, api=api, **facts)


def _of_signature(
    endpoint: Endpoint, identity: AwsIdentity, answer: HttpResponse, region: str
) -> Failed:
    """Return the failure of a signature that AWS rejects; one code means date, region or key."""
    code, says = _code(answer), Said.of(answer).message
    if code in _SKEW_CODES or says.startswith(_SKEW_SAYS):
        return ServerClock.of(answer).refused(ALLOWED_SKEW_S)
    if "scoped to a valid region" in says:
        return Failed(REGION_INVALID, status=answer.status, error_code=code, region=region)
    is_of_aws = not identity.is_emulated
    return signature_refused(answer, endpoint, SIGV4, is_vendors=is_of_aws, error_code=code)


def _denial(answer: HttpResponse, region: str) -> Failed:
    """Return the failure of the read with a key pair that AWS has accepted."""
    code, says, api = _code(answer), Said.of(answer).message, "ec2:DescribeRegions"
    facts: Facts = {"status": answer.status, "error_code": code, "region": region, "api": api}
    if code in _DENIALS:
        return policy_denies(says, **facts) or Failed(DENIED, **facts)
    if cause := _LATER_VERDICTS.get(code):
        return Failed(cause, **facts)
    return refused_call(answer, api)


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
