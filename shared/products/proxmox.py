"""Proxmox VE: API tokens, and users with a password.

Facts are from pve-access-control (PVE/AccessControl.pm, PVE/RPCEnvironment.pm): what is wrong
stands in the reason phrase of the status line alone, so that is what tells faults apart.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.key_pair import (
    DENIED,
    KEY_DISABLED,
    KEY_EXPIRED,
    LOGIN_REFUSED,
    MALFORMED_KEY,
    MFA_REQUIRED,
    NO_SUCH_KEY,
    REFUSED_PAIR,
    WRONG_SECRET,
)
from shared.platform.not_the_product import STARTING_UP, UNEXPECTED, not_the_product
from shared.diagnosis.outcomes import Failed, Passed
from shared.platform.permissions import permissions
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

NO_SUCH_TOKEN = Cause(
    code="auth.token_not_found",
    owner="caller",
    summary="{host} knows the user in accessKey, but not that token of his",
    remedies=("Check the part of the accessKey behind the ! under Datacenter > API Tokens.",),
    field="accessKey",
    is_rejection=True,
)
HEADER_LOST = Cause(
    code="auth.header_lost",
    owner="platform",
    summary="{host} did not receive the token: something in front of it removes the Authorization "
    "header, or it is older than 6.2",
    remedies=(
        "Give the address of {product} itself instead of a proxy's.",
        "Have the proxy in front of {host} pass the Authorization header on.",
    ),
    field="endpoint",
)
TOKEN_WITHOUT_PERMISSIONS = Cause(
    code="authz.token_without_permissions",
    owner="platform",
    summary="The key pair is right, but it has no permission at all on {host}",
    remedies=(
        "Grant the token permissions of its own (Datacenter > Permissions > Add > API Token "
        "Permission); with privilege separation it has none of its user's.",
        "Make the token without privilege separation.",
    ),
    field="accessKey",
)

# What the reason phrase has in it, in the order in which the server checks.
_VERDICTS = (
    (re.compile("^No ticket", re.IGNORECASE), HEADER_LOST),
    (re.compile("no tokenid specified|invalid tokenid|does not look like a valid"), MALFORMED_KEY),
    (re.compile("^no such user"), NO_SUCH_KEY),
    (re.compile("^no such token"), NO_SUCH_TOKEN),
    (re.compile("is disabled"), KEY_DISABLED),
    (re.compile("(access|account|token) expired"), KEY_EXPIRED),
    (re.compile("^invalid token value"), WRONG_SECRET),
)
_PROBABLY_VERSION = re.compile(r"[0-9][0-9A-Za-z.~+-]{0,30}")


@dataclass(frozen=True, slots=True)
class ProxmoxSession:
    """How further requests say who asks; there is nothing to end: tickets are not kept."""

    headers: dict[str, str]


def hello(endpoint: Endpoint) -> HttpRequest:
    """Ask for the version, which is refused without a sign-in, in Proxmox's own words."""
    return HttpRequest("GET", f"{_base(endpoint)}/version")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[None]]:
    """Tell that this is the API of a Proxmox VE; the version is told after the sign-in alone."""
    yield from ()
    _refuse_unready(hello)
    if hello.status != 401 or not (_is_daemon(hello) or hello.reason == "No ticket"):
        raise not_the_product(hello)
    return Passed(None)


def authenticate(
    endpoint: Endpoint, options: ProductOptions, identity: None, credentials: Credentials
) -> Flow[Passed[ProxmoxSession]]:
    """Sign in with a token where the accessKey names one, else as a user, for a ticket."""
    if "!" in credentials.access_key.get_secret_value():
        session = _with_token(credentials)
    else:
        session = yield from _with_ticket(endpoint, credentials)
    response = yield HttpRequest(
        "GET", f"{_base(endpoint)}/version", session.headers, presents_credentials=True
    )
    _judge(response)
    version = _content(response).get("version")
    if not isinstance(version, str) or not _PROBABLY_VERSION.fullmatch(version):
        raise Failed(UNEXPECTED, status=response.status)
    return Passed(session, version=version)


def authorize(endpoint: Endpoint, session: ProxmoxSession) -> Flow[Passed[None]]:
    """Tell which of the privileges that managing needs the key has, on whatever path."""
    response = yield HttpRequest("GET", f"{_base(endpoint)}/access/permissions", session.headers)
    if response.status == 403:
        raise Failed(DENIED, api="access/permissions")
    if response.status != 200 or "data" not in response.json_object():
        raise not_the_product(response, otherwise=UNEXPECTED)
    paths = _content(response)
    granted = {name for names in paths.values() if isinstance(names, dict) for name in names}
    if not granted:
        raise Failed(TOKEN_WITHOUT_PERMISSIONS)
    have = [name for name in NEEDED if name in granted]
    return permissions(have, [name for name in NEEDED if name not in granted])


def recognizes(response: HttpResponse) -> bool:
    """Return whether only a Proxmox VE answers like this, to whatever it was asked."""
    return _is_daemon(response) or "Proxmox Virtual Environment" in response.text


def _base(endpoint: Endpoint) -> str:
    return f"{endpoint.path.removesuffix('/api2/json')}/api2/json"


def _is_daemon(response: HttpResponse) -> bool:
    return response.headers.get("server", "").startswith("pve-api-daemon")


def _refuse_unready(response: HttpResponse) -> None:
    # pveproxy answers 595 where pvedaemon, which does the work, can't be reached.
    if response.status in (595, 596) and _is_daemon(response):
        raise Failed(STARTING_UP, status=response.status)


def _content(response: HttpResponse) -> dict[str, Any]:
    content = response.json_object().get("data")
    return content if isinstance(content, dict) else {}


def _with_token(credentials: Credentials) -> ProxmoxSession:
    token = credentials.access_key.get_secret_value()
    secret = credentials.secret_key.get_secret_value()
    return ProxmoxSession({"Authorization": f"PVEAPIToken={token}={secret}"})


def _with_ticket(endpoint: Endpoint, credentials: Credentials) -> Flow[ProxmoxSession]:
    login = {
        "username": credentials.access_key.get_secret_value(),
        "password": credentials.secret_key.get_secret_value(),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    path, body = f"{_base(endpoint)}/access/ticket", urlencode(login).encode()
    response = yield HttpRequest("POST", path, headers, body, presents_credentials=True)
    if response.status == 401:  # "authentication failure", whatever the reason
        raise Failed(LOGIN_REFUSED)
    if response.status == 400:  # a user without a realm
        raise Failed(MALFORMED_KEY)
    content = _content(response)
    ticket = content.get("ticket")
    if content.get("NeedTFA"):
        raise Failed(MFA_REQUIRED)
    if not isinstance(ticket, str) or not ticket.isascii() or not ticket.isprintable():
        raise not_the_product(response, otherwise=UNEXPECTED)
    return ProxmoxSession({"Cookie": f"PVEAuthCookie={ticket}"})


def _judge(response: HttpResponse) -> None:
    """Raise unless the server took the key pair for good."""
    _refuse_unready(response)
    if response.status == 200:
        return
    if response.status not in (400, 401):
        raise not_the_product(response, otherwise=UNEXPECTED)
    for saying, cause in _VERDICTS:
        if saying.search(response.reason[:LONGEST_REASON]):
            raise Failed(cause, status=response.status)
    if response.status == 401:  # a proxy may have put its own words in the place of the reason
        raise Failed(REFUSED_PAIR, status=response.status)
    raise Failed(UNEXPECTED, status=response.status)


_PROXMOX: Product[Any, Any, Any] = Product(
    name="proxmox",
    title="Proxmox VE",
    access_key_is="API token ID (user@realm!name), or a user (user@realm)",
    secret_key_is="the token's secret (a UUID), or the user's password",
    default_scheme="https",
    default_port=API_PORT,
    scheme_by_port={API_PORT: "https"},
    options=ProductOptions,
    hello=hello,
    example="https://pve.example.com:8006",
    identify=identify,
    authenticate=authenticate,
    authorize=authorize,
    recognizes=recognizes,
    minimum_version="6.2",  # API tokens, access/permissions
    end_of_life={
        "6": date(2022, 9, 30),
        "7": date(2024, 7, 31),
        "8": date(2026, 8, 31),
    },
)
PRODUCTS = (_PROXMOX,)
