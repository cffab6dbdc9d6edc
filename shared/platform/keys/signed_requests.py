"""Judge what a platform says of a request's signature.

A signature covers more than the secret: the method, the path, the query, Host and further headers.
Whatever changes one of these on the way makes the signature wrong, with the right secret.
"""

import re
from dataclasses import dataclass

from shared.diagnosis.outcomes import Fact, Failed
from shared.endpoint import Endpoint
from shared.platform.answers.fingerprints import gateway_of
from shared.platform.answers.said import Said
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import (
    EXPLICIT_DENY,
    HEADER_LOST,
    POLICY_LIMIT,
    SECRET_MISMATCH,
    SIGNATURE_MISMATCH,
)
from shared.platform.keys.server_clock import ServerClock

# How AWS, and who follows it, names the policy that decided, by a part of its name: "with an
# explicit deny in a service control policy", "because no VPC endpoint policy allows the ... action"
# (AWS IAM user guide, "Troubleshoot access denied error messages").
ORGANISATIONS_POLICY = "the service control policy of the organisation"
SESSIONS_POLICY = "the policy of the session"
_POLICIES = {
    "service control": ORGANISATIONS_POLICY,
    "resource control": "the resource control policy of the organisation",
    "vpc endpoint": "the policy of the VPC endpoint",
    "session": SESSIONS_POLICY,
    "permissions boundary": "the permissions boundary of the key's owner",
    "resource-based": "the policy of the resource",
}
_NAMED_POLICY = re.compile(
    r"(?:explicit deny in (?:a|an|the)|because no) "
    r"(service control|resource control|VPC endpoint|session|permissions boundary|resource-based)",
    re.IGNORECASE,
)
# AWS, S3 and Huawei Cloud repeat the canonical request that they computed the signature of.
_RECEIVED_HOST = re.compile(r"[\n|]host:([A-Za-z0-9._:\[\]-]{1,255})")
_EXPLICIT = re.compile("explicit(?:ly)? den(?:y|ies|ied)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Greeted:
    """A gateway that answers: its clock, and its answer to a request without a signature."""

    clock: ServerClock
    unsigned: HttpResponse


def signature_refused(
    answer: HttpResponse,
    endpoint: Endpoint,
    algorithm: str,
    *,
    is_vendors: bool = False,
    knows_key: bool = True,
    error_code: str = "",
) -> Failed:
    """Return the failure for a platform that computes another signature than the one that was sent.

    Another Host in the request as the platform repeats it, a path in the endpoint and a proxy that
    shows itself in `answer` make a changed request likelier than a wrong secret. An endpoint that
    `is_vendors` own has its web servers, which mean nothing. `knows_key` is whether the platform
    answers otherwise where it does not know the accessKey.
    """
    gateway = "" if is_vendors else gateway_of(answer, itself=False) or _via(answer)
    seen: dict[str, Fact] = {"proxy": gateway} if gateway else {}
    received = _RECEIVED_HOST.search(answer.beginning)
    if received and received[1] != endpoint.host_header:
        seen["seen_host"] = received[1]
    if endpoint.path:
        seen["path"] = endpoint.path
    cause = SECRET_MISMATCH if knows_key and not seen else SIGNATURE_MISMATCH
    if error_code:
        seen["error_code"] = error_code
    return Failed(cause, algorithm=algorithm, status=answer.status, **seen)


_ASKS_WITH = (200, 400, 401)
_SIGNATURES_WORDS = re.compile(
    r"missing|mandatory|required|supplied|anonymous|authenti|authori|signature|signed|credential"
    r"|access ?key|login|log ?in|sign ?in",
    re.IGNORECASE,
)


def is_as_unsigned(unsigned: HttpResponse, answer: HttpResponse) -> bool:
    """Return whether a signed request got the error that asks for a signature.

    The IDs and dates of both answers differ, so the status, the code and the message count. With
    403 a list of addresses may forbid both, and other errors are the same for all.
    """
    first, second = Said.of(unsigned), Said.of(answer)
    said = (second.code, second.message)
    is_same = unsigned.status == answer.status and (first.code, first.message) == said
    return is_same and asks_for_signature(answer.status, *said)


def asks_for_signature(status: int, *words: str) -> bool:
    """Return whether an error may be that of a request without a signature."""
    return status in _ASKS_WITH and any(_SIGNATURES_WORDS.search(text[:500]) for text in words)


def authorization_lost(answer: HttpResponse) -> Failed:
    """Return the failure of a signed request that arrived without its signature."""
    return Failed(HEADER_LOST, status=answer.status)


def policy_denies(says: str, **facts: Fact) -> Failed | None:
    """Return the failure if `says` names a policy above what the key's owner is granted."""
    named = _NAMED_POLICY.search(says)
    policy = _POLICIES[named[1].lower()] if named else ""
    if _EXPLICIT.search(says):
        known: dict[str, Fact] = {"policy": policy} if policy else {}
        return Failed(EXPLICIT_DENY, **known, **facts)
    return Failed(POLICY_LIMIT, policy=policy, **facts) if policy else None


def _via(answer: HttpResponse) -> str:
    return answer.headers.get("via", "")[:60]
