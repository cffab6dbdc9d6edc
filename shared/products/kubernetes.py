"""Kubernetes: a bearer token, judged by the API server's own reviews of it.

Facts are from the Kubernetes API reference (authentication.k8s.io, authorization.k8s.io), the
default roles system:public-info-viewer and system:basic-user, and RFC 7519 for the token's dates.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import in_between
from shared.platform.answers.not_the_product import (
    may_be_refused_alone,
    not_the_product,
)
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told
from shared.platform.keys.key_forms import JWT, Slip, claims, decoded
from shared.platform.keys.key_pair import HEADER_LOST
from shared.platform.keys.permissions import permissions
from shared.platform.product import Credentials, Product, ProductOptions

API_PORT = 6443
AUTHENTICATION, AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"
NEEDED = (
    ("list", "", "nodes"),
    ("list", "", "namespaces"),
    ("list", "", "pods"),
    ("list", "", "persistentvolumes"),
    ("list", "apps", "deployments"),
    ("create", "apps", "deployments"),
)
"""Verb, group and resource of the actions of a management platform, in all namespaces."""

TOKEN_EXPIRED = Cause(
    code="auth.token_expired",
    owner="caller",
    summary="The token in secretKey expired on {expired_at}; it was not sent to {host}",
    remedies=(
        "Create a new token: kubectl create token NAME --duration 24h.",
        "Use a token that does not expire, from a Secret of type service-account-token.",
    ),
    field="secretKey",
)
TOKEN_NOT_YET_VALID = Cause(
    code="auth.token_not_yet_valid",
    owner="caller",
    summary=(
        "By the clock of {host}, the token in secretKey is only valid from {valid_from}; it was "
        "not sent"
    ),
    remedies=(
        "Correct the clocks of {host} and of the token's issuer (NTP).",
        "Test again when the token has become valid.",
    ),
    field="secretKey",
)
TOKEN_REFUSED = Cause(
    code="auth.token_refused",
    owner="caller",
    summary="{host} rejects the token: it may be wrong, revoked or for another cluster",
    remedies=(
        "Create a new token in this cluster: kubectl create token NAME.",
        "Check that the service account still exists; its tokens become invalid when it is "
        "deleted.",
    ),
    field="secretKey",
    is_rejection=True,
)

NOT_READY = Cause(
    code="api.not_ready",
    owner="platform",
    summary="The API server on {host} reports that it is not ready",
    remedies=(
        "Ask it for the reason: kubectl get --raw '/readyz?verbose'.",
        "Wait, then test again, if the API server or its etcd has just been started.",
    ),
)

_FAILED_CHECK = re.compile(r"^\[-\][ -~]{1,200}", re.MULTILINE)
_ANONYMOUS = "system:anonymous"  # the user of requests that arrive without a token
_QUOTED = re.compile('"([^"]+)"')
# Of a service account, also as its user is called: system:serviceaccount:NAMESPACE:NAME.
_NAME = re.compile(r"[a-z0-9.:/-]{1,253}")
_PROBABLY_VERSION = re.compile(r"v[0-9][0-9A-Za-z.+-]{0,60}")


@dataclass(frozen=True, slots=True)
class KubernetesIdentity:
    """An API server that is ready."""

    now: datetime
    """The time of its own clock, if its answer has one."""


@dataclass(frozen=True, slots=True)
class KubernetesSession:
    """The token's user; there is no session to end, because each request carries the token."""

    headers: dict[str, str]


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request the version, which anonymous callers may read unless they are disabled."""
    return HttpRequest("GET", f"{endpoint.path}/version")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[KubernetesIdentity]]:
    """Check that this is an API server that is ready, and read its version if it shows one."""
    version = hello.json_object().get("gitVersion")
    is_version = isinstance(version, str) and _PROBABLY_VERSION.fullmatch(version)
    is_shown = hello.status == 200 and is_version
    keeps_silent = hello.status in (401, 403) and _is_status(hello)
    if is_shown or keeps_silent:
        ready = yield HttpRequest("GET", f"{endpoint.path}/readyz")
        if ready.status >= 500:
            raise in_between(ready) or _not_ready(ready)
    elif not may_be_refused_alone(hello):  # as by Rancher, which is before its clusters' servers
        raise not_the_product(hello)
    identity = KubernetesIdentity(hello.date or hello.received_at)
    return Passed(identity, **({"version": str(version)} if is_version else {}))


def authenticate(
    endpoint: Endpoint,
    options: ProductOptions,
    identity: KubernetesIdentity,
    credentials: Credentials,
) -> Flow[Passed[KubernetesSession]]:
    """Have the token reviewed; a token that is not valid by its own dates is not sent."""
    token = credentials.secret_key.get_secret_value()
    _refuse_outdated(token, identity.now)
    session = KubernetesSession({"Authorization": f"Bearer {token}"})
    review = _review(AUTHENTICATION, "SelfSubjectReview", {})
    reviewing = _posted(endpoint, session, AUTHENTICATION, "selfsubjectreviews", review)
    response = yield replace(reviewing, presents_credentials=True)
    if response.status == 404 and _is_status(response):
        # It is older than 1.28; the status still shows whether the token is valid.
        asking = _asking(endpoint, session, *NEEDED[0])
        response = yield replace(asking, presents_credentials=True)
    if response.status == 401 and _is_status(response):
        raise Failed(TOKEN_REFUSED)
    if _ANONYMOUS in (_who(response).get("user"), *_QUOTED.findall(_message(response))[:1]):
        raise Failed(HEADER_LOST, status=response.status)
    if response.status == 403 and _is_status(response):  # authenticated, but may not request it
        return Passed(session)
    if response.status != 201 or not isinstance(_part(response, "status"), dict):
        raise refused_sign_in(response)
    return Passed(session, **_who(response))


def authorize(endpoint: Endpoint, session: KubernetesSession) -> Flow[Passed[None]]:
    """Report which of the permissions that managing needs the token has, in all namespaces."""
    have: list[str] = []
    lack: list[str] = []
    for verb, group, resource in NEEDED:
        response = yield _asking(endpoint, session, verb, group, resource)
        allowed = (_part(response, "status") or {}).get("allowed")
        if response.status not in (201, 403) or (response.status == 201 and allowed is None):
            raise refused_call(response, "selfsubjectaccessreviews")
        (have if allowed is True else lack).append(f"{verb} {resource}")
    return permissions(have, lack, granted_by="a ClusterRole and a binding to it")


def recognizes(response: HttpResponse) -> bool:
    """Return whether only an API server sends such an answer, to any request."""
    answer = response.json_object()
    return _is_status(response) or {"gitVersion", "goVersion"} <= set(answer)


def _not_ready(ready: HttpResponse) -> Failed:
    """Return the failure with the line of the first check that failed, which is not the first."""
    failed = _FAILED_CHECK.search(ready.beginning)
    return Failed(NOT_READY, status=ready.status, **({"says": failed[0]} if failed else {}))


def _is_status(response: HttpResponse) -> bool:
    answer = response.json_object()
    return answer.get("kind") == "Status" and answer.get("apiVersion") == "v1"


def _part(response: HttpResponse, name: str) -> dict[str, Any] | None:
    found = response.json_object().get(name)
    return found if isinstance(found, dict) else None


def _review(group: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{group}/v1", "kind": kind, **({"spec": spec} if spec else {})}


def _posted(
    endpoint: Endpoint, session: KubernetesSession, group: str, name: str, content: object
) -> HttpRequest:
    path = f"{endpoint.path}/apis/{group}/v1/{name}"
    request = HttpRequest.with_json("POST", path, content)
    headers = {**request.headers, **session.headers}
    return HttpRequest("POST", path, headers, request.body)


def _asking(
    endpoint: Endpoint, session: KubernetesSession, verb: str, group: str, resource: str
) -> HttpRequest:
    asked = {"verb": verb, "group": group, "resource": resource}
    review = _review(AUTHORIZATION, "SelfSubjectAccessReview", {"resourceAttributes": asked})
    return _posted(endpoint, session, AUTHORIZATION, "selfsubjectaccessreviews", review)


def _who(response: HttpResponse) -> dict[str, str]:
    user = (_part(response, "status") or {}).get("userInfo")
    name = user.get("username") if isinstance(user, dict) else None
    return {"user": name[:200]} if isinstance(name, str) else {}


def _message(response: HttpResponse) -> str:
    """Return the message of a refusal, which begins with the user to whom it applies."""
    message = response.json_object().get("message") if _is_status(response) else None
    return message[:300] if isinstance(message, str) else ""


def _refuse_outdated(token: str, now: datetime) -> None:
    said = _claims(token)
    expires_at, valid_from = _moment(said.get("exp")), _moment(said.get("nbf"))
    if expires_at and now >= expires_at:
        raise Failed(TOKEN_EXPIRED, expired_at=f"{expires_at:%Y-%m-%d %H:%M:%S} UTC")
    if valid_from and now < valid_from:
        raise Failed(TOKEN_NOT_YET_VALID, valid_from=f"{valid_from:%Y-%m-%d %H:%M:%S} UTC")


def _claims(token: str) -> dict[str, Any]:
    """Return the unverified claims of a JSON Web Token; nothing if it is none."""
    try:
        content = json.loads(claims(token) or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or not 0 < seconds < 10**11:
        return None
    return datetime.fromtimestamp(seconds, UTC)


_ALONE = "the token alone, which usually begins with eyJ"
_SLIPS = (
    # The API server takes what is between two blanks of the header (request/bearertoken), and a
    # token in a header has no blank (RFC 6750, section 2.1).
    Slip(
        "secretKey",
        r"(?i:(authorization: *)?bearer\s+\S.*|authorization:.+)",
        "a header with the token",
        _ALONE,
        is_certain=True,
    ),
    Slip(
        "secretKey",
        JWT,
        "the base64 of a token",
        "the decoded token: kubectl get secret NAME -o jsonpath={.data.token} | base64 -d",
        is_certain=True,
        reads=decoded,
    ),
    Slip(
        "secretKey",
        r"-----BEGIN .*",
        "the base64 of a certificate or a private key",
        "a token of a service account: kubectl create token NAME",
        is_certain=True,
        reads=decoded,
    ),
    Slip(
        "secretKey",
        r"(---\s+)?(apiVersion|kind|clusters|contexts|users):.*",
        "the base64 of a kubeconfig",
        "the token in it",
        is_certain=True,
        reads=decoded,
    ),
    Slip(
        "secretKey",
        rf"[\"'`]{JWT}[\"'`]",
        "a token in quotation marks",
        "it without them",
        is_certain=True,
    ),
    Slip(
        "secretKey",
        rf"(?i:[\w.-]{{0,40}}(token|bearer|secret|key))[\"']?[:=] ?[\"']?{JWT}[\"']?,?",
        "a line of a file with the token in it",
        _ALONE,
        is_certain=True,
    ),
    Slip(
        "secretKey",
        r"\s*+\S++\s++\S.*",
        "a token with a blank in it",
        _ALONE,
        is_certain=True,
    ),
    Slip(
        "secretKey",
        rf"(?!{JWT}$)eyJ.*",
        "a part of a token",
        "all three parts of the token, which are separated by dots",
    ),
    Slip(
        "secretKey",
        r"[a-z0-9.-]+-token(-[a-z0-9]{5})?",
        "the name of a Secret",
        "the token in it: kubectl get secret NAME -o jsonpath={.data.token} | base64 -d",
    ),
    Slip(
        "secretKey",
        r"(token|kubeconfig|u)-[a-z0-9.-]{2,60}:.{8,}",
        "an API key of Rancher",
        "a valid one with Rancher's endpoint of the cluster, or a token of the cluster itself",
    ),
    Slip(
        "secretKey",
        r"sha256~.+",
        "an OAuth token of OpenShift, which is valid for a day",
        "a token of a service account: oc create token NAME",
    ),
    Slip(
        "secretKey",
        r"k8s-aws-v1\..+",
        "a token of EKS, which is valid for 15 minutes",
        "a token of a service account: kubectl create token NAME",
    ),
    Slip(
        "secretKey",
        r"(?!.*(system:serviceaccount|kubernetes)).*\"iss\":\s*\"http.*",
        "a token that was not issued for a service account",
        "a token of a service account: kubectl create token NAME",
        reads=claims,
    ),
    Slip(
        "secretKey",
        r".*\"aud\":\s*\[?\s*\"(?!(https?://)?(kubernetes|k3s|rke2|api|openshift|container\.))"
        r"(?!.*azmk8s).*",
        "a token for another audience than the cluster's API",
        "a token without an audience of its own: kubectl create token NAME",
        reads=claims,
    ),
)

_KUBERNETES: Product[Any, Any, Any] = Product(
    name="kubernetes",
    title="Kubernetes",
    aliases=("k8s",),
    access_key_is="name of the service account, as a label for the token; it is not sent",
    secret_key_is="the service account's bearer token",
    names_user=lambda name: bool(_NAME.fullmatch(name)),
    default_scheme="https",
    default_port=API_PORT,
    scheme_by_port={API_PORT: "https", 8443: "https"},
    slips=_SLIPS,
    options=ProductOptions,
    hello=hello,
    example="https://kubernetes.example.com:6443",
    identify=identify,
    authenticate=authenticate,
    authorize=authorize,
    recognizes=recognizes,
    identity={
        "user": Told("the user, e.g. system:serviceaccount:default:conncheck", ("user",)),
    },
    minimum_version="1.6",  # authorization.k8s.io/v1
    end_of_life={  # of the project; vendors may support their versions for longer
        "1.24": date(2023, 7, 28),
        "1.25": date(2023, 10, 28),
        "1.26": date(2024, 2, 28),
        "1.27": date(2024, 6, 28),
        "1.28": date(2024, 10, 28),
        "1.29": date(2025, 2, 28),
        "1.30": date(2025, 6, 28),
        "1.31": date(2025, 10, 28),
        "1.32": date(2026, 2, 28),
        "1.33": date(2026, 6, 28),
        "1.34": date(2026, 10, 27),
        "1.35": date(2027, 2, 28),
    },
)
PRODUCTS = (_KUBERNETES,)
