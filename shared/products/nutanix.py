"""Nutanix Prism: Prism Central by its API v3, Prism Element by v2.0, both with Basic sign-in.

Facts are from the vendor's API references v2.0 and v3, and from what terraform-provider-nutanix
reports of their errors. API keys of service accounts belong to v4, which is not supported.
"""

import re
from dataclasses import dataclass
from typing import Any

from shared.diagnosis.outcomes import Failed, Passed
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.key_pair import DENIED, LOGIN_REFUSED
from shared.platform.not_the_product import STARTING_UP, not_the_product
from shared.platform.permissions import permissions
from shared.platform.product import Credentials, Product, ProductOptions
from shared.platform.unexplained import refused_call, refused_sign_in

API_PORT = 9440
V3, V2 = "/api/nutanix/v3", "/PrismGateway/services/rest/v2.0"
NEEDED_OF_CENTRAL = ("cluster", "vm", "subnet", "image")
NEEDED_OF_ELEMENT = ("vms", "storage_containers", "networks", "images")

_TITLE = re.compile("<title>[^<]{0,40}(Nutanix|Prism)", re.IGNORECASE)
_PROBABLY_VERSION = re.compile(r"[0-9a-z][0-9A-Za-z.-]{0,60}")


@dataclass(frozen=True, slots=True)
class NutanixSession:
    """The credentials and the API; each request carries them, so there is no session to end."""

    headers: dict[str, str]
    is_central: bool


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
    if not _TITLE.search(console.text):
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
        return Passed(NutanixSession(headers, is_central=False), kind="element", **version)
    _judge(response)
    return Passed(NutanixSession(headers, is_central=True), kind="central")


def authorize(endpoint: Endpoint, session: NutanixSession) -> Flow[Passed[None]]:
    """Report which of the lists that managing needs the user may read."""
    have, lack = [], []
    needed = NEEDED_OF_CENTRAL if session.is_central else NEEDED_OF_ELEMENT
    for name in needed:
        response = yield _list(endpoint, session, name)
        if response.status == 200 and response.json_object():
            have.append(name)
        elif response.status == 403:
            lack.append(name)
        else:
            raise refused_call(response, f"the list of {name}")
    return permissions(have, lack)


def recognizes(response: HttpResponse) -> bool:
    """Return whether only a Prism sends such an answer, to any request."""
    return _speaks_prism(response) or bool(
        re.search("<title>[^<]{0,40}Nutanix", response.text, re.IGNORECASE)
    )


def _base(endpoint: Endpoint) -> str:
    return endpoint.path.removesuffix("/console").removesuffix(V3).removesuffix(V2)


def _asked_signed(path: str, headers: dict[str, str]) -> HttpRequest:
    return HttpRequest("GET", path, headers, presents_credentials=True)


def _list(endpoint: Endpoint, session: NutanixSession, name: str) -> HttpRequest:
    if not session.is_central:
        return HttpRequest("GET", f"{_base(endpoint)}{V2}/{name}/?length=1", session.headers)
    path = f"{_base(endpoint)}{V3}/{name}s/list"
    request = HttpRequest.with_json("POST", path, {"kind": name, "length": 1})
    return HttpRequest("POST", path, {**request.headers, **session.headers}, request.body)


def _reasons(response: HttpResponse) -> list[str]:
    messages = response.json_object().get("message_list")
    found = messages if isinstance(messages, list) else []
    return [str(one.get("reason", "")) for one in found if isinstance(one, dict)]


def _speaks_prism(response: HttpResponse) -> bool:
    gateway = "Intent Gateway" in response.headers.get("www-authenticate", "")
    return gateway or ("api_version" in response.json_object() and bool(_reasons(response)))


def _refuse_unready(response: HttpResponse) -> None:
    if response.status == 503 and _speaks_prism(response):
        raise Failed(STARTING_UP, error_code=", ".join(_reasons(response))[:60])


def _judge(response: HttpResponse) -> None:
    """Raise unless Prism accepted the user and the password."""
    _refuse_unready(response)
    if response.status == 401:  # older ones send a page; unknown user and wrong password alike
        raise Failed(LOGIN_REFUSED, error_code=", ".join(_reasons(response))[:60])
    if response.status == 403:
        raise Failed(DENIED, api="users/me", error_code=", ".join(_reasons(response))[:60])
    if response.status != 200 or not response.json_object():
        raise refused_sign_in(response)


def _version(version: object) -> dict[str, str]:
    is_one = isinstance(version, str) and _PROBABLY_VERSION.fullmatch(version)
    return {"version": str(version)} if is_one else {}


_NUTANIX: Product[Any, Any, Any] = Product(
    name="nutanix",
    title="Nutanix Prism",
    access_key_is="user of Prism Central or Prism Element",
    secret_key_is="the user's password",
    default_scheme="https",
    default_port=API_PORT,
    scheme_by_port={API_PORT: "https"},
    options=ProductOptions,
    hello=hello,
    example="https://prism.example.com:9440",
    identify=identify,
    authenticate=authenticate,
    authorize=authorize,
    recognizes=recognizes,
    sign_in_attempts=4,  # a local user is locked after five
)
PRODUCTS = (_NUTANIX,)
