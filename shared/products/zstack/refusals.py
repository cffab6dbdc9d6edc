"""What ZStack's refusals mean: plain text with 400 to 500, JSON with a code with 503 and 403.

Facts are from RestServer.java, AccessKeyManager.java, LoginControlManagerImpl.java and
conf/errorCodes/*.xml of the ZStack source at 5.2.1. Details may be in the server's language; codes
and plain texts are not.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding
from shared.platform.answers.not_the_product import STARTING_UP
from shared.platform.answers.unexplained import refused_sign_in
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    ACCOUNT_LOCKED,
    HEADER_LOST,
    INVALID_CREDENTIALS,
    KEY_DISABLED,
    MFA_OR_SSO_REQUIRED,
    PASSWORD_EXPIRED,
    SECRET_MISMATCH,
    SOURCE_IP_NOT_ALLOWED,
    UNKNOWN_ACCESS_KEY,
)

LICENSE_EXPIRED = Cause(
    code="api.license_expired",
    owner="platform",
    summary=(
        "The licence of {host} no longer allows API calls ({error_code})[; it expired on "
        "{expired_on}]"
    ),
    remedies=("Renew the platform's licence.",),
)
LICENSE_INVALID = Cause(
    code="api.license_invalid",
    owner="platform",
    summary="{host} refuses API calls because of its licence ({error_code})[: {problem}]",
    remedies=(
        "Sign in to {product}'s web UI as its administrator, and check the licence there.",
        "Ask the vendor for a licence that fits this installation, and upload it.",
    ),
)
ACCESS_KEYS_UNSUPPORTED = Cause(
    code="api.access_keys_unsupported",
    owner="platform",
    summary=(
        "{host} does not support AccessKeys, which belong to an enterprise licence[; it is the "
        "{edition} edition]"
    ),
    remedies=(
        "Install an enterprise licence; it includes AccessKeys.",
        "If there is one, look for the reason in the log of the management node on {host}.",
    ),
)
DATE_LOST = Cause(
    code="auth.date_lost",
    owner="platform",
    summary=(
        "{host} did not receive the date of the signed request: something in front of it removes "
        "the Date header"
    ),
    remedies=(
        "Use the address of {product} itself, not of a proxy.",
        "Configure the proxy in front of {host} to pass on the Date header.",
    ),
    field="endpoint",
)
DATE_REFUSED = Cause(
    code="auth.date_refused",
    owner="us",
    summary="{host} cannot parse the date that the request was signed with",
    remedies=("Report this to the operators of this service, with the version of the platform.",),
)
OPERATION_FAILED = Cause(
    code="api.operation_failed",
    owner="platform",
    summary=(
        "{product} on {host} failed to answer the signed request ({error_code}); this does not "
        "prove that the key pair is wrong"
    ),
    remedies=(
        "Look for the reason in the log of the management node on {host}, management-server.log.",
        "Run `zstack-ctl status` on {host}, and check the database and the message queue.",
    ),
)
OTHER_NODE_SERVES = Cause(
    code="api.other_node_serves",
    owner="platform",
    severity="warning",
    summary=(
        "The management node at {host} is not in service ({error_code}); where there are two, the "
        "other one may serve"
    ),
    remedies=(
        "Use the virtual IP address (VIP) of the two management nodes as the endpoint.",
        "Run `zstack-ctl status` on both management nodes to see which one serves.",
    ),
    field="endpoint",
)

NOT_READY_CODES = ("SYS.1010", "SYS.1012", "PORTAL.1002")
NODE_UNAVAILABLE = "SYS.1012"
_OPERATION_FAILED = "SYS.1006"
_LICENCE_PROBLEMS = {
    "LICENSE.1001": "it does not permit this operation",
    "LICENSE.1002": "the hardware of the management node is not the one it was issued for",
    "LICENSE.1003": "it is for another product",
    "LICENSE.1004": "it was issued before the one that is installed",
    "LICENSE.1005": "it does not include this module",
    "LICENSE.1006": "the licence file is not valid",
    "LICENSE.1007": "the installation is larger than it allows",
    "LICENSE.1008": "it allows no licences of further modules",
}
_LICENSE_EXPIRED = "LICENSE.1000"
# The families of codes that a request can meet before any resource is looked at.
_FAMILIES = ("ID", "LICENSE", "LOGIN_CONTROL", "PORTAL", "SYS")

_API_NAME = re.compile(r"org\.zstack\.[A-Za-z0-9.]{1,120}")
_CODE = re.compile(r"([A-Z][A-Z0-9_]{0,40})\.[0-9]{1,6}")
_DENIAL = re.compile(r"denied|admin only|not permitted|permission|拒绝|权限", re.IGNORECASE)
_REFUSED_ADDRESS = re.compile(r"\[([0-9A-Fa-f.:]{2,45})\]")
_DISABLED = re.compile("disabled|停用|禁用", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal in JSON, whose words are the platform's."""

    code: str
    words: str

    @classmethod
    def of(cls, response: HttpResponse) -> "Refusal":
        """Return the refusal in `response`; its code is empty if there is none.

        Most are in the member `error`, with 503. Those of the IP allowlist, which is looked at
        before anything else, are the whole body, with 403.
        """
        content = response.json_object() if response.status >= 400 else {}
        inner = content.get("error")
        error = inner if isinstance(inner, dict) else content
        code = error.get("code")
        found = _CODE.fullmatch(code) if isinstance(code, str) else None
        is_known = found is not None and found[1] in _FAMILIES
        if not (found and (is_known or (response.status == 503 and error is inner))):
            return cls("", "")
        told = (error.get(name) for name in ("description", "details", "elaboration"))
        return cls(found[0], " ".join(text for text in told if isinstance(text, str))[:2000])

    @property
    def is_denial(self) -> bool:
        """Whether the key is right, and what it may do is not enough.

        The version decides which of two codes it has, and SYS.1006 has other meanings too.
        """
        if self.code == _OPERATION_FAILED:
            return bool(_DENIAL.search(self.words) or _API_NAME.search(self.words))
        return self.code == "ID.1002"

    @property
    def denied_api(self) -> str:
        """The name of the call that was denied; empty if it is not told."""
        named = _API_NAME.search(self.words)
        return named.group().rpartition(".")[2] if named else ""


def refuse_unable(response: HttpResponse) -> None:
    """Raise if the platform can't serve, or does not serve this caller; the key is not judged.

    Raises:
        Failed: STARTING_UP or SOURCE_IP_NOT_ALLOWED.
    """
    refusal = Refusal.of(response)
    if refusal.code in NOT_READY_CODES:
        facts: Facts = {"error_code": refusal.code}
        is_away = refusal.code == NODE_UNAVAILABLE
        raise Failed(
            STARTING_UP, *([Finding(OTHER_NODE_SERVES, facts)] if is_away else []), **facts
        )
    if refusal.code == "LOGIN_CONTROL.1004":
        address = _REFUSED_ADDRESS.search(refusal.words)
        seen = {"seen_as": address[1]} if address else {}
        raise Failed(SOURCE_IP_NOT_ALLOWED, error_code=refusal.code, **seen)


def licence_failure(code: str, licence: Mapping[str, object]) -> Failed:
    """Return the failure with a `code` of the licence's, which the platform tells as `licence`.

    The date is only told where it explains the refusal.
    """
    expired_on = licence.get("expiredDate")
    if code == _LICENSE_EXPIRED or licence.get("expired") is True:
        dated = {"expired_on": expired_on[:40]} if isinstance(expired_on, str) else {}
        return Failed(LICENSE_EXPIRED, error_code=code, **dated)
    problem = {"problem": _LICENCE_PROBLEMS[code]} if code in _LICENCE_PROBLEMS else {}
    return Failed(LICENSE_INVALID, error_code=code, **problem)


_OF_CODE = {
    "ID.1000": INVALID_CREDENTIALS,
    "ID.1005": PASSWORD_EXPIRED,
    "ID.2000": MFA_OR_SSO_REQUIRED,
    "ID.2001": MFA_OR_SSO_REQUIRED,
    "ID.2002": MFA_OR_SSO_REQUIRED,
    "LOGIN_CONTROL.1000": PASSWORD_EXPIRED,
    "LOGIN_CONTROL.1002": ACCOUNT_LOCKED,
    "LOGIN_CONTROL.1003": MFA_OR_SSO_REQUIRED,
    "LOGIN_CONTROL.1005": MFA_OR_SSO_REQUIRED,
}
_KINDS: Facts = {"right_kind": "local AccessKey", "wrong_kind": "third-party AccessKey"}
# The server's plain text messages, in the order in which it checks.
_OF_TEXT: tuple[tuple[int, str, Cause, Facts], ...] = (
    (400, "missing header 'Authorization'", HEADER_LOST, {}),
    (400, "Authorization type must be", HEADER_LOST, {}),
    (500, "was not registered by any RestAuthenticationBackend", ACCESS_KEYS_UNSUPPORTED, {}),
    (400, "unable to find RestAuthenticationBackend", ACCESS_KEYS_UNSUPPORTED, {}),
    (400, "'Date' must be", DATE_LOST, {}),
    (400, "'Date' format", DATE_REFUSED, {}),
    (400, "accessKey format is", ACCESS_KEY_MALFORMED, {}),
    (400, "Invalid authKey format", ACCESS_KEY_MALFORMED, {}),
    (403, "access key id", UNKNOWN_ACCESS_KEY, _KINDS),
    (403, "wrong accessKey signature", SECRET_MISMATCH, {"algorithm": "HMAC-SHA1"}),
)


def refusal_of_key(response: HttpResponse) -> Failed:
    """Return why the platform has not accepted a signed request."""
    for status, saying, cause, facts in _OF_TEXT:
        if response.status == status and saying in response.beginning:
            return Failed(cause, status=status, **facts)
    refusal = Refusal.of(response)
    cause_of_code = _OF_CODE.get(refusal.code)
    # Newer versions have this code, which was that of a missing captcha, for a disabled account.
    if refusal.code == "LOGIN_CONTROL.1005" and _DISABLED.search(refusal.words):
        cause_of_code = KEY_DISABLED
    if refusal.code:  # ZStack answers 503 to whatever fails, so the status says nothing
        cause = cause_of_code or OPERATION_FAILED
        if cause is PASSWORD_EXPIRED:  # that of the account; its key is right, and not withheld
            cause = replace(cause, is_rejection=False)
        return Failed(cause, status=response.status, error_code=refusal.code)
    return refused_sign_in(response)
