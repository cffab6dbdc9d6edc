"""Tencent Cloud: requests signed with TC3-HMAC-SHA256; errors come with status 200.

Facts are from cloud.tencent.com ("Signature v3", "Common error codes", STS GetCallerIdentity).
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from hmac import HMAC
from typing import Any

from pydantic import Field, SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import HTTP_500, SCHEMA_UNEXPECTED, not_the_product
from shared.platform.answers.said import Said
from shared.platform.answers.unexplained import (
    CALL_REFUSED,
    SIGN_IN_REFUSED,
    refused_call,
    refused_sign_in,
)
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_forms import SLIPS_OF_CLOUDS, KeyShapes, Shape, cut_off
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    ACCOUNT_PROBLEM,
    DENIED,
    IDENTITY_CALL_DENIED,
    MFA_OR_SSO_REQUIRED,
    OVERPRIVILEGED,
    REGION_INVALID,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SOURCE_IP_NOT_ALLOWED,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.keys.permissions import permissions
from shared.platform.keys.server_clock import ServerClock
from shared.platform.keys.signed_requests import (
    Greeted,
    authorization_lost,
    is_as_unsigned,
    policy_denies,
    signature_refused,
)
from shared.platform.product import Credentials, Product, ProductOptions, Secret

ALLOWED_SKEW_S = 300
USUAL_REGION = "ap-guangzhou"
JSON = "application/json; charset=utf-8"

_HOST = re.compile(
    r"sts\.(?:intl\.)?(?P<region>[a-z]+-[a-z0-9-]+)\.(?:intl\.)?tencentcloudapi\.com"
)
_OF_TENCENT = (".intl.tencentcloudapi.com", ".tencentcloudapi.com")
_CODE = re.compile(r"[A-Z][A-Za-z0-9]{1,60}(\.[A-Za-z0-9]{1,60}){0,2}")
_NAME = re.compile(r"[\w:+=,.@/*-]{1,256}")


class TencentcloudOptions(ProductOptions):
    """The options of Tencent Cloud."""

    region: str | None = Field(
        default=None,
        pattern="^[a-z]+(-[a-z0-9]+)+$",
        max_length=40,
        description=f"The region to ask; {USUAL_REGION} if the endpoint's name contains none.",
    )
    session_token: Secret | None = Field(
        default=None, description="The token of a temporary key pair."
    )


@dataclass(frozen=True, slots=True)
class Call:
    """An action of one of the services."""

    service: str
    action: str
    version: str


WHO_AM_I = Call("sts", "GetCallerIdentity", "2018-08-13")
LIST_ZONES = Call("cvm", "DescribeZones", "2017-03-12")


@dataclass(frozen=True, slots=True)
class Tc3:
    """A key pair to sign with, and the region of the requests."""

    credentials: Credentials
    session_token: SecretStr | None
    region: str

    def signed(self, endpoint: Endpoint, call: Call, now: datetime) -> HttpRequest:
        """Return the request for `call`, signed as of `now`, in UTC."""
        headers = {"content-type": JSON, "host": endpoint.host_header}
        headers["x-tc-action"] = call.action.lower()
        body, seconds = b"{}", int(now.timestamp())
        secret = self.credentials.secret_key.get_secret_value()
        signature = sign(secret, call.service, seconds, headers, body)
        scope = f"{_day(seconds)}/{call.service}/tc3_request"
        key = self.credentials.access_key.get_secret_value()
        sent = {
            "Content-Type": JSON,
            "X-TC-Action": call.action,
            "X-TC-Version": call.version,
            "X-TC-Timestamp": str(seconds),
            "X-TC-Region": self.region,
            "Authorization": f"TC3-HMAC-SHA256 Credential={key}/{scope}, "
            f"SignedHeaders={';'.join(headers)}, Signature={signature}",
        }
        if self.session_token:
            sent["X-TC-Token"] = self.session_token.get_secret_value()
        return HttpRequest("POST", "/", sent, body, presents_credentials=True)


@dataclass(frozen=True, slots=True)
class TencentcloudSession:
    """A key pair that Tencent Cloud accepted, and the clock at that time."""

    signing: Tc3
    clock: ServerClock


def hello(endpoint: Endpoint) -> HttpRequest:
    """Return an unsigned request, which the gateway rejects in its own form."""
    return HttpRequest("GET", "/")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[Greeted]]:
    """Check that this is Tencent Cloud's gateway, and read its clock."""
    yield from ()  # the first answer is enough
    if not recognizes(hello):
        raise not_the_product(hello)
    clock = ServerClock.of(hello)
    warnings = clock.warnings(ALLOWED_SKEW_S)
    return Passed(Greeted(clock, hello), *warnings, clock_skew_s=clock.skew_s)


def authenticate(
    endpoint: Endpoint,
    options: TencentcloudOptions,
    identity: Greeted,
    credentials: Credentials,
) -> Flow[Passed[TencentcloudSession]]:
    """Call GetCallerIdentity once; it needs no permission, so only the key decides."""
    region = options.region or _region_of(endpoint) or USUAL_REGION
    signing = Tc3(credentials, options.session_token, region)
    answer = yield signing.signed(endpoint, WHO_AM_I, identity.clock.now)
    said = _response(answer)
    if said is None:
        raise _rejection(endpoint, identity.unsigned, answer, region)
    principal, account = _name(said.get("Arn")), _name(said.get("AccountId"))
    if not (principal and account):
        raise Failed(SCHEMA_UNEXPECTED, status=answer.status)
    is_root = said.get("Type") == "RootAccount" or principal.endswith(":root")
    warnings = [Finding(OVERPRIVILEGED, {"principal": principal})] if is_root else []
    session = TencentcloudSession(signing, ServerClock.of(answer))
    who = names(user_id=said.get("UserId"), principal_id=said.get("PrincipalId"))
    return Passed(session, *warnings, region=region, principal=principal, account=account, **who)


def authorize(endpoint: Endpoint, session: TencentcloudSession) -> Flow[Passed[None]]:
    """Check whether the key may list the zones of CVM, the cheapest read."""
    ends = (end for end in _OF_TENCENT if endpoint.server_name.endswith(end))
    end = next(ends, None)
    at = Endpoint(f"cvm{end}", 443, "https") if end else endpoint
    request = session.signing.signed(at, LIST_ZONES, session.clock.now)
    answer = yield replace(request, at=None if at == endpoint else at)
    said = _response(answer)
    if said is None:
        raise _denial(answer, session.signing.region)
    table = permissions(["cvm:DescribeZones"], [])
    zones = said.get("TotalCount")
    return Passed(None, zones=zones if isinstance(zones, int) else 0, **table.facts)


def _name(value: object) -> str:
    """Return the value if it can be a name of the platform, else nothing."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def recognizes(response: HttpResponse) -> bool:
    """Return whether only Tencent Cloud sends such an answer, to any request."""
    said = response.json_object().get("Response")
    return isinstance(said, dict) and isinstance(said.get("RequestId"), str)


def sign(secret: str, service: str, seconds: int, headers: dict[str, str], body: bytes) -> str:
    """Return the signature of a POST to /; `headers` are in lower case and sorted."""
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    names = ";".join(headers)
    canonical = f"POST\n/\n\n{lines}\n{names}\n{sha256(body).hexdigest()}"
    scope = f"{_day(seconds)}/{service}/tc3_request"
    hashed = sha256(canonical.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{seconds}\n{scope}\n{hashed}"
    key = f"TC3{secret}".encode()
    for part in scope.split("/"):
        key = HMAC(key, part.encode(), sha256).digest()
    return HMAC(key, text.encode(), sha256).hexdigest()


def _day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _region_of(endpoint: Endpoint) -> str:
    """Return the region in a name like sts.ap-guangzhou.tencentcloudapi.com, else nothing."""
    match = _HOST.fullmatch(endpoint.server_name)
    return match["region"] if match else ""


_VERDICTS = {
    "AuthFailure.SecretIdNotFound": UNKNOWN_ACCESS_KEY,
    "AuthFailure.TokenFailure": SESSION_TOKEN_INVALID,
    "AuthFailure.InvalidSecretId": ACCESS_KEY_MALFORMED,
    "AuthFailure.MFAFailure": MFA_OR_SSO_REQUIRED,
}
# By the part before the point: of these codes the documentation says that all parts after it are
# finer reasons of the same.
_LATER_VERDICTS = {
    "RequestLimitExceeded": THROTTLED,
    "InternalError": HTTP_500,
    "UnsupportedRegion": REGION_INVALID,
    "IpInBlacklist": SOURCE_IP_NOT_ALLOWED,
    "IpNotInWhitelist": SOURCE_IP_NOT_ALLOWED,
}
"""Of codes that do not judge the key pair."""
_SAYINGS = (
    (re.compile("token.{0,40}expire", re.IGNORECASE), SESSION_TOKEN_EXPIRED),
    (re.compile("arrears|overdue|not activated|\u6b20\u8d39", re.IGNORECASE), ACCOUNT_PROBLEM),
)
_MFA = re.compile("MFA", re.IGNORECASE)
_OF_SIGNATURES = ("AuthFailure", "MissingParameter", "InvalidParameter")


def _response(answer: HttpResponse) -> dict[str, Any] | None:
    """Return what the call returned; None if it failed, which has status 200, too."""
    said = answer.json_object().get("Response")
    return said if isinstance(said, dict) and said.get("Error") is None else None


def _code(answer: HttpResponse) -> str:
    said = answer.json_object().get("Response")
    error = said.get("Error") if isinstance(said, dict) else None
    found = error.get("Code") if isinstance(error, dict) else None
    return found if isinstance(found, str) and _CODE.fullmatch(found) else ""


def _is_denial(code: str) -> bool:
    return code.partition(".")[0] == "UnauthorizedOperation" or (
        code == "AuthFailure.UnauthorizedOperation"
    )


def _meaning(answer: HttpResponse) -> Cause | None:
    """Return what the gateway says of the key pair or its account; None if that is not known."""
    code, says = _code(answer), Said.of(answer).message[:1000]
    if _is_denial(code) and _MFA.search(code):
        return MFA_OR_SSO_REQUIRED
    known = _VERDICTS.get(code) or _LATER_VERDICTS.get(code.partition(".")[0])
    if known in (None, SESSION_TOKEN_INVALID) and code.startswith("AuthFailure."):
        return next((cause for pattern, cause in _SAYINGS if pattern.search(says)), known)
    return known


def _rejection(
    endpoint: Endpoint, unsigned: HttpResponse, answer: HttpResponse, region: str
) -> Failed:
    """Return the failure of a key pair that the gateway does not accept.

    No permission of the key's owner is needed so far, so only something above them can deny it.
    """
    code = _code(answer)
    if code == "AuthFailure.SignatureExpire":
        return ServerClock.of(answer).refused(ALLOWED_SKEW_S)
    if code == "AuthFailure.SignatureFailure":
        is_vendors = endpoint.server_name.endswith(_OF_TENCENT)
        return signature_refused(answer, endpoint, "TC3", is_vendors=is_vendors, error_code=code)
    facts: dict[str, Fact] = {"status": answer.status, "error_code": code}
    if cause := _meaning(answer):
        return Failed(cause, region=region, **facts)
    if is_as_unsigned(unsigned, answer) and code.partition(".")[0] in _OF_SIGNATURES:
        return authorization_lost(answer)
    if _is_denial(code):
        facts["api"] = "sts:GetCallerIdentity"
        named = policy_denies(Said.of(answer).message, **facts)
        return named or Failed(IDENTITY_CALL_DENIED, **facts)
    # Its status is 200, which says nothing.
    is_refusal = code.startswith("AuthFailure.")
    return Failed(SIGN_IN_REFUSED, **facts) if is_refusal else refused_sign_in(answer)


def _denial(answer: HttpResponse, region: str) -> Failed:
    """Return the failure of the read with a key pair that the gateway has accepted."""
    api, code = "cvm:DescribeZones", _code(answer)
    facts: dict[str, Fact] = {"status": answer.status, "error_code": code, "api": api}
    cause = _meaning(answer)
    if cause and not cause.is_rejection:
        return Failed(cause, region=region, **facts)
    if _is_denial(code):
        return policy_denies(Said.of(answer).message, **facts) or Failed(DENIED, **facts)
    is_refusal = code.startswith("AuthFailure.")
    return Failed(CALL_REFUSED, **facts) if is_refusal else refused_call(answer, api)


PRODUCTS = (
    Product(
        name="tencentcloud",
        title="Tencent Cloud",
        aliases=("tencent", "qcloud"),
        access_key_is="SecretId (CAM > Users > API keys)",
        secret_key_is="SecretKey",
        default_scheme="https",
        default_port=443,
        example="sts.tencentcloudapi.com",
        key_shapes=KeyShapes(
            Shape("AKID([A-Za-z0-9]{32}|[A-Za-z0-9_-]{40,80})", "AKID and 32 letters and digits"),
            Shape("[A-Za-z0-9]{32}|[A-Za-z0-9+/=]{40,64}", "32 letters and digits"),
            are_general=False,
        ),
        slips=(
            *SLIPS_OF_CLOUDS,
            cut_off("accessKey", "AKID", "[A-Za-z0-9]", 32),
            cut_off("secretKey", "", "[A-Za-z0-9]", 32, other="AKID[A-Za-z0-9]{32}"),
        ),
        own_hosts=_OF_TENCENT,
        console_hosts=r"(?:[a-z0-9-]+\.)*console\.(?:cloud\.tencent|tencentcloud)\.com",
        options=TencentcloudOptions,
        hello=hello,
        identify=identify,
        authenticate=authenticate,
        authorize=authorize,
        recognizes=recognizes,
        identity={
            "account": Told("the account's ID (uin)", ("account",)),
            "user": Told(
                "ID (uin) or ARN of the user or role", ("user_id", "principal_id", "principal")
            ),
        },
    ),
)
