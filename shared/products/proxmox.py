"""Proxmox VE: API tokens, and users with a password.

Facts are from pve-access-control (PVE/AccessControl.pm, PVE/RPCEnvironment.pm): the reason phrase
of the status line is the only place that names the fault, so faults are recognized by it.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import (
    SCHEMA_UNEXPECTED,
    may_be_refused_alone,
    not_the_product,
)
from shared.platform.answers.relatives import KNOWN_OTHER, relative_of
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.http import Flow, HttpRequest, HttpResponse, answer_if_any
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_forms import UUID, Slip
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    ACCESS_KEY_NOT_FOUND,
    DENIED,
    HEADER_LOST,
    INVALID_CREDENTIALS,
    KEY_DISABLED,
    KEY_EXPIRED,
    LOGIN_REFUSED,
    MFA_OR_SSO_REQUIRED,
    SECRET_MISMATCH,
)
from shared.platform.keys.permissions import permissions
from shared.platform.product import Credentials, Product, ProductOptions

API_PORT = 8006
LONGEST_REASON = 200
NEEDED = (
    "Sys.Audit",
    "VM.Audit",
    "VM.Allocate",
    "VM.Config.Disk",
    "VM.PowerMgmt",
    "Datastore.Audit",
    "Datastore.AllocateSpace",
)

TOKEN_NOT_FOUND = Cause(
    code="auth.token_not_found",
    owner="caller",
    summary="{host} knows the user in accessKey, but this user has no such token",
    remedies=("Check the part after the ! in accessKey under Datacenter > API Tokens.",),
    field="accessKey",
    is_rejection=True,
)
TOKEN_WITHOUT_PERMISSIONS = Cause(
    code="authz.token_without_permissions",
    owner="platform",
    summary="The key pair is correct, but it has no permissions on {host}",
    remedies=(
        "Grant the token its own permissions (Datacenter > Permissions > Add > API Token "
        "Permission); with privilege separation it does not inherit those of its user.",
        "Create the token without privilege separation.",
    ),
    field="accessKey",
)
BACKEND_UNREACHABLE = Cause(
    code="api.backend_unreachable",
    owner="platform",
    summary=(
        "The web server of Proxmox VE (pveproxy) on {host} does not reach what does the work "
        "behind it (status {status}): its own daemon, or another node"
    ),
    remedies=(
        "Check on {host} that the daemon runs: systemctl status pvedaemon.",
        "If it runs, check that all nodes of the cluster are up and reach each other: pvecm "
        "status.",
    ),
)

# Parts of the reason phrase, in the order in which the server checks.
_VERDICTS = (
    (re.compile("^No ticket", re.IGNORECASE), HEADER_LOST),
    (
        re.compile(
            "no tokenid specified|invalid tokenid|does not look like a valid|not able to split"
        ),
        ACCESS_KEY_MALFORMED,
    ),
    (re.compile("^no such user"), ACCESS_KEY_NOT_FOUND),
    (re.compile("^no such token"), TOKEN_NOT_FOUND),
    (re.compile("is disabled"), KEY_DISABLED),
    (re.compile("(access|account|token) expired"), KEY_EXPIRED),
    (re.compile("^invalid token value"), SECRET_MISMATCH),
)
_PROBABLY_VERSION = re.compile(r"[0-9][0-9A-Za-z.~+-]{0,30}")


@dataclass(frozen=True, slots=True)
class ProxmoxSession:
    """The headers of further requests; tickets are not stored, so there is no session to end."""

    headers: dict[str, str]
    is_ticket: bool = False
    user: str = ""


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request the version, which is refused without a sign-in in Proxmox's own form."""
    return HttpRequest("GET", f"{_base(endpoint)}/version")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[None]]:
    """Check that this is the API of a Proxmox VE; the version needs a sign-in."""
    _refuse_unready(hello)
    is_own = hello.status == 401 and (_is_daemon(hello) or hello.reason == "No ticket")
    # A proxy may replace the reason phrase and the Server header, which are all that it says.
    if not is_own and not may_be_refused_alone(hello):
        raise not_the_product(hello)
    if not is_own:  # the other products of its maker have the same paths and other keys
        yield from _refuse_relative()
    return Passed(None)


def authenticate(
    endpoint: Endpoint, options: ProductOptions, identity: None, credentials: Credentials
) -> Flow[Passed[ProxmoxSession]]:
    """Sign in with a token if the accessKey names one, else as a user to get a ticket."""
    if "!" in credentials.access_key.get_secret_value():
        session = _with_token(credentials)
    else:
        session = yield from _with_ticket(endpoint, credentials)
    response = yield HttpRequest(
        "GET", f"{_base(endpoint)}/version", session.headers, presents_credentials=True
    )
    if response.reason.startswith("No ticket"):  # as the maker's mail gateway says to all tokens
        yield from _refuse_relative()
    if response.status in (401, 403) and session.is_ticket:  # it was issued a moment ago
        raise refused_call(response, "version")
    _judge(response)
    version = _content(response).get("version")
    if not isinstance(version, str) or not _PROBABLY_VERSION.fullmatch(version):
        raise Failed(SCHEMA_UNEXPECTED, status=response.status)
    return Passed(session, version=version, **names(user=session.user))


def authorize(endpoint: Endpoint, session: ProxmoxSession) -> Flow[Passed[None]]:
    """Report which of the privileges that managing needs the key has, on any path."""
    response = yield HttpRequest("GET", f"{_base(endpoint)}/access/permissions", session.headers)
    if response.status == 403:
        raise Failed(DENIED, api="access/permissions")
    if response.status != 200 or "data" not in response.json_object():
        raise refused_call(response, "access/permissions")
    paths = _content(response)
    granted = {name for names in paths.values() if isinstance(names, dict) for name in names}
    if not granted:
        raise Failed(TOKEN_WITHOUT_PERMISSIONS)
    have = [name for name in NEEDED if name in granted]
    return permissions(have, [name for name in NEEDED if name not in granted])


def recognizes(response: HttpResponse) -> bool:
    """Return whether only a Proxmox VE sends such an answer, to any request."""
    return _is_daemon(response) or response.title_says("Proxmox Virtual Environment")


def _refuse_relative() -> Flow[None]:
    page = yield from answer_if_any(HttpRequest("GET", "/"))
    found = relative_of(page) if page else ""
    if found.startswith("Proxmox"):
        raise Failed(KNOWN_OTHER, found=found)


def _base(endpoint: Endpoint) -> str:
    return f"{endpoint.path.removesuffix('/api2/json')}/api2/json"


def _is_daemon(response: HttpResponse) -> bool:
    return response.headers.get("server", "").startswith("pve-api-daemon")


def _refuse_unready(response: HttpResponse) -> None:
    # Statuses of AnyEvent::HTTP, by which pveproxy asks pvedaemon and the other nodes: 595 to
    # 599 are errors of connecting, of TLS, of the body, and a cut connection.
    if 595 <= response.status <= 599 and _is_daemon(response):
        raise Failed(BACKEND_UNREACHABLE, status=response.status)


def _content(response: HttpResponse) -> dict[str, Any]:
    content = response.json_object().get("data")
    return content if isinstance(content, dict) else {}


def _with_token(credentials: Credentials) -> ProxmoxSession:
    token = credentials.access_key.get_secret_value()
    secret = credentials.secret_key.get_secret_value()
    user = token.partition("!")[0]  # which the server has just looked up
    return ProxmoxSession({"Authorization": f"PVEAPIToken={token}={secret}"}, user=user)


def _with_ticket(endpoint: Endpoint, credentials: Credentials) -> Flow[ProxmoxSession]:
    login = {
        "username": credentials.access_key.get_secret_value(),
        "password": credentials.secret_key.get_secret_value(),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    path, body = f"{_base(endpoint)}/access/ticket", urlencode(login).encode()
    response = yield HttpRequest("POST", path, headers, body, presents_credentials=True)
    if response.status == 401:  # "authentication failure" for every reason
        raise Failed(LOGIN_REFUSED)
    if response.status == 400:  # a user without a realm
        raise Failed(ACCESS_KEY_MALFORMED)
    content = _content(response)
    ticket = content.get("ticket")
    if content.get("NeedTFA"):
        raise Failed(MFA_OR_SSO_REQUIRED)
    if not isinstance(ticket, str) or not ticket.isascii() or not ticket.isprintable():
        raise refused_sign_in(response)
    user = str(content.get("username", ""))
    return ProxmoxSession({"Cookie": f"PVEAuthCookie={ticket}"}, is_ticket=True, user=user)


def _judge(response: HttpResponse) -> None:
    """Raise unless the server accepted the key pair."""
    _refuse_unready(response)
    if response.status == 200:
        return
    # PVE::RPCEnvironment: it looks at permissions when it knows whose they are.
    if response.status == 403 and response.reason.startswith("Permission check failed"):
        raise refused_call(response, "version")
    if response.status not in (400, 401):
        raise refused_sign_in(response)
    for saying, cause in _VERDICTS:
        if saying.search(response.reason[:LONGEST_REASON]):
            since = {"since": "6.2"} if cause is HEADER_LOST else {}
            raise Failed(cause, status=response.status, **since)
    if response.status == 401 and _is_daemon(response):  # a proxy may replace the reason phrase
        raise Failed(INVALID_CREDENTIALS, status=response.status)
    raise refused_sign_in(response)


_ALONE = "the token ID alone (user@realm!name), and its secret as secretKey"
_WITH_ITS_NAME = r"(?=[^!]*@)[^!]*+!.+"
_SLIPS = (
    # pve-access-control: a realm and a token's name have letters, digits, ".", "-" and "_" alone,
    # so that a second "!", a "=" or a backslash behind the "@" is in no token ID.
    Slip(
        "accessKey",
        r"[^!]*@[^!@]*![^!=]*=.+|PVEAPIToken=.*",
        "a token ID with its secret",
        _ALONE,
        is_certain=True,
    ),
    Slip(
        "accessKey",
        r"[^!]*@[^!@]*!.*[!\\].*",
        "a token ID with a second ! or a backslash",
        "the token ID as user@realm!name",
        is_certain=True,
    ),
    Slip(
        "accessKey",
        r"[^!]*@[^!@\\]*\\!.*",
        "a token ID with a backslash",
        "the token ID as user@realm!name",
        is_certain=True,
    ),
    Slip(
        "accessKey",
        "[^@\uff20]+",  # a server takes the full-width sign for the other one
        "a name without a realm",
        "a user as user@pam or user@pve, or a token as user@realm!name",
        is_certain=True,
    ),
    Slip(
        "secretKey",
        rf"[^=]*={UUID}",
        "a secret with the token's name before it",
        "the UUID alone",
        is_certain=True,
        other=_WITH_ITS_NAME,
    ),
    Slip(
        "accessKey",
        "[^!]+",
        "a user, while the secretKey looks like that of a token",
        "the token ID as user@realm!name",
        other=UUID,
    ),
    Slip("accessKey", r"root@(?!pam$|pam!|pam%).*", "root of another realm than pam", "root@pam"),
    Slip("accessKey", r"[^@]*@(PAM|PVE|Pam|Pve)(!.*)?", "a realm in capitals", "it in small ones"),
    Slip("accessKey", r"[^@]*@pbs(!.*)?", "a user of Proxmox Backup Server", "one of Proxmox VE"),
    Slip("accessKey", r"[^@]*@[^!]*%21.*", "a token ID with %21", "it with ! in this place"),
    Slip(
        "secretKey",
        rf"(?!{UUID}$).*",
        "a password, while the accessKey is a token ID",
        "the token's secret, a UUID",
        other=_WITH_ITS_NAME,
    ),
)

_PROXMOX: Product[Any, Any, Any] = Product(
    name="proxmox",
    title="Proxmox VE",
    aliases=("pve",),
    access_key_is="API token ID (user@realm!name), or a user (user@realm)",
    secret_key_is="the token's secret (a UUID), or the user's password",
    names_user=lambda name: "@" in name,  # as a token's ID does too
    default_scheme="https",
    default_port=API_PORT,
    scheme_by_port={API_PORT: "https"},
    slips=_SLIPS,
    options=ProductOptions,
    hello=hello,
    example="https://pve.example.com:8006",
    example_access_key="conncheck@pve!test",
    identify=identify,
    authenticate=authenticate,
    authorize=authorize,
    recognizes=recognizes,
    identity={"user": Told("the user with its realm, e.g. conncheck@pve", ("user",))},
    minimum_version="6.2",  # API tokens, access/permissions
    end_of_life={
        "6": date(2022, 9, 30),
        "7": date(2024, 7, 31),
        "8": date(2026, 8, 31),
    },
)
PRODUCTS = (_PROXMOX,)
