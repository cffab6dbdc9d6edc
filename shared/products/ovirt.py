"""oVirt and Red Hat Virtualization: the engine's SSO, then its REST API.

Facts are from the engine's SSO servlets and AAA messages, and from what the SDKs for Ruby, Python
and Ansible report of them. The SSO has one code for most refusals, so they are recognized by their
messages.
"""

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import STARTING_UP, not_the_product
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_forms import Slip
from shared.platform.keys.key_pair import KEY_EXPIRED, LOGIN_REFUSED, PASSWORD_EXPIRED
from shared.platform.keys.permissions import permissions
from shared.platform.product import Credentials, Product, ProductOptions

SCOPE = "ovirt-app-api"
NEEDED = ("datacenters", "clusters", "hosts", "vms", "storagedomains", "networks")

PROFILE_MISSING = Cause(
    code="auth.profile_missing",
    owner="caller",
    summary="{host} does not know the profile (realm) of the user in accessKey",
    remedies=(
        "Enter the user with its profile, for example admin@internal.",
        "If the engine uses Keycloak for sign-ins, enter admin@ovirt@internalsso.",
    ),
    field="accessKey",
    is_rejection=True,
)
PROFILE_OF_KEYCLOAK = Cause(
    code="auth.profile_of_keycloak",
    owner="caller",
    severity="warning",
    summary=(
        "Engines that sign in by Keycloak, as new ones do since 4.5, have their administrator "
        "under another name: admin@ovirt@internalsso"
    ),
    remedies=("Enter admin@ovirt@internalsso, if the engine's sign-in page is Keycloak's.",),
    field="accessKey",
)
DISABLED_OR_LOCKED = Cause(
    code="auth.disabled_or_locked",
    owner="platform",
    summary="{host} reports that the user is disabled or locked",
    remedies=(
        "Find out which on the engine: ovirt-aaa-jdbc-tool user show NAME.",
        "Unlock the user there: ovirt-aaa-jdbc-tool user unlock NAME.",
        "Look for a program that still signs in with an old password.",
    ),
    field="accessKey",
    is_rejection=True,
)
LOGIN_NOT_PERMITTED = Cause(
    code="authz.login_not_permitted",
    owner="platform",
    summary="{host} knows the user, but the user has no permission to sign in",
    remedies=(
        "Give the user or its group a role on the engine, for example UserRole on a data centre "
        "(Administration > Users).",
        "Enter another user.",
    ),
    field="accessKey",
)
OTHER_NAME_WANTED = Cause(
    code="api.other_name_wanted",
    owner="caller",
    summary="The engine rejects sign-ins addressed to {host}",
    remedies=(
        "Use the name in the endpoint that the engine was set up with.",
        "Add {host} to SSO_ALTERNATE_ENGINE_FQDNS in the engine's configuration.",
    ),
    field="endpoint",
)

# Messages of the SSO, which are in English because no Accept-Language is sent.
_VERDICTS = (
    (re.compile("No (valid )?profile found", re.IGNORECASE), PROFILE_MISSING),
    (re.compile("password has expired", re.IGNORECASE), PASSWORD_EXPIRED),
    (re.compile("account is disabled or locked", re.IGNORECASE), DISABLED_OR_LOCKED),
    (re.compile("account has expired", re.IGNORECASE), KEY_EXPIRED),
    (re.compile("not authorized to perform login", re.IGNORECASE), LOGIN_NOT_PERMITTED),
    (re.compile("using FQDN", re.IGNORECASE), OTHER_NAME_WANTED),
)
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_PROBABLY_VERSION = re.compile(r"[0-9][0-9A-Za-z._~-]{0,60}")
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class OvirtSession:
    """A token of the SSO."""

    token: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers of requests in this session."""
        return {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request the engine's health, which needs no credentials."""
    return HttpRequest("GET", f"{_base(endpoint)}/services/health")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[None]]:
    """Check that this is an engine with a working database; the version needs a sign-in."""
    yield from ()
    if hello.status == 200 and _is_health(hello):
        return Passed(None)
    if hello.status >= 500 and recognizes(hello):
        raise Failed(STARTING_UP, status=hello.status)
    raise not_the_product(hello)


def authenticate(
    endpoint: Endpoint, options: ProductOptions, identity: None, credentials: Credentials
) -> Flow[Passed[OvirtSession]]:
    """Get a token for the user, once."""
    form = {
        "grant_type": "password",
        "scope": SCOPE,
        "username": credentials.access_key.get_secret_value(),
        "password": credentials.secret_key.get_secret_value(),
    }
    path, body = f"{_base(endpoint)}/sso/oauth/token", urlencode(form).encode()
    request = HttpRequest("POST", path, _FORM, body, presents_credentials=True)
    response = yield replace(request, sign_out=partial(_revoke, endpoint))
    _refuse(response, credentials.access_key.get_secret_value())
    token = _token(response)
    if token is None:
        raise refused_sign_in(response)
    return Passed(OvirtSession(token))


def ask_identity(endpoint: Endpoint, session: OvirtSession) -> Flow[Facts]:
    """Read the user of the session, to which the API's first answer has a link."""
    response = yield HttpRequest("GET", f"{_base(endpoint)}/api", session.headers)
    link = response.json_object().get("authenticated_user")
    user_id = link.get("id") if isinstance(link, dict) else None
    if response.status != 200 or not isinstance(user_id, str) or not _ID.fullmatch(user_id):
        return {}
    path = f"{_base(endpoint)}/api/users/{user_id}"
    told = (yield HttpRequest("GET", path, session.headers)).json_object()
    if told.get("id") != user_id:  # without its name, a user that was named is not another one
        return {}
    return names(user=told.get("user_name"), user_id=user_id)


def authorize(endpoint: Endpoint, session: OvirtSession) -> Flow[Passed[None]]:
    """Report the version, and which of the lists that managing needs the user may read."""
    response = yield HttpRequest("GET", f"{_base(endpoint)}/api", session.headers)
    about = response.json_object().get("product_info")
    if response.status != 200 or not isinstance(about, dict):
        raise refused_call(response, "api")
    have: list[str] = []
    lack: list[str] = []
    for name in NEEDED:
        path = f"{_base(endpoint)}/api/{name}?max=1"
        response = yield HttpRequest("GET", path, session.headers)
        (have if response.status == 200 else lack).append(name)
        if response.status not in (200, 400, 401, 403):  # 400 to 403: a query without permission
            raise refused_call(response, f"api/{name}")
    table = permissions(have, lack)
    return Passed(None, *table.warnings, **table.facts, **_about(about))


def recognizes(response: HttpResponse) -> bool:
    """Return whether only an engine sends such an answer, to any request."""
    names_itself = response.says("/ovirt-engine/")
    return _is_health(response) or names_itself or response.header_says("location", "/ovirt-engine")


def _base(endpoint: Endpoint) -> str:
    return f"{endpoint.path.partition('/ovirt-engine')[0]}/ovirt-engine"


def _token(response: HttpResponse) -> str | None:
    token = response.json_object().get("access_token")
    is_one = isinstance(token, str) and token.isascii() and token.isprintable()
    return str(token) if is_one else None


def _revoke(endpoint: Endpoint, response: HttpResponse) -> HttpRequest | None:
    """Return what revokes the token in the answer to a sign-in."""
    token = _token(response)
    if token is None:
        return None
    body = urlencode({"scope": SCOPE, "token": token}).encode()
    return HttpRequest("POST", f"{_base(endpoint)}/services/sso-logout", _FORM, body)


def _is_health(response: HttpResponse) -> bool:
    return response.says("Welcome to Health Status")


def _refuse(response: HttpResponse, user: str) -> None:
    """Raise for an error of the SSO; without one the sign-in succeeded."""
    answer = response.json_object()
    code, says = answer.get("error_code"), answer.get("error")
    if not isinstance(code, str) or not isinstance(says, str):
        return
    for saying, cause in _VERDICTS:
        if saying.search(says):
            raise Failed(cause, error_code=code[:60])
    if code == "access_denied":
        hints = [Finding(PROFILE_OF_KEYCLOAK)] if user.lower().endswith("@internal") else []
        raise Failed(LOGIN_REFUSED, *hints, error_code=code)
    raise refused_sign_in(response)


def _about(product_info: dict[str, Any]) -> dict[str, str]:
    version = product_info.get("version")
    full = version.get("full_version") if isinstance(version, dict) else None
    name = product_info.get("name")
    found = {"edition": name[:60]} if isinstance(name, str) else {}
    is_one = isinstance(full, str) and _PROBABLY_VERSION.fullmatch(full)
    return {**found, "version": str(full)} if is_one else found


_SLIPS = (
    Slip(
        "accessKey",
        "[^@]+",
        "a user without a profile",
        "the user as admin@internal, or admin@ovirt@internalsso where the engine uses Keycloak",
    ),
    Slip(
        "accessKey",
        r"[^@]+@ovirt(@(?!internalsso$).*)?",
        "a user of Keycloak without the profile internalsso",
        "the user as admin@ovirt@internalsso",
    ),
)

_OVIRT: Product[Any, Any, Any] = Product(
    name="ovirt",
    title="oVirt Engine",
    aliases=("rhv", "rhvm"),
    access_key_is="user with profile (admin@internal)",
    secret_key_is="the user's password",
    names_user=lambda name: "@" in name,
    default_scheme="https",
    default_port=443,
    slips=_SLIPS,
    options=ProductOptions,
    hello=hello,
    example="https://engine.example.com",
    identify=identify,
    authenticate=authenticate,
    authorize=authorize,
    recognizes=recognizes,
    identity={
        "user": Told("ID or name of the user, e.g. admin@internal-authz", ("user", "user_id")),
    },
    ask_identity=ask_identity,
    minimum_version="4.0",  # the SSO
    sign_in_attempts=4,  # the internal profile locks after five
)
PRODUCTS = (_OVIRT,)
