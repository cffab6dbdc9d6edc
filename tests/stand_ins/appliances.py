"""Stand-ins for the platforms on premises: each checks what it is given and remembers sessions.

They answer in the words that the products' own modules name, to what a test of them asks.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import parse_qs
from xml.etree.ElementTree import Element, fromstring

from tests.stand_ins.answering import Asked, Reply

USER, SECRET = "conncheck@pve!test", "6a1d3c52-8d6d<&>4b5c"
"""The key pair that all of them know."""
BASIC = "Basic " + b64encode(f"{USER}:{SECRET}".encode()).decode()


@dataclass
class Appliance:
    """What a stand-in has seen."""

    judged: list[bool] = field(default_factory=list)
    """Of each sign-in, whether the key pair was right."""
    sessions: set[str] = field(default_factory=set)
    """Those that are open."""
    calls: list[str] = field(default_factory=list)

    def judge(self, *, is_right: bool) -> bool:
        """Remember a sign-in; gives whether it is one."""
        self.judged.append(is_right)
        return is_right


def _json(content: object, status: int = 200) -> Reply:
    return Reply(status, json.dumps(content), headers={"Content-Type": "application/json"})


def proxmox(seen: Appliance, asked: Asked) -> Reply:
    """Answer as a Proxmox VE does."""
    daemon = {"Server": "pve-api-daemon/3.0"}
    token = asked.headers.get("Authorization")
    if token is None:
        return Reply(401, '{"data":null}', "No ticket", daemon)
    if not seen.judge(is_right=token == f"PVEAPIToken={USER}={SECRET}"):
        return Reply(401, '{"data":null}', "invalid token value!", daemon)
    if asked.call == "GET /api2/json/version":
        return Reply(200, '{"data":{"version":"9.0.3","release":"9.0"}}', headers=daemon)
    needed = ("Sys.Audit", "VM.Audit", "VM.Allocate", "VM.Config.Disk", "VM.PowerMgmt")
    granted = dict.fromkeys((*needed, "Datastore.Audit", "Datastore.AllocateSpace"), 1)
    return _json({"data": {"/": granted}})


def nutanix(seen: Appliance, asked: Asked) -> Reply:
    """Answer as a Prism Central does."""
    given = asked.headers.get("Authorization")
    if given is None or not seen.judge(is_right=given == BASIC):
        message = {"reason": "AUTHENTICATION_REQUIRED", "message": "Authentication required."}
        return _json({"state": "ERROR", "message_list": [message], "api_version": "3.1"}, 401)
    return _json({"entities": [], "api_version": "3.1"})


def ovirt(seen: Appliance, asked: Asked) -> Reply:
    """Answer as an oVirt engine does."""
    if asked.call == "GET /ovirt-engine/services/health":
        return Reply(200, "DB Up!Welcome to Health Status!")
    form = parse_qs(asked.body.decode())
    if asked.call == "POST /ovirt-engine/sso/oauth/token":
        given = (form.get("username"), form.get("password"))
        if not seen.judge(is_right=given == ([USER], [SECRET])):
            return _json({"error_code": "access_denied", "error": "Unable to log in."}, 400)
        seen.sessions.add("tok3n")
        return _json({"access_token": "tok3n", "scope": "ovirt-app-api"})
    if asked.call == "POST /ovirt-engine/services/sso-logout":
        seen.sessions.discard(form["token"][0])
        return _json({})
    if asked.headers.get("Authorization", "").removeprefix("Bearer ") not in seen.sessions:
        return _json({"error": "invalid_token"}, 401)
    return _json({"product_info": {"name": "oVirt", "version": {"full_version": "4.5.4"}}})


def kubernetes(seen: Appliance, asked: Asked) -> Reply:
    """Answer as an API server does."""
    if asked.call == "GET /version":
        return _json({"gitVersion": "v1.35.1", "goVersion": "go1.25", "major": "1"})
    if asked.call == "GET /readyz":
        return Reply(200, "ok")
    if not seen.judge(is_right=asked.headers.get("Authorization") == f"Bearer {SECRET}"):
        status = {"kind": "Status", "apiVersion": "v1", "reason": "Unauthorized", "code": 401}
        return _json(status, 401)
    if asked.path.endswith("/selfsubjectreviews"):
        return _json({"status": {"userInfo": {"username": "system:serviceaccount:a:b"}}}, 201)
    return _json({"status": {"allowed": True}}, 201)


_ENVELOPE = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    "<s:Body>{}</s:Body></s:Envelope>"
)
_CONTENT = (
    '<R xmlns="urn:vim25"><returnval><rootFolder type="Folder">group-d1</rootFolder><about>'
    "<fullName>VMware vCenter Server 8.0.3</fullName><version>8.0.3</version>"
    "<build>1</build><apiType>VirtualCenter</apiType></about>"
    '<sessionManager type="SessionManager">SM</sessionManager>'
    '<authorizationManager type="AuthorizationManager">AM</authorizationManager></returnval></R>'
)
_FAULT = "<s:Fault><detail><{0}Fault/></detail></s:Fault>"


def vsphere(seen: Appliance, asked: Asked) -> Reply:
    """Answer as a vCenter does."""
    if asked.call == "GET /sdk/vimServiceVersions.xml":
        served = "<namespace><name>urn:vim25</name><version>8.0.3.0</version></namespace>"
        return Reply(200, f"<namespaces>{served}</namespaces>")
    method = fromstring(asked.body)[0][0]  # noqa: S314 -- the test's own request
    cookie = asked.headers.get("Cookie", "").partition('"')[2].rstrip('"')
    name = method.tag.rpartition("}")[2]
    if asked.headers["SOAPAction"] != "urn:vim25/8.0.3.0":
        return Reply(500, _ENVELOPE.format(_FAULT.format("RuntimeFault")))
    if name == "RetrieveServiceContent":
        return Reply(200, _ENVELOPE.format(_CONTENT))
    if name == "Login":
        return _login(seen, method)
    if cookie not in seen.sessions:
        return Reply(500, _ENVELOPE.format(_FAULT.format("NotAuthenticated")))
    if name == "Logout":
        seen.sessions.discard(cookie)
        return Reply(200, _ENVELOPE.format('<LogoutResponse xmlns="urn:vim25"/>'))
    rows = "".join(
        f"<privAvailability><privId>{one.text}</privId><isGranted>true</isGranted>"
        "</privAvailability>"
        for one in method.iterfind("{*}privId")
    )
    return Reply(200, _ENVELOPE.format(f'<R xmlns="urn:vim25"><returnval>{rows}</returnval></R>'))


def _login(seen: Appliance, method: Element) -> Reply:
    given = (method.findtext("{*}userName"), method.findtext("{*}password"))
    if not seen.judge(is_right=given == (USER, SECRET)):
        return Reply(500, _ENVELOPE.format(_FAULT.format("InvalidLogin")))
    seen.sessions.add("c00kie")
    content = '<R xmlns="urn:vim25"><returnval><key>k3y</key></returnval></R>'
    cookie = 'vmware_soap_session="c00kie"; Path=/; HttpOnly; Secure;'
    return Reply(200, _ENVELOPE.format(content), headers={"Set-Cookie": cookie})


APPLIANCES = {
    "kubernetes": kubernetes,
    "nutanix": nutanix,
    "ovirt": ovirt,
    "proxmox": proxmox,
    "vsphere": vsphere,
}
"""By productType."""
