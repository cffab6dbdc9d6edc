"""Alibaba Cloud: requests signed with ACS3-HMAC-SHA256.

Facts are from help.aliyun.com ("Request syntax and signature method V3", STS GetCallerIdentity, ECS
DescribeRegions and its common errors).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from hmac import HMAC
from secrets import token_hex
from urllib.parse import quote, urlencode

from pydantic import Field, SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import (
    SCHEMA_UNEXPECTED,
    WRONG_PRODUCT,
    not_the_product,
)
from shared.platform.answers.said import Said
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told, name_in, names
from shared.platform.keys.key_forms import SLIPS_OF_CLOUDS, KeyShapes, Shape, cut_off
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    ACCESS_KEY_NOT_FOUND,
    ACCOUNT_PROBLEM,
    DENIED,
    EXPLICIT_DENY,
    IDENTITY_CALL_DENIED,
    KEY_DISABLED,
    OVERPRIVILEGED,
    POLICY_LIMIT,
    REQUEST_REPLAYED,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SESSION_TOKEN_MISSING,
    SOURCE_IP_NOT_ALLOWED,
    THROTTLED,
)
from shared.platform.keys.permissions import permissions
from shared.platform.keys.server_clock import ServerClock
from shared.platform.keys.signed_requests import (
    ORGANISATIONS_POLICY,
    SESSIONS_POLICY,
    Greeted,
    authorization_lost,
    is_as_unsigned,
    signature_refused,
)
from shared.platform.product import Credentials, Product, ProductOptions, Secret

ALLOWED_SKEW_S = 900
GLOBAL_REGION = "cn-hangzhou"

_HOST = re.compile(r"(?:sts|ecs)(?:-vpc)?(?:[.-](?P<region>[a-z]+(?:-[a-z0-9]+)+))?\.aliyuncs\.com")
_OF_ALIBABA = ".aliyuncs.com"
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9._]{1,80}")
_NAME = re.compile(r"[\w:+=,.@/*-]{1,256}")


class AlibabacloudOptions(ProductOptions):
    """The options of Alibaba Cloud."""

    region: str | None = Field(
        default=None,
        pattern="^[a-z]+(-[a-z0-9]+)+$",
        max_length=40,
        description="The region whose ECS is read, if the endpoint's name does not contain it.",
    )
    session_token: Secret | None = Field(
        default=None, description="The security token of a temporary key pair (STS...)."
    )


@dataclass(frozen=True, slots=True)
class Call:
    """An action of one of the services."""

    action: str
    version: str
    parameters: Mapping[str, str]


WHO_AM_I = Call("GetCallerIdentity", "2015-04-01", {})
LIST_REGIONS = Call("DescribeRegions", "2014-05-26", {})


@dataclass(frozen=True, slots=True)
class Acs3:
    """A key pair to sign with."""

    credentials: Credentials
    session_token: SecretStr | None

    def signed(
        self, endpoint: Endpoint, call: Call, now: datetime, nonce: str | None = None
    ) -> HttpRequest:
        """Return the request for `call`, signed as of `now`, in UTC."""
        headers = {
            "host": endpoint.host_header,
            "x-acs-action": call.action,
            "x-acs-content-sha256": sha256(b"").hexdigest(),
            "x-acs-date": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": nonce or token_hex(16),
            "x-acs-version": call.version,
        }
        if self.session_token:
            headers["x-acs-security-token"] = self.session_token.get_secret_value()
        query = urlencode(sorted(call.parameters.items()), quote_via=quote, safe="-_.~")
        path = f"{endpoint.path}/"
        names = ";".join(sorted(headers))
        signature = self._signature(_canonical("POST", path, query, headers))
        key = self.credentials.access_key.get_secret_value()
        value = f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders={names},Signature={signature}"
        sent = {name: text for name, text in headers.items() if name != "host"}
        return HttpRequest(
            "POST",
            f"{path}?{query}" if query else path,
            {**sent, "Authorization": value},
            presents_credentials=True,
        )

    def _signature(self, canonical: str) -> str:
        text = f"ACS3-HMAC-SHA256\n{sha256(canonical.encode()).hexdigest()}"
        secret = self.credentials.secret_key.get_secret_value()
        return HMAC(secret.encode(), text.encode(), sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class AlibabacloudSession:
    """A key pair that Alibaba Cloud accepted, with the request and the answer."""

    signing: Acs3
    region: str
    clock: ServerClock


def hello(endpoint: Endpoint) -> HttpRequest:
    """Return an unsigned request, which the gateway rejects in its own form."""
    query = {"Action": WHO_AM_I.action, "Version": WHO_AM_I.version, "Format": "JSON"}
    return HttpRequest("GET", f"{endpoint.path}/?{urlencode(query)}")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[Greeted]]:
    """Check that this is Alibaba Cloud's gateway, and read its clock."""
    yield from ()  # the first answer is enough
    if not recognizes(hello):
        raise not_the_product(hello)
    if _code(hello) in ("InvalidVersion", "InvalidAction.NotFound"):  # another service's gateway
        raise Failed(WRONG_PRODUCT, status=hello.status, error_code=_code(hello))
    clock = ServerClock.of(hello)
    warnings = clock.warnings(ALLOWED_SKEW_S)
    return Passed(Greeted(clock, hello), *warnings, clock_skew_s=clock.skew_s)


def authenticate(
    endpoint: Endpoint,
    options: AlibabacloudOptions,
    identity: Greeted,
    credentials: Credentials,
) -> Flow[Passed[AlibabacloudSession]]:
    """Call GetCallerIdentity once; it needs no permission, so only the key decides."""
    if _is_temporary(credentials) and not options.session_token:
        raise Failed(SESSION_TOKEN_MISSING)
    signing = Acs3(credentials, options.session_token)
    answer = yield signing.signed(endpoint, WHO_AM_I, identity.clock.now)
    if not _is_success(answer):
        raise _rejection(endpoint, identity.unsigned, answer)
    said = answer.json_object()
    principal, account = _name(said.get("Arn")), _name(said.get("AccountId"))
    if not (principal and account):
        raise Failed(SCHEMA_UNEXPECTED, status=answer.status)
    is_root = said.get("IdentityType") == "Account"
    warnings = [Finding(OVERPRIVILEGED, {"principal": principal})] if is_root else []
    match = _HOST.fullmatch(endpoint.server_name)
    region = options.region or (match and match["region"]) or GLOBAL_REGION
    session = AlibabacloudSession(signing, region, ServerClock.of(answer))
    who = names(user=name_in(principal), user_id=said.get("UserId"))
    return Passed(session, *warnings, principal=principal, account=account, **who)


def authorize(endpoint: Endpoint, session: AlibabacloudSession) -> Flow[Passed[None]]:
    """Check whether the key may list the regions of ECS, the cheapest read."""
    at = endpoint
    if endpoint.server_name.endswith(_OF_ALIBABA):
        at = Endpoint(f"ecs.{session.region}.aliyuncs.com", 443, "https")
    request = session.signing.signed(at, LIST_REGIONS, session.clock.now)
    answer = yield replace(request, at=None if at == endpoint else at)
    if not _is_success(answer):
        raise _denial(answer)
    return permissions(["ecs:DescribeRegions"], [])


def _name(value: object) -> str:
    """Return the value if it can be a name of the platform, else nothing."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""


def recognizes(response: HttpResponse) -> bool:
    """Return whether only Alibaba Cloud sends such an answer, to any request."""
    said = response.json_object()
    return {"RequestId", "HostId", "Code"} <= said.keys()


def _canonical(method: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    lines = [f"{name}:{headers[name].strip()}\n" for name in sorted(headers)]
    names = ";".join(sorted(headers))
    return "\n".join((method, path, query, "".join(lines), names, headers["x-acs-content-sha256"]))


def _is_temporary(credentials: Credentials) -> bool:
    return credentials.access_key.get_secret_value().startswith("STS.")


def _code(answer: HttpResponse) -> str:
    code = answer.json_object().get("Code")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _is_success(answer: HttpResponse) -> bool:
    return answer.status == 200 and not _code(answer) and "RequestId" in answer.json_object()


# By the whole code, in lower case: services spell the same code in different ways.
_VERDICTS = {
    **dict.fromkeys(
        (
            *("invalidaccesskeyid", "invalidaccesskeyid.notfound", "invalidaccesskey.notfound"),
            *("accesskeyid.notfound", "accesskeynotfound", "nosuchaccesskey"),
        ),
        ACCESS_KEY_NOT_FOUND,
    ),
    "invalidaccesskeyid.malformed": ACCESS_KEY_MALFORMED,
    **dict.fromkeys(
        (
            *("invalidaccesskeyid.inactive", "invalidaccesskeyid.disabled", "noenabledaccesskey"),
            *("forbidden.accesskeydisabled", "accesskeydisabled", "forbidden.accesskey.disabled"),
        ),
        KEY_DISABLED,
    ),
    "signaturenonceused": REQUEST_REPLAYED,
    **dict.fromkeys(
        ("invalidsecuritytoken.expired", "securitytoken.expired"), SESSION_TOKEN_EXPIRED
    ),
    **dict.fromkeys(
        (
            *("invalidsecuritytoken", "invalidsecuritytoken.malformed", "securitytoken.malformed"),
            *("invalidsecuritytoken.mismatchwithaccesskey", "invalidsecuritytoken.notfound"),
        ),
        SESSION_TOKEN_INVALID,
    ),
    "missingsecuritytoken": SESSION_TOKEN_MISSING,
}
_LATER_VERDICTS = dict.fromkeys(
    (
        *("realnameauthenticationerror", "forbidden.userverification", "forbidden.arrearage"),
        *("insufficientbalance", "account.arrearage", "forbidden.notopened", "usernotactive"),
        *("userdisable", "invalidaccountstatus", "forbidden.riskcontrol", "forbidden.unsubscribed"),
    ),
    ACCOUNT_PROBLEM,
)
"""Of codes that do not judge the key pair."""
_WRONG_SIGNATURES = ("signaturedoesnotmatch", "incompletesignature", "invalidsignature")
_SKEWED = ("invalidtimestamp", "illegaltimestamp", "requesttimetooskewed")
# "Forbidden" with another ending is not among them: it has many meanings.
_DENIALS = (
    *("forbidden", "forbidden.ram", "forbidden.nopermission", "forbidden.unauthorized"),
    *("forbidden.subuser", "forbidden.notsupportram", "forbedden.notsupportram", "nopermission"),
    *("accessdenied", "notauthorized", "unauthorized", "actionunauthorized", "implicitdeny"),
    *("unauthorizedoperation", "explicitdeny", "authenticationfail.nopermission"),
)
# What one code leaves open; messages of Apsara Stack are among them, whose codes begin with "ascm".
_SAYINGS = tuple(
    (re.compile(pattern, re.IGNORECASE), cause)
    for pattern, cause in (
        (r"security ?token\.?.{0,20}expired|expired.{0,20}security ?token", SESSION_TOKEN_EXPIRED),
        (r"(empty|missing) security ?token|security ?token.{0,20}mandatory", SESSION_TOKEN_MISSING),
        (r"security ?token", SESSION_TOKEN_INVALID),
        (r"source ?ip|ip (address|white ?list|black ?list)|network access", SOURCE_IP_NOT_ALLOWED),
        (r"real[- ]?name|overdue|arrear|not (open|activat|subscrib)", ACCOUNT_PROBLEM),
        (r"(access ?key|user|account)\b.{0,60}\b(disabled|inactive)", KEY_DISABLED),
    )
)
_PARAMETERS_LOST = re.compile(r"\b(AccessKeyId|Signature|Authorization)\b.{0,60}mandatory")


def _meaning(answer: HttpResponse) -> Cause | None:
    """Return what the gateway says of the key pair or its account; None if that is not known."""
    code, says = _code(answer).lower(), Said.of(answer).message[:1000]
    root = code.partition(".")[0]
    if root == "throttling":
        return THROTTLED
    known = _VERDICTS.get(code) or _LATER_VERDICTS.get(code)
    # The message is more precise where the code is of a group, or of no group that is known.
    is_open = known in (None, KEY_DISABLED) and code not in _DENIALS
    said = (cause for pattern, cause in _SAYINGS if pattern.search(says))
    return next(said, known) if is_open and code else known


def _rejection(endpoint: Endpoint, unsigned: HttpResponse, answer: HttpResponse) -> Failed:
    """Return the failure of a key pair that the gateway does not accept.

    No permission of the key's owner is needed so far, so only something above them can deny it.
    """
    code = _code(answer).lower()
    if code.partition(".")[0] in _SKEWED:
        return ServerClock.of(answer).refused(ALLOWED_SKEW_S)
    facts: dict[str, Fact] = {"status": answer.status, "error_code": _code(answer)}
    if code in _WRONG_SIGNATURES:
        is_vendors = endpoint.server_name.endswith(_OF_ALIBABA)
        named = _code(answer)
        return signature_refused(answer, endpoint, "ACS3", is_vendors=is_vendors, error_code=named)
    if is_as_unsigned(unsigned, answer) or _lacks_signature(code, answer):
        return authorization_lost(answer)
    if code in _DENIALS:
        facts["api"] = "sts:GetCallerIdentity"
        return _by_policy(answer, facts) or Failed(IDENTITY_CALL_DENIED, **facts)
    cause = _meaning(answer)
    return Failed(cause, **facts) if cause else refused_sign_in(answer)


def _lacks_signature(code: str, answer: HttpResponse) -> bool:
    if code in ("missingaccesskeyid", "missingsignature", "missingauthorization"):
        return True
    return code == "missingparameter" and bool(_PARAMETERS_LOST.search(Said.of(answer).message))


def _denial(answer: HttpResponse) -> Failed:
    """Return the failure of the read with a key pair that the gateway has accepted."""
    api, code = "ecs:DescribeRegions", _code(answer)
    facts: dict[str, Fact] = {"status": answer.status, "error_code": code, "api": api}
    if code.lower() in _DENIALS:
        return _by_policy(answer, facts) or Failed(DENIED, **facts)
    cause = _meaning(answer)
    if cause is None or cause.is_rejection:  # it has accepted the key pair
        return refused_call(answer, api)
    return Failed(cause, **facts)


def _by_policy(answer: HttpResponse, facts: Facts) -> Failed | None:
    """Return the failure if a policy above the grants to the key's owner denies the call.

    The member AccessDeniedDetail names the type of the policy (help.aliyun.com, "Troubleshoot
    access denied errors").
    """
    detail = answer.json_object().get("AccessDeniedDetail")
    if not isinstance(detail, dict):
        return None
    kinds = {"ControlPolicy": ORGANISATIONS_POLICY, "SessionPolicy": SESSIONS_POLICY}
    policy = kinds.get(str(detail.get("PolicyType")))
    known: dict[str, Fact] = {"policy": policy} if policy else {}
    if detail.get("NoPermissionType") == "ExplicitDeny":
        return Failed(EXPLICIT_DENY, **known, **facts)
    return Failed(POLICY_LIMIT, **known, **facts) if policy else None


PRODUCTS = (
    Product(
        name="alibabacloud",
        title="Alibaba Cloud",
        aliases=("aliyun", "alicloud", "alibaba"),
        access_key_is="AccessKey ID (RAM > Users > AccessKey)",
        secret_key_is="AccessKey secret",
        default_scheme="https",
        default_port=443,
        example="sts.eu-central-1.aliyuncs.com",
        key_shapes=KeyShapes(
            Shape(
                r"LTAI[A-Za-z0-9]{12,26}|STS\.[A-Za-z0-9]{10,60}",
                "LTAI and 20 letters and digits",
            ),
            Shape("[A-Za-z0-9]{30,50}", "30 letters and digits"),
            are_general=False,
        ),
        slips=(
            *SLIPS_OF_CLOUDS,
            cut_off("secretKey", "", "[A-Za-z0-9]", 30, other="LTAI5t[A-Za-z0-9]{18}"),
        ),
        own_hosts=(_OF_ALIBABA,),
        console_hosts=r"(?:[a-z0-9-]+\.)*(?:console|signin)\.(?:aliyun|alibabacloud)\.com",
        temporary_keys=r"STS\..+",
        options=AlibabacloudOptions,
        hello=hello,
        identify=identify,
        authenticate=authenticate,
        authorize=authorize,
        recognizes=recognizes,
        identity={
            "account": Told("the account's ID", ("account",)),
            "user": Told(
                "name, ID or ARN of the RAM user or role", ("user", "user_id", "principal")
            ),
        },
    ),
)
