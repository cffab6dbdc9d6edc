"""People who connect platforms on premises, and other products of their makers."""

from collections.abc import Iterator
from functools import partial

from tests.certificates.crafted import Authority
from tests.stand_ins.answering import Asked, Reply, answering_by
from tests.stand_ins.appliances import (
    BASIC,
    SECRET,
    USER,
    Appliance,
    nutanix,
    ovirt,
    vsphere,
)
from tests.stand_ins.zstack import ZstackNode, reply_to
from tests.zoo.fault import Target
from tests.zoo.report import report
from tests.zoo.situations import HTML, NAMED, OWN_ADDRESS, over_http, over_tls, said, trusting


def _appliance(product: str, endpoint: str, path: str = "") -> Target:
    return Target(f"{endpoint}{path}", product, USER, SECRET)


@report(
    "https://github.com/vmware/govmomi/issues/1295",
    "B",
    "http_response",
    "product_identify",
    right=["api.other_product", "api.known_other"],
    open=["api.wrong_product", "http.404_base_path", "http.html_not_api"],
    says=["vRealize|Aria"],
    never=["web UI, not its API", "starting|not ready"],
)
def vrealize_is_taken_for_vcenter() -> Iterator[Target]:
    """A vRealize Automation is taken for a vCenter: it is of the same maker, and has no /sdk.

    Every call ended with 404 and an empty page of its web server; its portal is at /vcac.
    """

    def rule(asked: Asked) -> Reply:
        if asked.path == "/":
            return Reply(302, headers={"Location": "/vcac/", **HTML})
        if asked.path.startswith("/vcac"):
            return Reply(200, "<html><head><title>VMware vRealize Automation</title>", headers=HTML)
        page = "<html><head><title>404 Not Found</title></head><body>Not Found</body></html>"
        return Reply(404, page, headers={**HTML, "X-Frame-Options": "SAMEORIGIN"})

    yield from over_tls(rule, partial(_appliance, "vsphere"))


@report(
    "https://github.com/ustclug/discussions/issues/61",
    "P",
    "http_response",
    "product_identify",
    right=["api.starting_up"],
    open=["http.502_504_gateway", "http.503_*"],
    says=["vpxd|vpxd-webserver-pipe"],
)
def vcenter_has_lost_its_service() -> Iterator[Target]:
    """The vCenter answers 503 for its service vpxd, which did not come up after a forced restart.

    Its proxy names the pipe that it can't reach: vpxd-webserver-pipe. It was set up anew there.
    """
    says = (
        "503 Service Unavailable (Failed to connect to endpoint: [N7Vmacore4Http20NamedPipeService"
        "SpecE:0x7f858806d350] _serverNamespace = / _isRedirect = false "
        "_pipeName =/var/run/vmware/vpxd-webserver-pipe)"
    )
    yield from over_tls(lambda _: Reply(503, says), partial(_appliance, "vsphere"))


@report(
    "https://github.com/nsidc/vagrant-vsphere/issues/153",
    "D",
    "authenticate",
    right=["auth.login_refused"],
    says=["domain"],
    never=["secretKey does not match"],
)
def vcenter_wants_a_domain() -> Iterator[Target]:
    """A vCenter gets a user without a domain, and calls name and password incorrect.

    "Cannot complete login due to an incorrect user name or password"; they worked in its web UI.
    """
    rule = partial(vsphere, Appliance())
    yield from over_tls(rule, lambda at: Target(at, "vsphere", "MYUSERNAME", "right-password"))


@report(
    "https://github.com/nutanix/terraform-provider-nutanix/pull/148",
    "A",
    "authenticate",
    right=["auth.login_refused"],
    never=["Report this to the operators"],
)
def prism_refuses_with_a_page() -> Iterator[Target]:
    """An older Prism refuses a wrong password with a page instead of JSON.

    The client told its user of a JSON that it could not read.
    """

    def rule(asked: Asked) -> Reply:
        if "Authorization" not in asked.headers:
            return nutanix(Appliance(), asked)
        page = "<html><head><title>Apache Tomcat/8.0.35 - Error report</title></head></html>"
        return Reply(401, page, headers=HTML)

    yield from over_tls(rule, lambda at: Target(at, "nutanix", "admin", "not-the-password"))


@report(
    "https://github.com/nutanix/csi-plugin/issues/28",
    "F",
    "authenticate",
    right=["auth.login_refused"],
    says=["Prism Element|local user|directory"],
)
def central_s_user_at_an_element() -> Iterator[Target]:
    """A user whom Prism Central knows is tried at the Prism Element of one cluster.

    Central hands calls on, so its user seemed to work there; the cluster itself does not know it.
    """

    def rule(asked: Asked) -> Reply:
        if asked.headers.get("Authorization") == BASIC:
            message = {"reason": "AUTHENTICATION_REQUIRED", "message": "Authentication required."}
            content = {"state": "ERROR", "code": 401, "message_list": [message]}
            return said({**content, "api_version": "3.1"}, 401)
        return nutanix(Appliance(), asked)

    yield from over_tls(rule, partial(_appliance, "nutanix"))


def _sso_says(text: str, asked: Asked) -> Reply:
    if asked.call == "POST /ovirt-engine/sso/oauth/token":
        return said({"error_code": "access_denied", "error": text}, 400)
    return ovirt(Appliance(), asked)


@report(
    "https://github.com/oVirt/ovirt-ansible-collection/issues/575",
    "A",
    "authenticate",
    right=["auth.profile_missing"],
    says=["profile"],
)
def ovirt_knows_no_such_profile() -> Iterator[Target]:
    """A user of the engine's Keycloak is given without a profile.

    "Cannot authenticate user No valid profile found in credentials": the profile was missing.
    """
    says = "Cannot authenticate user No valid profile found in credentials.."
    yield from over_tls(partial(_sso_says, says), partial(_appliance, "ovirt"))


@report(
    "https://github.com/oVirt/ovirt-engine-sdk-ruby/issues/15",
    "O",
    "authenticate",
    right=["auth.login_refused"],
    says=["internalsso"],
)
def ovirt_moved_to_keycloak() -> Iterator[Target]:
    """After an upgrade the engine signs in by Keycloak, whose users have another profile.

    It had to be user@internalsso; the old name was refused as unable to log in.
    """
    says = (
        "Cannot authenticate user 'admin@internal': Unable to log in. Verify your login "
        "information or contact the system administrator.."
    )
    yield from over_tls(
        partial(_sso_says, says), lambda at: Target(at, "ovirt", "admin@internal", SECRET)
    )


@report(
    "https://github.com/apache/cloudstack-cloudmonkey/issues/119",
    "G",
    "tls_handshake",
    right=["tls.ip_not_in_san", "tls.self_signed", "tls.cn_only"],
    says=["10.9.0.1", "address|name"],
    network=NAMED,
)
def cloudstack_s_certificate_has_no_address() -> Iterator[Target]:
    """A CloudStack is tested by its address, and its certificate has names alone.

    "cannot validate certificate for 10.0.34.173 because it doesn't contain any IP SANs".
    """
    authority = Authority()
    issued = authority.issue("mgmt.cloud.example")
    with answering_by(lambda _: Reply(404), issued.server_context(), OWN_ADDRESS, 8443):
        yield trusting(authority, _appliance("cloudstack", f"https://{OWN_ADDRESS}:8443"))


@report(
    "https://github.com/zstackio/zstack/issues/1308",
    "D",
    "authenticate",
    right=["auth.secret_mismatch", "auth.*"],
    says=["wrong accessKey signature", "proxy|gateway|path"],
    never=["the secretKey does not match it"],
)
def zstack_gets_another_request() -> Iterator[Target]:
    """What arrives at a ZStack is not what was signed, so it calls the signature wrong.

    "wrong accessKey signature", although the key pair was right: there the client had signed the
    query, too; here a gateway writes another date. What is signed is method, date and path.
    """
    key, secret = "Yz3kT8mQw1RbN6vLpX0d", "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7d"
    node = ZstackNode(keys={key: secret})

    def rule(asked: Asked) -> Reply:
        if "Authorization" in asked.headers:
            moment, _, zone = asked.headers["Date"].rpartition(" ")
            other = f"{moment[:-1]}{(int(moment[-1]) + 1) % 10} {zone}"
            asked.headers.replace_header("Date", other)
        answer = reply_to(node, asked.method, asked.path, asked.headers, asked.body)
        text = answer.body if isinstance(answer.body, str) else said(answer.body).body
        return Reply(answer.status, text, headers={"Server": "openresty", "Via": "1.1 gw"})

    yield from over_http(rule, lambda at: Target(at, "zstack", key, secret))


@report(
    "https://github.com/hashicorp/terraform/issues/10400",
    "K",
    "tls_handshake",
    right=["tls.not_trusted", "tls.private_ca", "tls.ip_not_in_san"],
    says=["192\\.0\\.2\\.44", "10\\.9\\.0\\.1", "caCertificate"],
    network=NAMED,
)
def vcenter_has_moved_and_vouches_for_itself() -> Iterator[Target]:
    """A vCenter has another address than its certificate, which its own authority has issued.

    After the address had been mended there, the next failure was "unknown authority".
    """
    issued = Authority("CA").issue("192.0.2.44", common_name="192.0.2.44")
    with answering_by(partial(vsphere, Appliance()), issued.server_context(), OWN_ADDRESS, 443):
        yield _appliance("vsphere", f"https://{OWN_ADDRESS}")
