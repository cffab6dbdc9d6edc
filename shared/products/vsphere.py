"""VMware vSphere: vCenter and ESXi, through the SOAP API that both serve at /sdk.

Facts are from the vSphere Web Services API reference (ServiceInstance, SessionManager,
AuthorizationManager); the answers without a sign-in are those of the simulator vcsim.
"""

import re
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from html import escape
from typing import Any, Literal
from xml.etree.ElementTree import Element

from pydantic import Field

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import (
    HTTP_500,
    SCHEMA_UNEXPECTED,
    STARTING_UP,
    WRONG_PORT_ROLE,
    not_the_product,
)
from shared.platform.answers.unexplained import (
    CALL_REJECTED,
    REFUSED_LATER,
    refused_call,
    refused_sign_in,
)
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_forms import Slip
from shared.platform.keys.key_pair import DENIED, LOGIN_REFUSED, PASSWORD_EXPIRED
from shared.platform.keys.permissions import permissions
from shared.platform.product import Credentials, Product, ProductOptions

ADMINISTRATION_PORT = 5480
NEEDED = (
    "System.Read",
    "VirtualMachine.Inventory.Create",
    "VirtualMachine.Interact.PowerOn",
    "VirtualMachine.Config.AddNewDisk",
    "Datastore.AllocateSpace",
    "Network.Assign",
    "Resource.AssignVMToPool",
)

ESXI_INSTEAD_OF_VCENTER = Cause(
    code="api.esxi_instead_of_vcenter",
    owner="caller",
    severity="warning",
    summary="{host} is a single ESXi host, not a vCenter",
    remedies=(
        "Use the address of the vCenter to manage all of its hosts.",
        "Set options.kind to esxi if you mean the single host.",
    ),
    field="endpoint",
)
WRONG_VSPHERE_KIND = Cause(
    code="api.wrong_vsphere_kind",
    owner="caller",
    summary="{host} is {found}, but options.kind says {wanted}",
    remedies=("Use the address of {wanted}.", "Change options.kind if you mean {found}."),
    field="options.kind",
)
USER_WITHOUT_DOMAIN = Cause(
    code="auth.user_without_domain",
    owner="caller",
    severity="warning",
    summary="The accessKey has no domain, so {host} looks for the user in its default domain",
    remedies=("Enter the user with its domain, for example administrator@vsphere.local.",),
    field="accessKey",
)

USER_OF_A_VCENTER = Cause(
    code="auth.user_of_a_vcenter",
    owner="caller",
    severity="warning",
    summary="{host} is a single ESXi host, which does not know the users of a vCenter",
    remedies=("Enter a user of the host itself, for example root.",),
    field="accessKey",
)
NO_PERMISSION = Cause(
    code="authz.no_permission",
    owner="platform",
    summary="The user and the password are correct, but the user has no permission on {host}",
    remedies=(
        "Assign the user a role on {host}: on a vCenter under Administration > Access Control > "
        "Global Permissions.",
        "On a single ESXi host, check that lockdown mode does not exclude the user.",
    ),
    field="accessKey",
)

_KINDS = {"VirtualCenter": "vcenter", "HostAgent": "esxi"}
_TITLES = {"vcenter": "a vCenter", "esxi": "a single ESXi host"}
_PIPE = re.compile(r"_pipeName ?= ?[\w./-]{0,80}?([\w-]{3,40})\)")
"""Of the service that the reverse proxy cannot reach, like vpxd-webserver-pipe."""
_NOT_YET = ("Failed to connect to endpoint", "no healthy upstream")
# Faults of Login; PasswordExpired is a kind of InvalidLogin.
_OF_USERS = {"NoPermission": NO_PERMISSION, "PasswordExpired": PASSWORD_EXPIRED}
_INITIALIZING = "still initializing"
# Faults by which the server tells of itself, and not of the request: vim.fault, vmodl.fault.
_OWN_FAULTS = frozenset(
    {
        *("RuntimeFault", "SystemError", "DatabaseError", "Timedout", "HostCommunication"),
        *("HostNotConnected", "HostNotReachable", "HostConnectFault", "VcServicesFault"),
    }
)
_WELCOMES = ("ID_VC_Welcome", "ID_EESX_Welcome")  # in the pages of vCenter and ESXi at /
_API_VERSION = re.compile(r"[0-9][0-9A-Za-z.]{0,20}")
_COOKIE = re.compile(r'vmware_soap_session="?([A-Za-z0-9-]{1,200})"?')
_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<{method} xmlns="urn:vim25">{this}{arguments}</{method}>'
    "</soapenv:Body></soapenv:Envelope>"
)


class VsphereOptions(ProductOptions):
    """The options of vSphere."""

    kind: Literal["vcenter", "esxi"] | None = Field(
        default=None,
        description=("Which of the two the endpoint must be; without it, either is accepted."),
    )


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a managed object by type and value."""

    type: str
    value: str

    def as_xml(self, name: str) -> str:
        """Return it as the parameter `name`."""
        return f'<{name} type="{escape(self.type)}">{escape(self.value)}</{name}>'


@dataclass(frozen=True, slots=True)
class VsphereIdentity:
    """The kind of server, the version of its API, and the objects of its services."""

    kind: str
    api_version: str
    sessions: Reference
    authorization: Reference
    root: Reference


@dataclass(frozen=True, slots=True)
class VsphereSession:
    """A session, by its cookie and its key."""

    identity: VsphereIdentity
    cookie: str
    key: str


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request the supported versions of the API, which needs no credentials."""
    return HttpRequest("GET", f"{_base(endpoint)}/vimServiceVersions.xml")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[VsphereIdentity]]:
    """Distinguish vCenter from ESXi, and read the version."""
    _refuse_unready(hello)
    api_version = _api_version(hello)
    if not api_version:
        raise _what_else(endpoint, hello)
    instance = Reference("ServiceInstance", "ServiceInstance")
    response = yield _call(endpoint, api_version, "RetrieveServiceContent", instance)
    _refuse_unready(response)
    content = _returned(response)
    about = content.find("{*}about") if content is not None else None
    kind = _KINDS.get(about.findtext("{*}apiType", "") if about is not None else "")
    if content is None or about is None or kind is None:
        if _fault(response):
            raise _faulty(response, "RetrieveServiceContent")
        raise Failed(SCHEMA_UNEXPECTED, status=response.status)
    identity = VsphereIdentity(
        kind,
        api_version,
        _reference(content, "sessionManager"),
        _reference(content, "authorizationManager"),
        _reference(content, "rootFolder"),
    )
    seen = {name: about.findtext(f"{{*}}{name}", "") for name in ("version", "build", "fullName")}
    return Passed(
        identity,
        kind=kind,
        version=seen["version"],
        build=seen["build"],
        edition=seen["fullName"],
    )


def authenticate(
    endpoint: Endpoint, options: VsphereOptions, identity: VsphereIdentity, credentials: Credentials
) -> Flow[Passed[VsphereSession]]:
    """Log in once; a single host instead of a vCenter is reported before that."""
    if options.kind and options.kind != identity.kind:
        found, wanted = _TITLES[identity.kind], _TITLES[options.kind]
        raise Failed(WRONG_VSPHERE_KIND, found=found, wanted=wanted)
    user = credentials.access_key.get_secret_value()
    password = credentials.secret_key.get_secret_value()
    arguments = f"<userName>{escape(user)}</userName><password>{escape(password)}</password>"
    request = _call(endpoint, identity.api_version, "Login", identity.sessions, arguments)
    sign_out = partial(_logout, endpoint, identity)
    response = yield replace(request, presents_credentials=True, sign_out=sign_out)
    _refuse_unready(response)
    _judge_login(response, identity, user)
    session, cookie = _returned(response), _cookie(response)
    key = session.findtext("{*}key", "") if session is not None else ""
    if not cookie or not key:
        raise Failed(SCHEMA_UNEXPECTED, status=response.status, error_code=_fault(response))
    is_hint = identity.kind == "esxi" and options.kind is None
    hints = [Finding(ESXI_INSTEAD_OF_VCENTER)] if is_hint else []
    who = names(user=session.findtext("{*}userName")) if session is not None else {}
    return Passed(VsphereSession(identity, cookie, key), *hints, **who)


def authorize(endpoint: Endpoint, session: VsphereSession) -> Flow[Passed[None]]:
    """Report which of the privileges that managing needs the user has on the whole inventory."""
    identity, method = session.identity, "HasPrivilegeOnEntities"
    root = identity.root.as_xml("entity")
    key = f"<sessionId>{escape(session.key)}</sessionId>"
    wanted = "".join(f"<privId>{name}</privId>" for name in NEEDED)
    request = _call(
        endpoint, identity.api_version, method, identity.authorization, root + key + wanted
    )
    response = yield _within(session.cookie, request)
    fault = _fault(response)
    if fault == "NoPermission":
        raise Failed(DENIED, api=f"{method} (System.View)")
    found = _returned(response)
    if fault:
        if fault != "NotAuthenticated":
            raise _faulty(response, method)
        facts: Facts = {"status": response.status, "error_code": fault}
        raise Failed(REFUSED_LATER, api=method, **facts)
    if found is None:
        raise refused_call(response, method)
    granted = {
        one.findtext("{*}privId", "")
        for one in found.iterfind("{*}privAvailability")
        if one.findtext("{*}isGranted", "") in ("true", "1")
    }
    have = [name for name in NEEDED if name in granted]
    return permissions(have, [name for name in NEEDED if name not in granted])


def recognizes(response: HttpResponse) -> bool:
    """Return whether only a vSphere sends such an answer, to any request."""
    return response.says("urn:vim25") or any(response.says(welcome) for welcome in _WELCOMES)


def _base(endpoint: Endpoint) -> str:
    return f"{endpoint.path.removesuffix('/sdk').removesuffix('/ui')}/sdk"


def _call(
    endpoint: Endpoint, api_version: str, method: str, this: Reference, arguments: str = ""
) -> HttpRequest:
    # Without a version, a call is treated as one of the oldest API, which lacks half of the
    # methods.
    action = f"urn:vim25/{api_version}"
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": action}
    body = _ENVELOPE.format(method=method, this=this.as_xml("_this"), arguments=arguments)
    return HttpRequest("POST", _base(endpoint), headers, body.encode())


def _within(cookie: str, request: HttpRequest) -> HttpRequest:
    shown = f'vmware_soap_session="{cookie}"'
    return replace(request, headers={**request.headers, "Cookie": shown})


def _cookie(response: HttpResponse) -> str:
    """Return the session's cookie; empty if there is none."""
    found = _COOKIE.search(response.headers.get("set-cookie", ""))
    return found[1] if found else ""


def _logout(
    endpoint: Endpoint, identity: VsphereIdentity, response: HttpResponse
) -> HttpRequest | None:
    """Return what ends the session that the answer to Login opens; a vCenter has 2,000 of them."""
    cookie = _cookie(response)
    if response.status != 200 or not cookie:
        return None
    return _within(cookie, _call(endpoint, identity.api_version, "Logout", identity.sessions))


def _returned(response: HttpResponse) -> Element | None:
    root = response.xml() if response.status == 200 else None
    return root.find("{*}Body/*/{*}returnval") if root is not None else None


def _reference(content: Element, name: str) -> Reference:
    found = content.find(f"{{*}}{name}")
    if found is None:
        return Reference("", "")
    return Reference(found.get("type", ""), found.text or "")


def _fault(response: HttpResponse) -> str:
    """Return the name of a SOAP fault, which identifies it; else nothing."""
    root = response.xml()
    detail = root.find("{*}Body/{*}Fault/detail/*") if root is not None else None
    name = detail.tag.rpartition("}")[2] if detail is not None else ""
    return name.removesuffix("Fault")[:60]


def _api_version(response: HttpResponse) -> str:
    """Return the newest supported version of the API; nothing if there is none."""
    root = response.xml() if response.status == 200 else None
    for served in root.iter("namespace") if root is not None else ():
        version = served.findtext("version", "")
        if served.findtext("name") == "urn:vim25" and _API_VERSION.fullmatch(version):
            return version
    return ""


def _refuse_unready(response: HttpResponse) -> None:
    if response.status == 503 and any(saying in response.text for saying in _NOT_YET):
        found = _PIPE.search(response.beginning)
        raise Failed(STARTING_UP, status=503, **({"error_code": found[1]} if found else {}))


def _judge_login(response: HttpResponse, identity: VsphereIdentity, user: str) -> None:
    fault = _fault(response)
    if fault == "InvalidLogin":
        names_domain = bool({"@", "\\"} & set(user))
        hints = []
        if identity.kind == "vcenter" and not names_domain:
            hints = [Finding(USER_WITHOUT_DOMAIN)]
        if identity.kind == "esxi" and names_domain:
            hints = [Finding(USER_OF_A_VCENTER)]
        raise Failed(LOGIN_REFUSED, *hints, error_code=fault)
    if cause := _OF_USERS.get(fault):
        raise Failed(cause, error_code=fault)
    if fault:
        raise _faulty(response, "Login")
    if response.status != 200:
        raise refused_sign_in(response)


def _faulty(response: HttpResponse, method: str) -> Failed:
    """Return the failure of a call whose fault tells nothing of the user."""
    fault = _fault(response)
    facts: Facts = {"status": response.status, "error_code": fault}
    if response.says(_INITIALIZING):
        return Failed(STARTING_UP, **facts)
    if fault in _OWN_FAULTS:
        return Failed(HTTP_500, **facts)
    return Failed(CALL_REJECTED, asked=method, **facts)


def _what_else(endpoint: Endpoint, response: HttpResponse) -> Failed:
    if endpoint.port == ADMINISTRATION_PORT and response.looks_like_html:
        return Failed(WRONG_PORT_ROLE, status=response.status)
    return not_the_product(response)


_SLIPS = (
    Slip("accessKey", r"[^@\\]+\\\\+[^@\\]+", "a user with two backslashes", r"DOMAIN\user"),
    Slip("accessKey", r"[^@\\/]+/[^@\\/]+", "a user with a slash", r"DOMAIN\user or user@domain"),
    Slip(
        "accessKey",
        r"[^@\\]+@(?!localos$)[^@.\\]+",
        "a user whose domain has no dot",
        "the whole domain, for example administrator@vsphere.local",
    ),
    Slip(
        "accessKey",
        r"root@(?!localos$).+",
        "root of a domain, which a vCenter does not have",
        "administrator@vsphere.local for a vCenter, or root for a single ESXi host",
    ),
)

_VSPHERE: Product[Any, Any, Any] = Product(
    name="vsphere",
    title="VMware vSphere",
    aliases=("vmware", "vcenter", "esxi"),
    access_key_is="user with domain (administrator@vsphere.local; root on a single host)",
    secret_key_is="the user's password",
    names_user=lambda name: "@" in name or "\\" in name or name == "root",
    default_scheme="https",
    default_port=443,
    scheme_by_port={ADMINISTRATION_PORT: "https"},
    slips=_SLIPS,
    options=VsphereOptions,
    hello=hello,
    example="https://vcenter.example.com",
    identify=identify,
    authenticate=authenticate,
    authorize=authorize,
    recognizes=recognizes,
    identity={"user": Told("the session's user, e.g. VSPHERE.LOCAL\\Administrator", ("user",))},
    minimum_version="5.5",  # HasPrivilegeOnEntities
    end_of_life={  # of general support
        "5.5": date(2018, 9, 19),
        "6.0": date(2020, 3, 12),
        "6.5": date(2022, 10, 15),
        "6.7": date(2022, 10, 15),
        "7.0": date(2025, 10, 2),
        "8.0": date(2027, 10, 11),
    },
    sign_in_attempts=4,  # vCenter's and ESXi's usual policy locks after five
)
PRODUCTS = (_VSPHERE,)
