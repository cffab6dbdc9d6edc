"""What the errors of S3 mean, in the words of AWS and of the stores that follow it.

Codes are from the S3 API reference ("Error responses"), MinIO's cmd/api-errors.go, Ceph's
rgw_common.cc, Garage's api/common, SeaweedFS' s3err, Swift's s3api, and the error tables of
Cloudflare R2, Backblaze B2, Google Cloud Storage, Oracle, Alibaba's OSS, Tencent's COS, Huawei's
OBS, Baidu's BOS, Volcengine's TOS and Dell ECS. Many have one code for several faults, which their
messages tell apart.
"""

import re
from dataclasses import dataclass, field

from shared.diagnosis.causes import Cause
from shared.platform.answers.said import Said
from shared.platform.answers.xml_answer import XmlAnswer
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    ACCOUNT_PROBLEM,
    HEADER_LOST,
    INVALID_CREDENTIALS,
    KEY_DISABLED,
    KEY_EXPIRED,
    REGION_INVALID,
    SESSION_TOKEN_EXPIRED,
    SESSION_TOKEN_INVALID,
    SESSION_TOKEN_MISSING,
    SOURCE_IP_NOT_ALLOWED,
    THROTTLED,
    UNKNOWN_ACCESS_KEY,
)

SIGV4_UNSUPPORTED = Cause(
    code="api.sigv4_unsupported",
    owner="platform",
    summary=(
        "{host} does not accept signatures of version 4 (AWS4-HMAC-SHA256), with which this "
        "service signs; the key pair was not judged"
    ),
    remedies=(
        "Upgrade the store on {host}, or enable signatures of version 4 in it.",
        "Use another endpoint of this store that accepts them.",
    ),
)
STORAGE_NOT_READY = Cause(
    code="api.storage_not_ready",
    owner="platform",
    summary="{host} answers, but its storage is not ready ({error_code})",
    remedies=("Wait until the storage servers are up; if they do not come up, check their logs.",),
)
REGION_NEEDED = Cause(
    code="api.region_needed",
    owner="caller",
    summary="{host} knows no secret for the accessKey in the region {region}, which was signed for",
    remedies=(
        "Set options.region to the region of the store, or of the key's tenancy.",
        "Check the accessKey, and that it is enabled.",
    ),
    field="options.region",
)

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9.]{1,60}")
_REGION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_EXPECTED_REGION = re.compile(r"expecting '([a-z0-9][a-z0-9_-]{0,62})'")

_DENIALS = ("AccessDenied", "AccessForbidden", "Forbidden")
_BY_CODE = {
    "InvalidAccessKeyId": UNKNOWN_ACCESS_KEY,
    "InvalidAccessKey": UNKNOWN_ACCESS_KEY,
    "InvalidAKSK": INVALID_CREDENTIALS,
    "InvalidSecurity": INVALID_CREDENTIALS,  # Google's, of unknown keys and wrong secrets
    "UserSuspended": KEY_DISABLED,  # Ceph's
    "ExpiredToken": SESSION_TOKEN_EXPIRED,
    "TokenRefreshRequired": SESSION_TOKEN_EXPIRED,
    "InvalidToken": SESSION_TOKEN_INVALID,
    "InvalidTokenId": SESSION_TOKEN_INVALID,  # MinIO's
    "InvalidSecurityToken": SESSION_TOKEN_INVALID,
    "InvalidRegion": REGION_INVALID,
    "InvalidRegionName": REGION_INVALID,  # Cloudflare's
    "SlowDown": THROTTLED,
    "RequestLimitExceeded": THROTTLED,
    "TooManyRequests": THROTTLED,
    "QpsLimitExceeded": THROTTLED,
    "BandwidthLimitExceeded": THROTTLED,
    "ServiceUnavailable": STORAGE_NOT_READY,
    "XMinioServerNotInitialized": STORAGE_NOT_READY,
    "XMinioIAMNotInitialized": STORAGE_NOT_READY,
    "XMinioBackendDown": STORAGE_NOT_READY,
    "MissingSecurityHeader": HEADER_LOST,
    "MissingSecurityElement": HEADER_LOST,
    "MissingAuthenticationToken": HEADER_LOST,
    "AccountProblem": ACCOUNT_PROBLEM,
    "NotSignedUp": ACCOUNT_PROBLEM,
    "OptInRequired": ACCOUNT_PROBLEM,
    "AccountOverdue": ACCOUNT_PROBLEM,
    "AccountArrears": ACCOUNT_PROBLEM,
    "InArrears": ACCOUNT_PROBLEM,
    "UserDisable": ACCOUNT_PROBLEM,
    "UserProjectAccountProblem": ACCOUNT_PROBLEM,
    "InvalidPayer": ACCOUNT_PROBLEM,
}
_WRONG_SIGNATURES = ("SignatureDoesNotMatch", "InvalidSignature", "SignatureNotMatch")
_SKEWED = ("RequestTimeTooSkewed", "RequestExpired", "RequestTimeSkewed", "InvalidDate")
_SIGNATURE = "a wrong signature"
_CLOCK = "a wrong date"
# What the codes of a refused key pair mean, where the message says more; the first one counts.
_BY_MESSAGE: tuple[tuple[re.Pattern[str], Cause | str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"region must be specified|not the home region", REGION_NEEDED),
        (r"token\b.{0,40}\bexpired|expired.{0,20}\btoken", SESSION_TOKEN_EXPIRED),
        (
            r"(security|session) token\b.{0,40}\b(invalid|malformed|not valid)",
            SESSION_TOKEN_INVALID,
        ),
        (r"(token|x-amz-security-token)\b.{0,20}\b(missing|required)", SESSION_TOKEN_MISSING),
        (r"\bkey\b.{0,80}\bexpired", KEY_EXPIRED),
        (r"malformed access ?key|access key has length", ACCESS_KEY_MALFORMED),
        (
            r"no such (access )?key: |unknown access key|invalid access ?key|access ?key"
            r"( ?id)?\b.{0,80}(not (exist|found|known)|could not be found|unknown)",
            UNKNOWN_ACCESS_KEY,
        ),
        (
            r"\b(account|user|key|credentials?)\b.{0,80}\b(disabled|inactive|suspended|deactivated)",
            KEY_DISABLED,
        ),
        (
            r"source ?ip|ip address.{0,40}(not|denied|allow|black)|(ip|address) ?(white|black"
            r"|allow)-?list",
            SOURCE_IP_NOT_ALLOWED,
        ),
        (r"authorization mechanism\b.{0,60}not supported(?!.{0,60}AWS4)", SIGV4_UNSUPPORTED),
        (r"request has expired|not valid yet|date is too old|valid date or x-amz-date", _CLOCK),
        (
            r"(invalid|bad|wrong|incorrect) signature|signature\b.{0,40}(match|mismatch|invalid"
            r"|incorrect|wrong|fail)",
            _SIGNATURE,
        ),
    )
)
_BY_MESSAGE_OF = (
    *("AccessDenied", "AccessForbidden", "Forbidden", "Unauthorized", "InvalidRequest"),
    *("InvalidAccessKeyId", "InvalidAccessKey", "InvalidArgument", "AuthorizationHeaderMalformed"),
    *("InvalidToken", "InvalidSecurity", "SignatureDoesNotMatch", "BadRequest"),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error as S3 words it; one that was not sent by an S3 has no code."""

    status: int
    code: str = ""
    message: str = ""
    region: str = field(default="", compare=False)
    """The region that the store wants requests to be signed for."""
    is_own: bool = True
    """Whether it has the form of S3; some stores (Baidu's BOS) word errors in JSON, too."""

    @classmethod
    def of(cls, answer: HttpResponse) -> "Refusal":
        """Return the error in `answer`; a success, which can be long, is not parsed."""
        if answer.status < 300:
            return cls(answer.status, is_own=False)
        content = XmlAnswer.of(answer)
        code = content["Code"]
        if not content.root and answer.status >= 400:
            said = Said.of(answer)
            return cls(answer.status, said.code, said.message[:1000], is_own=False)
        if content.root != "Error" or not _CODE.fullmatch(code):
            return cls(answer.status, is_own=False)
        message = content["Message"][:1000]
        return cls(answer.status, code, message, _region(code, content["Region"], message))

    @property
    def is_denial(self) -> bool:
        """Whether it denies the call, and says nothing that speaks against the key pair."""
        is_one = self.is_own and self.status == 403 and self.code in _DENIALS
        return is_one and self.meaning is None

    @property
    def names_the_caller(self) -> bool:
        """Whether only one that knows whose the key is can have written it."""
        return bool(re.search("not authorized to perform|not entitled", self.message))

    @property
    def is_of_signature(self) -> bool:
        """Whether the store computed another signature."""
        return self.meaning is _SIGNATURE

    @property
    def is_of_clock(self) -> bool:
        """Whether the store takes the date of the request for too old or too new."""
        return self.meaning is _CLOCK

    @property
    def cause(self) -> Cause | None:
        """Why the store rejects the key pair; None if that is open, or not what it says."""
        return self.meaning if isinstance(self.meaning, Cause) else None

    @property
    def meaning(self) -> Cause | str | None:
        """What the message says or, where it says nothing more, the code."""
        if self.code in _BY_MESSAGE_OF:
            for pattern, meaning in _BY_MESSAGE:
                if pattern.search(self.message):
                    return meaning
        if self.code in _WRONG_SIGNATURES:
            return _SIGNATURE
        return _CLOCK if self.code in _SKEWED else _BY_CODE.get(self.code)


def _region(code: str, named: str, message: str) -> str:
    """Return the region in an error that wants another one; some name it in the message alone."""
    if code not in ("AuthorizationHeaderMalformed", "InvalidRegion"):
        return ""
    if _REGION.fullmatch(named):
        return named
    found = _EXPECTED_REGION.search(message)
    return found[1] if found else ""
