"""Faults that a platform tells in words of its own, without which its status misleads."""

from collections.abc import Iterator
from functools import partial

from tests.stand_ins.answering import Asked, Reply
from tests.stand_ins.appliances import SECRET, USER, Appliance, kubernetes, nutanix, ovirt, proxmox
from tests.stand_ins.appliances import vsphere as vcenter
from tests.zoo.fault import Target, fault
from tests.zoo.reports.openstack import PASSWORD, keystone
from tests.zoo.reports.openstack import USER as OPENSTACK_USER
from tests.zoo.situations import HTML, over_http, over_tls, said


def _appliance(product: str, endpoint: str) -> Target:
    return Target(endpoint, product, USER, SECRET)


@fault("authenticate", "authz.login_not_permitted")
def ovirt_lets_the_user_not_in() -> Iterator[Target]:
    """The user of an oVirt engine has no role that permits a sign-in."""
    words = {"error_code": "access_denied", "error": f"The user {USER} is not authorized to "
             "perform login"}  # fmt: skip

    def rule(asked: Asked) -> Reply:
        if asked.call == "POST /ovirt-engine/sso/oauth/token":
            return said(words, 400)
        return ovirt(Appliance(), asked)

    yield from over_tls(rule, partial(_appliance, "ovirt"))


def _keystone_refuses(words: str) -> Iterator[Target]:
    def rule(asked: Asked) -> Reply:
        if asked.method == "POST":
            error = {"code": 401, "title": "Unauthorized", "message": words}
            return said({"error": error}, 401)
        return keystone(asked, [])

    yield from over_http(rule, lambda at: Target(f"{at}/v3", "openstack", OPENSTACK_USER, PASSWORD))


@fault("authenticate", "authz.no_access_to_scope")
def keystone_misses_a_role() -> Iterator[Target]:
    """The user has no role on the project that the sign-in is for."""
    yield from _keystone_refuses("User 4f2a1c has no access to project 99aa0b")


@fault("authenticate", "auth.scope_disabled")
def keystone_has_disabled_the_project() -> Iterator[Target]:
    """The project that the sign-in is for is disabled."""
    yield from _keystone_refuses("Project is disabled: 99aa0b")


@fault("product_identify", "api.not_ready")
def kubernetes_has_lost_its_etcd() -> Iterator[Target]:
    """The API server runs, and its etcd does not answer."""
    checks = "[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"

    def rule(asked: Asked) -> Reply:
        if asked.call == "GET /readyz":
            return Reply(500, checks)
        return kubernetes(Appliance(), asked)

    yield from over_tls(rule, partial(_appliance, "kubernetes"))


@fault("authenticate", "api.backend_unreachable")
def proxmox_has_lost_a_node() -> Iterator[Target]:
    """The web server of a Proxmox VE does not reach the node that the call is for."""

    def rule(asked: Asked) -> Reply:
        if "Authorization" in asked.headers:
            return Reply(595, '{"data":null}', "No route to host", {"Server": "pve-api-daemon/3.0"})
        return proxmox(Appliance(), asked)

    yield from over_tls(rule, partial(_appliance, "proxmox"))


@fault("authenticate", "api.known_other")
def mail_gateway_is_taken_for_proxmox() -> Iterator[Target]:
    """A Proxmox Mail Gateway has the same web server and port, and no tokens."""

    def rule(asked: Asked) -> Reply:
        if asked.path == "/":
            page = "<html><head><title>pmg1 - Proxmox Mail Gateway</title></head></html>"
            return Reply(200, page, headers=HTML)
        return Reply(401, '{"data":null}', "No ticket", {"Server": "pve-api-daemon/3.0"})

    yield from over_tls(rule, partial(_appliance, "proxmox"))


@fault("authenticate", "auth.sign_in_forbidden")
def prism_wants_another_password_first() -> Iterator[Target]:
    """A Prism forbids the sign-in for a reason that is no missing permission."""

    def rule(asked: Asked) -> Reply:
        if "Authorization" not in asked.headers:
            return nutanix(Appliance(), asked)
        one = {"message": "Password change required", "reason": "PASSWORD_CHANGE_REQUIRED"}
        content = {"state": "ERROR", "code": 403, "message_list": [one], "api_version": "3.1"}
        return said(content, 403)

    yield from over_tls(rule, partial(_appliance, "nutanix"))


_FAULT = (
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    "<s:Fault><faultcode>ServerFaultCode</faultcode><faultstring>{}</faultstring><detail>"
    '<{}Fault xmlns="urn:vim25"/></detail></s:Fault></s:Body></s:Envelope>'
)


def _vcenter_fails(method: bytes, name: str, words: str) -> Iterator[Target]:
    seen = Appliance()

    def rule(asked: Asked) -> Reply:
        if b"<" + method + b" " in asked.body:
            return Reply(500, _FAULT.format(words, name), headers={"Content-Type": "text/xml"})
        return vcenter(seen, asked)

    yield from over_tls(rule, partial(_appliance, "vsphere"))


@fault("product_identify", "api.starting_up")
def vcenter_is_initializing() -> Iterator[Target]:
    """A vCenter answers, and says in a fault that it is not ready."""
    words = "The server is still initializing."
    yield from _vcenter_fails(b"RetrieveServiceContent", "RuntimeFault", words)


@fault("authenticate", "auth.password_expired")
def vcenter_s_password_is_too_old() -> Iterator[Target]:
    """The password of a vCenter's user has expired."""
    words = "The password for the current user has expired and must be changed."
    yield from _vcenter_fails(b"Login", "PasswordExpired", words)


@fault("authenticate", "http.500")
def vcenter_fails_at_the_sign_in() -> Iterator[Target]:
    """A vCenter has an error of its own while it signs somebody in."""
    words = "A general system error occurred: Authorize Exception"
    yield from _vcenter_fails(b"Login", "SystemError", words)
