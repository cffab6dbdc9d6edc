"""Nutanix Prism: Prism Central by its API v3, Prism Element by v2.0, both with Basic sign-in.

Facts are from the vendor's API references v2.0 and v3, and from what terraform-provider-nutanix
reports of their errors. API keys of service accounts belong to v4, which is not supported.
"""

import re
from dataclasses import dataclass
from typing import Any

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import STARTING_UP, not_the_product
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_forms import Slip
from shared.platform.keys.key_pair import DENIED, LOGIN_REFUSED
from shared.platform.keys.permissions import permissions
from shared.platform.product import Credentials, Product, ProductOptions

API_PORT = 9440
MOST_ENTITIES = 20  # of a list; among its clusters a Prism Central has an entry for itself
V3, V2 = "/api/nutanix/v3", "/PrismGateway/services/rest/v2.0"
NEEDED_WITH_V3 = ("cluster", "vm", "subnet", "image")
NEEDED_WITH_V2 = ("vms", "storage_containers", "networks", "images")

ELEMENT_INSTEAD_OF_CENTRAL = Cause(
    code="api.element_instead_of_central",
    owner="caller",
    severity="warning",
    summary="{host} is the Prism Element of a single cluster, not a Prism Central",
    remedies=("Use the address of Prism Central to manage all of its clusters.",),
    field="endpoint",
)
USERS_OF_EACH_PRISM = Cause(
    code="auth.users_of_each_prism",
    owner="caller",
    severity="warning",
    summary=(
        "Prism Central and each Prism Element have local users and directories of their own, so a "
        "user of the one may be unknown to the other"
    ),
    remedies=("Enter a user that can sign in to the web console at {host} itself.",),
    field="accessKey",
)

_CONSOLE_TITLES = ("Nutanix Web Console", "Nutanix Prism", "Prism Central", "Prism Element")
_PROBABLY_VERSION = re.compile(r"[0-9a-z][0-9A-Za-z.-]{0,60}")


@dataclass(frozen=True, slots=True)
class NutanixSession:
    """The credentials and the API; each request carries them, so there is no session to end."""

    headers: dict[str, str]
    speaks_v3: bool
    """Prism Central does, and newer Prism Elements do; only these have further lists in v2.0."""


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request the current user, which is refused without a sign-in in Prism's own form."""
    return HttpRequest("GET", f"{_base(endpoint)}{V3}/users/me")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[None]]:
    """Check that this is a Prism by its refusal or, if that is not JSON, by its web console."""
    _refuse_unready(hello)
    if _speaks_prism(hello):
        return Passed(None)
    if hello.status not in (401, 404):
        raise not_the_product(hello)
    console = yield HttpRequest("GET", f"{_base(endpoint)}/console/")
    if not _is_console(console):
        raise not_the_product(hello)
    return Passed(None)


def authenticate(
    endpoint: Endpoint, options: ProductOptions, identity: None, credentials: Credentials
) -> Flow[Passed[NutanixSession]]:
    """Sign in to Prism Central, or to Prism Element if API v3 has no users resource."""
    headers = {"Authorization": credentials.basic}
    response = yield _asked_signed(f"{_base(endpoint)}{V3}/users/me", headers)
    if response.status in (404, 405, 501):  # nothing was judged: the call does not exist
        response = yield _asked_signed(f"{_base(endpoint)}{V2}/cluster/", headers)
        _judge(response)
        version = _version(response.json_object().get("version"))
        session = NutanixSession(headers, speaks_v3=False)
        return Passed(session, Finding(ELEMENT_INSTEAD_OF_CENTRAL), kind="element", **version)
    _judge(response)
    session = NutanixSession(headers, speaks_v3=True)
    return Passed(session, **_who(response.json_object()))


def authorize(endpoint: Endpoint, session: NutanixSession) -> Flow[Passed[None]]:
    """Report which of the lists that managing needs the user may read, and the kind of Prism."""
    have, lack = [], []
    kind = ""
    needed = NEEDED_WITH_V3 if session.speaks_v3 else NEEDED_WITH_V2
    for name in needed:
        response = yield _list(endpoint, session, name)
        if response.status == 200 and isinstance(response.json_object().get("entities"), list):
            have.append(name)
            kind = kind or (_kind(response) if name == "cluster" else "")
        elif response.status == 403:
            lack.append(name)
        else:
            raise refused_call(response, f"the list of {name}")
    table = permissions(have, lack)
    hints = [Finding(ELEMENT_INSTEAD_OF_CENTRAL)] if kind == "element" else []
    facts = {**table.facts, **({"kind": kind} if kind else {})}
    return Passed(None, *hints, *table.warnings, **facts)


def recognizes(response: HttpResponse) -> bool:
    """Return whether only a Prism sends such an answer, to any request."""
    return _speaks_prism(response) or _is_console(response)


def _is_console(response: HttpResponse) -> bool:
    """Return whether this is a page that is titled as Prism's are, and not by its address."""
    title = response.title
    is_vendors = "Nutanix" in title and not response.repeats("Nutanix")
    return is_vendors or any(name in title and response.says(name) for name in _CONSOLE_TITLES)


def _base(endpoint: Endpoint) -> str:
    return endpoint.path.removesuffix("/console").removesuffix(V3).removesuffix(V2)


def _asked_signed(path: str, headers: dict[str, str]) -> HttpRequest:
    return HttpRequest("GET", path, headers, presents_credentials=True)


def _list(endpoint: Endpoint, session: NutanixSession, name: str) -> HttpRequest:
    if not session.speaks_v3:
        return HttpRequest("GET", f"{_base(endpoint)}{V2}/{name}/?length=1", session.headers)
    path = f"{_base(endpoint)}{V3}/{name}s/list"
    request = HttpRequest.with_json("POST", path, {"kind": name, "length": MOST_ENTITIES})
    return HttpRequest("POST", path, {**request.headers, **session.headers}, request.body)


def _kind(clusters: HttpResponse) -> str:
    """Return which Prism lists these clusters, by the services of each; empty if none shows it."""
    entities = clusters.json_object().get("entities")
    services: list[str] = []
    for one in entities if isinstance(entities, list) else []:
        found: Any = one
        for name in ("status", "resources", "config", "service_list"):
            found = found.get(name) if isinstance(found, dict) else None
        services += [str(name) for name in found] if isinstance(found, list) else []
    if "PRISM_CENTRAL" in services:
        return "central"
    return "element" if services == ["AOS"] else ""


def _reasons(response: HttpResponse) -> list[str]:
    messages = response.json_object().get("message_list")
    found = messages if isinstance(messages, list) else []
    return [str(one.get("reason", "")) for one in found if isinstance(one, dict)]


def _speaks_prism(response: HttpResponse) -> bool:
    gateway = response.header_says("www-authenticate", "intent gateway")
    return gateway or ("api_version" in response.json_object() and bool(_reasons(response)))


def _refuse_unready(response: HttpResponse) -> None:
    if response.status == 503 and _speaks_prism(response):
        raise Failed(STARTING_UP, error_code=", ".join(_reasons(response))[:60])


def _judge(response: HttpResponse) -> None:
    """Raise unless Prism accepted the user and the password."""
    _refuse_unready(response)
    if response.status == 401:  # older ones send a page; unknown user and wrong password alike
        users = Finding(USERS_OF_EACH_PRISM)
        raise Failed(LOGIN_REFUSED, users, error_code=", ".join(_reasons(response))[:60])
    if response.status == 403 and "ACCESS_DENIED" in _reasons(response):
        raise Failed(DENIED, api="users/me", error_code="ACCESS_DENIED")
    if response.status != 200 or not response.json_object():
        raise refused_sign_in(response)


def _who(me: dict[str, Any]) -> dict[str, str]:
    """Return whose session it is by the answer of users/me; Prism Element has no such call."""
    status, metadata = me.get("status"), me.get("metadata")
    name = status.get("name") if isinstance(status, dict) else None
    return names(user=name, user_id=metadata.get("uuid") if isinstance(metadata, dict) else None)


def _version(version: object) -> dict[str, str]:
    is_one = isinstance(version, str) and _PROBABLY_VERSION.fullmatch(version)
    return {"version": str(version)} if is_one else {}


_SLIPS = (
    Slip(
        "accessKey",
        r"[^@\\]+\\[^@]+",
        r"a user in the form DOMAIN\user",
        "the user as user@domain",
    ),
)

_NUTANIX: Product[Any, Any, Any] = Product(
    name="nutanix",
    title="Nutanix Prism",
    aliases=("prism",),
    access_key_is="user of Prism Central or Prism Element",
    secret_key_is="the user's password",
    names_user=lambda _: True,
    default_scheme="https",
    default_port=API_PORT,
    scheme_by_port={API_PORT: "https"},
    slips=_SLIPS,
    options=ProductOptions,
    hello=hello,
    example="https://prism.example.com:9440",
    identify=identify,
    authenticate=authenticate,
    authorize=authorize,
    recognizes=recognizes,
    identity={"user": Told("name or ID of Prism Central's user", ("user", "user_id"))},
    sign_in_attempts=4,  # a local user is locked after five
)
PRODUCTS = (_NUTANIX,)
