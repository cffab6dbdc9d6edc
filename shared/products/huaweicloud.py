"""Huawei Cloud: requests signed with SDK-HMAC-SHA256.

Facts are from support.huaweicloud.com ("AK/SK signing and authentication", STS GetCallerIdentity,
IAM "Querying projects", and the OCR FAQ on APIGW.0301).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from hmac import HMAC

from pydantic import Field, SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Fact, Facts, Failed, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import (
    SCHEMA_UNEXPECTED,
    WRONG_PRODUCT,
    not_the_product,
)
from shared.platform.answers.said import Said
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_forms import SLIPS_OF_CLOUDS, KeyShapes, Shape, cut_off
from shared.platform.keys.key_pair import (
    ACCOUNT_LOCKED,
    ACCOUNT_PROBLEM,
    DENIED,
    HEADER_LOST,
    IDENTITY_CALL_DENIED,
    KEY_DISABLED,
    SECRET_MISMATCH,
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

ALLOWED_SKEW_S = 900
LOCKED_MIN = 5  # after more than five failures in a row
WHO_AM_I = "/v5/caller-identity"
PROJECTS = "/v3/projects"

KEY_OF_OTHER_KIND = Cause(
    code="auth.key_of_other_kind",
    owner="caller",
    summary="{host} treats the key pair as that of an API gateway app, not of an account",
    remedies=("Enter an access key from My Credentials > Access Keys.",),
    field="accessKey",
)

_HOST = re.compile(r"(?P<service>sts|iam)\.(?P<end>(?:[a-z0-9-]+\.)*myhuaweicloud\.(?:com|cn|eu))")
_OF_HUAWEI = (".myhuaweicloud.com", ".myhuaweicloud.cn", ".myhuaweicloud.eu")
_CODE = re.compile(r"(?:APIGW|APIG|PAP5|IAM5?|STS5?|SVCSTG)\.[0-9]{1,8}")
_NAME = re.compile(r"[\w:+=,.@/*-]{1,256}")


class HuaweicloudOptions(ProductOptions):
    """The options of Huawei Cloud."""

    session_token: Secret | None = Field(
        default=None, description="The security token of a temporary key pair."
    )


@dataclass(frozen=True, slots=True)
class SdkHmac:
    """A key pair to sign with."""

    credentials: Credentials
    session_token: SecretStr | None

    def signed(self, endpoint: Endpoint, path: str, now: datetime) -> HttpRequest:
        """Return a GET of `path`, signed as of `now`, in UTC."""
        date = f"{now:%Y%m%dT%H%M%SZ}"
        headers = {"host": endpoint.host_header, "x-sdk-date": date}
        secret = self.credentials.secret_key.get_secret_value()
        signature = sign(secret, f"{endpoint.path}{path}", "", headers)
        key = self.credentials.access_key.get_secret_value()
        sent = {
            "X-Sdk-Date": date,
            "Authorization": f"SDK-HMAC-SHA256 Access={key}, "
            f"SignedHeaders={';'.join(headers)}, Signature={signature}",
        }
        if self.session_token:
            sent["X-Security-Token"] = self.session_token.get_secret_value()
        return HttpRequest("GET", f"{endpoint.path}{path}", sent, presents_credentials=True)


@dataclass(frozen=True, slots=True)
class HuaweicloudSession:
    """A key pair that Huawei Cloud accepted, with the answer and the clock at that time."""

    signing: SdkHmac
    service: str
    answer: HttpResponse


def hello(endpoint: Endpoint) -> HttpRequest:
    """Return an unsigned request, which the gateway rejects in its own form."""
    return HttpRequest("GET", f"{endpoint.path}{_first_call(endpoint)[1]}")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[Greeted]]:
    """Check that this is Huawei Cloud's gateway, and read its clock."""
    yield from ()  # the first answer is enough
    if not recognizes(hello):
        raise not_the_product(hello)
    if hello.status == 404:  # the gateway of a service that has no such call
        raise Failed(WRONG_PRODUCT, status=hello.status, error_code=_code(hello))
    clock = ServerClock.of(hello)
    warnings = clock.warnings(ALLOWED_SKEW_S)
    return Passed(Greeted(clock, hello), *warnings, clock_skew_s=clock.skew_s)


def authenticate(
    endpoint: Endpoint, options: HuaweicloudOptions, identity: Greeted, credentials: Credentials
) -> Flow[Passed[HuaweicloudSession]]:
    """Send one signed request; STS needs no permission for it, so only the key decides."""
    service, path = _first_call(endpoint)
    signing = SdkHmac(credentials, options.session_token)
    answer = yield signing.signed(endpoint, path, identity.clock.now)
    if service == "iam" and _is_denied(answer):
        return Passed(HuaweicloudSession(signing, service, answer))
    if not _is_success(answer):
        raise _rejection(endpoint, identity.unsigned, answer)
    session = HuaweicloudSession(signing, service, answer)
    said = answer.json_object()
    wanted = {"principal": said.get("principal_urn"), "account": said.get("account_id")}
    if service == "iam":
        return Passed(session)
    facts = {k: v for k, v in wanted.items() if isinstance(v, str) and _NAME.fullmatch(v)}
    if len(facts) < len(wanted):
        raise Failed(SCHEMA_UNEXPECTED, status=answer.status)
    who = names(user=facts["principal"].rpartition(":")[2], user_id=said.get("principal_id"))
    return Passed(session, **facts, **who)


def ask_identity(endpoint: Endpoint, session: HuaweicloudSession) -> Flow[Facts]:
    """Read the account from the projects where the endpoint is IAM's, which tells no user."""
    yield from ()  # the signed answer is enough
    projects = session.answer.json_object().get("projects")
    first = projects[0] if isinstance(projects, list) and projects else None
    return names(account=first.get("domain_id")) if isinstance(first, dict) else {}


def authorize(endpoint: Endpoint, session: HuaweicloudSession) -> Flow[Passed[None]]:
    """Check whether the key may list the projects, which all other calls need."""
    answer, now = session.answer, ServerClock.of(session.answer).now
    if session.service != "iam":
        match = _HOST.fullmatch(endpoint.server_name)
        at = Endpoint(f"iam.{match['end']}", 443, "https") if match else endpoint
        request = session.signing.signed(at, PROJECTS, now)
        answer = yield replace(request, at=at if match else None)
    if not _is_success(answer):
        failed = _denial(answer)
        failed.hear(Said.of(answer).facts)  # it may be the answer to the sign-in
        raise failed
    projects = answer.json_object().get("projects")
    if not isinstance(projects, list):
        raise Failed(SCHEMA_UNEXPECTED, status=answer.status)
    table = permissions(["iam:projects:listProjects"], [])
    return Passed(None, projects=len(projects), **table.facts)


def recognizes(response: HttpResponse) -> bool:
    """Return whether only Huawei Cloud sends such an answer, to any request."""
    return bool(_code(response)) or "x-iam-trace-id" in response.headers


def sign(secret: str, path: str, query: str, headers: Mapping[str, str]) -> str:
    """Return the signature of a GET; `headers` are in lower case and sorted."""
    slashed = path if path.endswith("/") else f"{path}/"
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    empty = sha256(b"").hexdigest()
    canonical = f"GET\n{slashed}\n{query}\n{lines}\n{';'.join(headers)}\n{empty}"
    hashed = sha256(canonical.encode()).hexdigest()
    text = f"SDK-HMAC-SHA256\n{headers['x-sdk-date']}\n{hashed}"
    return HMAC(secret.encode(), text.encode(), sha256).hexdigest()


def _first_call(endpoint: Endpoint) -> tuple[str, str]:
    """Return the service and the path of the first call; IAM itself has no caller-identity."""
    is_iam = endpoint.server_name.startswith("iam.")
    return ("iam", PROJECTS) if is_iam else ("sts", WHO_AM_I)


def _code(answer: HttpResponse) -> str:
    code = answer.json_object().get("error_code")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _is_success(answer: HttpResponse) -> bool:
    return answer.status == 200 and bool(answer.json_object())


def _is_denied(answer: HttpResponse) -> bool:
    """Return whether a policy denies the call, in the words of IAM or in those of Keystone."""
    code = _code(answer)
    return answer.status == 403 and ("APIG" not in code if code else _is_of_keystone(answer))


def _is_of_keystone(answer: HttpResponse) -> bool:
    """Return whether it is an error of IAM's older calls, which are those of OpenStack."""
    error = answer.json_object().get("error")
    return isinstance(error, dict) and error.get("code") == answer.status


# The gateway has one code, APIGW.0301, for every fault of a key; the messages differ.
_SAYS = tuple(
    (re.compile(pattern, re.IGNORECASE), cause)
    for pattern, cause in (
        (r"reach(ed)? the limit", ACCOUNT_LOCKED),
        (r"verify ak ?sk signature fail", SECRET_MISMATCH),
        (
            r"get secretkey failed|\b(ak|access key)\b.{0,120}\bnot (exist|found)",
            UNKNOWN_ACCESS_KEY,
        ),
        (r"\b(ak|access key|user)\b.{0,80}\b(inactive|disabled|not active)", KEY_DISABLED),
        (r"token.{0,40}expire|token must be updated", SESSION_TOKEN_EXPIRED),
        (r"decrypt token fail|security-?token.{0,40}invalid", SESSION_TOKEN_INVALID),
        (r"authorization header is missing|x-auth-token not found", HEADER_LOST),
        (r"arrears|frozen|suspended|restricted|project is unavailable", ACCOUNT_PROBLEM),
        (
            r"source ?ip|\bip\b.{0,60}\b(not allowed|denied|(black|white)list)",
            SOURCE_IP_NOT_ALLOWED,
        ),
    )
)


def _meaning(answer: HttpResponse) -> Cause | None:
    """Return what the gateway says of the key pair or its account; None if that is not known."""
    code, says = _code(answer), Said.of(answer).message[:1000]
    if answer.status == 429 or code.endswith(".0308"):
        return THROTTLED
    # What is not in the gateway's form may be another's words.
    is_own = bool(code) or _is_of_keystone(answer)
    named = (cause for pattern, cause in _SAYS if is_own and pattern.search(says))
    is_of_app = answer.status == 401 and code.endswith(".0303")
    return next(named, KEY_OF_OTHER_KIND if is_of_app else None)


def _rejection(endpoint: Endpoint, unsigned: HttpResponse, answer: HttpResponse) -> Failed:
    """Return the failure of a key pair that the gateway does not accept.

    No permission of the key's owner is needed at STS, so only something above them can deny it.
    """
    code, says = _code(answer), Said.of(answer).message
    if answer.status == 401 and "signature expired" in says:
        return ServerClock.of(answer).refused(ALLOWED_SKEW_S)
    cause = _meaning(answer)
    if cause is SECRET_MISMATCH:
        is_vendors = endpoint.server_name.endswith(_OF_HUAWEI)
        name = "SDK-HMAC"
        return signature_refused(answer, endpoint, name, is_vendors=is_vendors, error_code=code)
    if cause is HEADER_LOST or is_as_unsigned(unsigned, answer):
        return authorization_lost(answer)
    facts: dict[str, Fact] = {"status": answer.status, "error_code": code or str(answer.status)}
    if cause is None and _is_denied(answer):
        facts["api"] = "sts:GetCallerIdentity"
        return policy_denies(says, **facts) or Failed(IDENTITY_CALL_DENIED, **facts)
    locked: dict[str, Fact] = {"locked_min": LOCKED_MIN} if cause is ACCOUNT_LOCKED else {}
    return Failed(cause, **locked, **facts) if cause else refused_sign_in(answer)


def _denial(answer: HttpResponse) -> Failed:
    """Return the failure of the read with a key pair that the gateway has accepted."""
    api, code = "iam:projects:listProjects", _code(answer)
    facts: dict[str, Fact] = {"status": answer.status, "error_code": code or "403", "api": api}
    cause = _meaning(answer)
    if cause and cause in (THROTTLED, ACCOUNT_PROBLEM, SOURCE_IP_NOT_ALLOWED):
        return Failed(cause, **facts)
    if _is_denied(answer):
        return policy_denies(Said.of(answer).message, **facts) or Failed(DENIED, **facts)
    return refused_call(answer, api)


PRODUCTS = (
    Product(
        name="huaweicloud",
        title="Huawei Cloud",
        access_key_is="access key ID (My Credentials > Access Keys)",
        secret_key_is="secret access key",
        default_scheme="https",
        default_port=443,
        example="sts.eu-west-101.myhuaweicloud.eu",
        key_shapes=KeyShapes(
            Shape("[A-Z0-9]{20}", "20 capitals and digits"),
            Shape("[A-Za-z0-9]{40}", "40 letters and digits"),
            are_general=False,
        ),
        slips=(
            *SLIPS_OF_CLOUDS,
            cut_off("secretKey", "", "[A-Za-z0-9]", 40, other="[A-Z0-9]{20}"),
        ),
        own_hosts=_OF_HUAWEI,
        console_hosts=r"(?:console|auth)[a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:my)?huaweicloud\.(?:com|cn|eu)",
        options=HuaweicloudOptions,
        hello=hello,
        identify=identify,
        authenticate=authenticate,
        authorize=authorize,
        recognizes=recognizes,
        identity={
            "account": Told("the account's ID", ("account",)),
            "user": Told(
                "name, ID or URN of the IAM user or agency", ("user", "user_id", "principal")
            ),
        },
        ask_identity=ask_identity,
        sign_in_attempts=4,  # more than five failures in a row lock the key
    ),
)
