from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Passed
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import HTTP_502_504_GATEWAY, HTTP_503_UNAVAILABLE
from shared.platform.answers.not_the_product import (
    HTTP_404_BASE_PATH,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    STARTING_UP,
    WRONG_PORT_ROLE,
    WRONG_PRODUCT,
)
from shared.platform.answers.redirects import REDIRECTED
from shared.platform.answers.unexplained import CALL_REJECTED, REFUSED_LATER, SIGN_IN_REFUSED
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import DENIED, LOGIN_REFUSED, PASSWORD_EXPIRED
from shared.platform.keys.permissions import PARTIAL
from shared.products.vsphere import (
    ESXI_INSTEAD_OF_VCENTER,
    NEEDED,
    NO_PERMISSION,
    PRODUCTS,
    USER_OF_A_VCENTER,
    USER_WITHOUT_DOMAIN,
    WRONG_VSPHERE_KIND,
    Reference,
    VsphereIdentity,
    VsphereOptions,
    VsphereSession,
    authenticate,
    authorize,
    hello,
    identify,
)
from tests.shared.products.conversation import KNOWN, Platform, answer, key_pair

ENDPOINT = Endpoint("vcenter.example.com", 443, "https")
USER = key_pair("administrator@vsphere.local", "p<w&d")

VERSIONS = answer(
    200,
    '<?xml version="1.0" encoding="UTF-8" ?><namespaces version="1.0"><namespace>'
    "<name>urn:vim25</name><version>8.0.2.0</version></namespace></namespaces>",
)
NOT_CONNECTED = answer(
    503,
    "503 Service Unavailable (Failed to connect to endpoint: "
    "[N7Vmacore4Http20NamedPipeServiceSpecE:0x7f] _serverNamespace = /sdk)",
)
WELCOME = answer(200, "<html><script>document.write(ID_VC_Welcome);</script></html>")
HELLOS = (VERSIONS, WELCOME, answer(200, "<html><title>ID_EESX_Welcome</title></html>"))


def soap(content: str, status: int = 200, **headers: str) -> HttpResponse:
    """Return a SOAP answer as vSphere words it."""
    envelope = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>"
    )
    return answer(status, envelope, **headers)


def content_of(kind: str, sessions: str) -> HttpResponse:
    """Return what RetrieveServiceContent answers."""
    return soap(
        '<RetrieveServiceContentResponse xmlns="urn:vim25"><returnval>'
        '<rootFolder type="Folder">group-d1</rootFolder>'
        "<about><name>VMware</name><fullName>VMware 8.0.2 build-22617221</fullName>"
        f"<version>8.0.2</version><build>22617221</build><apiType>{kind}</apiType></about>"
        f'<sessionManager type="SessionManager">{sessions}</sessionManager>'
        '<authorizationManager type="AuthorizationManager">Auth</authorizationManager>'
        "</returnval></RetrieveServiceContentResponse>"
    )


def fault(name: str, text: str = "Cannot complete.") -> HttpResponse:
    """Return a SOAP fault."""
    return soap(
        "<soapenv:Fault><faultcode>ServerFaultCode</faultcode>"
        f"<faultstring>{text}</faultstring><detail>"
        f'<{name}Fault xmlns="urn:vim25" xsi:type="{name}"></{name}Fault></detail></soapenv:Fault>',
        status=500,
    )


def privileges(*granted: str) -> HttpResponse:
    """Return what HasPrivilegeOnEntities answers."""
    rows = "".join(
        f"<privAvailability><privId>{name}</privId>"
        f"<isGranted>{str(name in granted).lower()}</isGranted></privAvailability>"
        for name in NEEDED
    )
    return soap(
        '<HasPrivilegeOnEntitiesResponse xmlns="urn:vim25"><returnval>'
        f'<entity type="Folder">group-d1</entity>{rows}</returnval>'
        "</HasPrivilegeOnEntitiesResponse>"
    )


VCENTER = content_of("VirtualCenter", "SessionManager")
ESXI = content_of("HostAgent", "ha-sessionmgr")
LOGGED_IN = soap(
    '<LoginResponse xmlns="urn:vim25"><returnval><key>52f4-key</key>'
    "<userName>VSPHERE.LOCAL\\Administrator</userName></returnval></LoginResponse>",
    set_cookie='vmware_soap_session="3ca8-cookie"; Path=/; HttpOnly; Secure;',
)
IDENTITY = VsphereIdentity(
    "vcenter",
    "8.0.2.0",
    Reference("SessionManager", "SessionManager"),
    Reference("AuthorizationManager", "Auth"),
    Reference("Folder", "group-d1"),
)
SESSION = VsphereSession(IDENTITY, "3ca8-cookie", "52f4-key")


def identified(content: HttpResponse) -> Passed[VsphereIdentity]:
    return Platform(content).talk(identify(ENDPOINT, VERSIONS))


class TestIdentify:
    """Before anybody signs in."""

    @pytest.mark.parametrize(
        ("content", "kind", "sessions"),
        [(VCENTER, "vcenter", "SessionManager"), (ESXI, "esxi", "ha-sessionmgr")],
    )
    def test_vcenter_and_esxi_are_told_apart(
        self, content: HttpResponse, kind: str, sessions: str
    ) -> None:
        """Both answer at the same path with the same API."""
        passed = identified(content)

        assert passed.facts["kind"] == passed.value.kind == kind
        assert passed.facts["version"] == "8.0.2"
        assert passed.value.sessions == Reference("SessionManager", sessions)

    def test_no_credential_is_needed(self) -> None:
        """The certificate may be right and the host wrong all the same."""
        platform = Platform(VCENTER)
        platform.talk(identify(ENDPOINT, VERSIONS))

        assert platform.paths == ["POST /sdk"]
        assert b"RetrieveServiceContent" in platform.asked[0].body
        assert platform.asked[0].headers["SOAPAction"] == "urn:vim25/8.0.2.0"
        assert not platform.asked[0].presents_credentials

    @pytest.mark.parametrize("path", ["", "/sdk", "/ui"])
    def test_the_api_is_at_sdk_whether_the_caller_says_so_or_not(self, path: str) -> None:
        """All of them are found in people's notes."""
        request = hello(Endpoint("h", 443, "https", path))

        assert request.path == "/sdk/vimServiceVersions.xml"

    @pytest.mark.parametrize(
        ("answered", "port", "cause"),
        [
            (NOT_CONNECTED, 443, STARTING_UP),
            (answer(503, "no healthy upstream"), 443, STARTING_UP),
            (answer(503, "<html>busy</html>"), 443, HTTP_503_UNAVAILABLE),
            (answer(404, "<html>none</html>"), 5480, WRONG_PORT_ROLE),
            (answer(404, "<html>none</html>"), 443, HTTP_404_BASE_PATH),
            (answer(302, "", location="https://x/ui"), 443, REDIRECTED),
            (answer(200, "<namespaces/>"), 443, WRONG_PRODUCT),
            (answer(200, VERSIONS.text.replace("8.0.2.0", "8&#10;X")), 443, WRONG_PRODUCT),
            (answer(200, {"gitVersion": "v1.30.0"}), 443, WRONG_PRODUCT),
        ],
    )
    def test_what_is_none_is_told(self, answered: HttpResponse, port: int, cause: Cause) -> None:
        """Each of them wants something else done."""
        there = Endpoint("h", port, "https")

        assert Platform().failure(identify(there, answered)).cause is cause

    @pytest.mark.parametrize(
        ("content", "cause"),
        [
            (content_of("Unheard", "x"), SCHEMA_UNEXPECTED),
            (fault("RuntimeFault"), HTTP_500),
            (fault("RuntimeFault", "The server is still initializing."), STARTING_UP),
            (fault("InvalidRequest"), CALL_REJECTED),
            (NOT_CONNECTED, STARTING_UP),
            (answer(200, "<a>"), SCHEMA_UNEXPECTED),
            (soap("<x/>"), SCHEMA_UNEXPECTED),
        ],
    )
    def test_an_answer_that_is_not_understood_blames_nobody(
        self, content: HttpResponse, cause: Cause
    ) -> None:
        """A guess would send somebody looking in the wrong place."""
        assert Platform(content).failure(identify(ENDPOINT, VERSIONS)).cause is cause

    def test_a_version_without_support_has_a_date(self) -> None:
        """7.0 is what most of them still run."""
        (product,) = PRODUCTS

        assert {"6.7", "7.0", "8.0"} <= set(product.end_of_life)


class TestAuthenticate:
    """One login, and what can be held against it."""

    def test_one_login_opens_a_session(self) -> None:
        """A second attempt could be the one that locks the user."""
        platform = Platform(LOGGED_IN)
        flow = authenticate(ENDPOINT, VsphereOptions(), IDENTITY, USER)

        assert platform.talk(flow).value == SESSION
        (login,) = platform.asked
        assert login.presents_credentials

    def test_the_password_goes_out_as_text_and_not_as_markup(self) -> None:
        """A password may have any character in it."""
        platform = Platform(LOGGED_IN)
        platform.talk(authenticate(ENDPOINT, VsphereOptions(), IDENTITY, USER))

        root = fromstring(platform.asked[0].body)  # noqa: S314 -- our own
        assert root.findtext(".//{*}password") == "p<w&d"
        assert root.findtext(".//{*}userName") == "administrator@vsphere.local"

    def test_a_refused_login_is_said_to_have_many_reasons(self) -> None:
        """Unknown, wrong, expired, disabled and locked look alike from outside."""
        flow = authenticate(ENDPOINT, VsphereOptions(), IDENTITY, USER)
        failed = Platform(fault("InvalidLogin")).failure(flow)

        assert failed.cause is LOGIN_REFUSED
        assert not failed.contributing
        assert "locked" in failed.finding.summary(KNOWN)

    @pytest.mark.parametrize(
        ("user", "kind", "hints"),
        [
            ("administrator", "vcenter", [USER_WITHOUT_DOMAIN]),
            ("VSPHERE.LOCAL\\administrator", "vcenter", []),
            ("root", "esxi", []),
            ("administrator@vsphere.local", "esxi", [USER_OF_A_VCENTER]),
        ],
    )
    def test_a_domain_that_does_not_fit_is_the_likely_reason(
        self, user: str, kind: str, hints: list[Cause]
    ) -> None:
        """A vCenter looks in one domain alone unless it is told which; an ESXi host has none."""
        identity = replace(IDENTITY, kind=kind)
        flow = authenticate(ENDPOINT, VsphereOptions(), identity, key_pair(user, "p"))
        failed = Platform(fault("InvalidLogin")).failure(flow)

        assert [finding.cause for finding in failed.contributing] == hints

    def test_the_service_that_did_not_come_up_is_named(self) -> None:
        """The reverse proxy tells the pipe that it cannot reach, far behind in its text."""
        says = "Failed to connect to endpoint: [N7Vmacore] _pipeName =/var/run/vmware/vpxd-pipe)"

        failed = Platform().failure(identify(ENDPOINT, answer(503, f"503 ({says}")))

        assert failed.finding.facts["error_code"] == "vpxd-pipe"

    @pytest.mark.parametrize(
        ("kind", "wanted", "hints"),
        [("esxi", None, [ESXI_INSTEAD_OF_VCENTER]), ("esxi", "esxi", []), ("vcenter", None, [])],
    )
    def test_a_single_host_is_a_hint_unless_it_is_meant(
        self, kind: str, wanted: str | None, hints: list[Cause]
    ) -> None:
        """It works, but manages one host."""
        identity = replace(IDENTITY, kind=kind)
        options = VsphereOptions.model_validate({"kind": wanted})
        passed = Platform(LOGGED_IN).talk(authenticate(ENDPOINT, options, identity, USER))

        assert [warning.cause for warning in passed.warnings] == hints

    @pytest.mark.parametrize(("kind", "wanted"), [("esxi", "vcenter"), ("vcenter", "esxi")])
    def test_the_wrong_one_of_the_two_is_not_signed_in_to(self, kind: str, wanted: str) -> None:
        """The password is for the other one."""
        identity = replace(IDENTITY, kind=kind)
        options = VsphereOptions.model_validate({"kind": wanted})
        platform = Platform()

        assert (
            platform.failure(authenticate(ENDPOINT, options, identity, USER)).cause
            is WRONG_VSPHERE_KIND
        )
        assert platform.asked == []

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (fault("NoPermission"), NO_PERMISSION),
            (NOT_CONNECTED, STARTING_UP),
            (fault("PasswordExpired"), PASSWORD_EXPIRED),
            (fault("RestrictedVersion"), CALL_REJECTED),
            (fault("SystemError"), HTTP_500),
            (answer(502, "bad gateway"), HTTP_502_504_GATEWAY),
            (soap("<LoginResponse/>"), SCHEMA_UNEXPECTED),
            (answer(401, "no"), SIGN_IN_REFUSED),
        ],
    )
    def test_other_answers_do_not_blame_the_password(
        self, answered: HttpResponse, cause: Cause
    ) -> None:
        """Only the fault InvalidLogin says that it is wrong."""
        flow = authenticate(ENDPOINT, VsphereOptions(), IDENTITY, USER)

        assert Platform(answered).failure(flow).cause is cause

    def test_the_user_is_told_as_the_session_names_it(self) -> None:
        """An alias is resolved there."""
        flow = authenticate(ENDPOINT, VsphereOptions(), IDENTITY, USER)

        assert Platform(LOGGED_IN).talk(flow).facts == {"user": "VSPHERE.LOCAL\\Administrator"}


class TestAuthorize:
    """What the user may do."""

    def test_all_privileges_pass(self) -> None:
        """The table is the evidence."""
        platform = Platform(privileges(*NEEDED))
        passed = platform.talk(authorize(ENDPOINT, SESSION))

        assert passed.facts == {"have": NEEDED, "lack": ()}
        assert platform.asked[0].headers["Cookie"] == 'vmware_soap_session="3ca8-cookie"'
        assert b"<sessionId>52f4-key</sessionId>" in platform.asked[0].body

    def test_a_read_only_user_is_told_what_it_lacks(self) -> None:
        """Read-only connects well, and then nothing can be managed."""
        passed = Platform(privileges("System.Read")).talk(authorize(ENDPOINT, SESSION))

        assert [warning.cause for warning in passed.warnings] == [PARTIAL]
        assert passed.facts["have"] == ("System.Read",)

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (fault("NoPermission"), DENIED),
            (privileges(), DENIED),
            (fault("NotAuthenticated"), REFUSED_LATER),
            (answer(200, "{}"), SCHEMA_UNEXPECTED),
        ],
    )
    def test_a_user_without_a_role_fails(self, answered: HttpResponse, cause: Cause) -> None:
        """It was let in, and sees nothing."""
        assert Platform(answered).failure(authorize(ENDPOINT, SESSION)).cause is cause

    def test_the_session_is_logged_out(self) -> None:
        """A vCenter runs out of sessions, and then nobody can log in."""
        platform = Platform(LOGGED_IN)
        platform.talk(authenticate(ENDPOINT, VsphereOptions(), IDENTITY, USER))
        (goodbye,) = platform.sign_outs

        assert b"<Logout " in goodbye.body
        assert "3ca8-cookie" in goodbye.headers["Cookie"]

    def test_a_session_without_a_key_is_logged_out_as_well(self) -> None:
        """The login counts on the host, whatever we make of the rest of its answer."""
        platform = Platform(replace(LOGGED_IN, body=b"<nothing/>"))

        platform.failure(authenticate(ENDPOINT, VsphereOptions(), IDENTITY, USER))

        assert len(platform.sign_outs) == 1


def test_what_a_host_sends_can_not_become_markup() -> None:
    """Its own references are sent back to it."""
    hostile = Reference('a" b="', "</_this><x>")

    root = fromstring(f"<r>{hostile.as_xml('_this')}</r>")  # noqa: S314 -- our own
    assert [child.tag for child in root] == ["_this"]
