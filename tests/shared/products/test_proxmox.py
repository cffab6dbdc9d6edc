from typing import Any

import pytest

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import HTTP_502_504_GATEWAY
from shared.platform.answers.not_the_product import (
    HTTP_404_BASE_PATH,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    WRONG_PRODUCT,
)
from shared.platform.answers.redirects import REDIRECTED
from shared.platform.answers.relatives import KNOWN_OTHER
from shared.platform.answers.unexplained import (
    CALL_REFUSED,
    CALL_REJECTED,
    REFUSED_LATER,
    SIGN_IN_REFUSED,
)
from shared.platform.http import HttpResponse
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
from shared.platform.keys.permissions import PARTIAL
from shared.platform.product import ProductOptions
from shared.products.proxmox import (
    BACKEND_UNREACHABLE,
    NEEDED,
    TOKEN_NOT_FOUND,
    TOKEN_WITHOUT_PERMISSIONS,
    ProxmoxSession,
    authenticate,
    authorize,
    hello,
    identify,
)
from tests.shared.products.conversation import Platform, answer, key_pair, silent

ENDPOINT = Endpoint("pve.example.com", 8006, "https")
UUID = "6a1d3c52-8d6d-4b5c-9f6e-1b2c3d4e5f60"
TOKEN = key_pair("conncheck@pve!test", UUID)
USER = key_pair("conncheck@pve", "p&w")
HEADERS = {"Authorization": f"PVEAPIToken=conncheck@pve!test={UUID}"}
SESSION = ProxmoxSession(HEADERS, user="conncheck@pve")
DAEMON = "pve-api-daemon/3.0"


def refusal(reason: str, status: int = 401, server: str = DAEMON) -> HttpResponse:
    """Return a refusal; what is wrong stands in the reason phrase alone."""
    return answer(status, {"data": None}, reason=reason, server=server)


HELLOS = (
    refusal("No ticket"),
    answer(200, "<html><title>pve - Proxmox Virtual Environment</title></html>"),
)
VERSION = answer(200, {"data": {"version": "8.4.1", "release": "8.4", "repoid": "2a5fa54a"}})


def permissions_of(*names: str) -> HttpResponse:
    """Return what access/permissions answers."""
    return answer(200, {"data": {"/vms": dict.fromkeys(names, 1)} if names else {}})


def signing_in(credentials: Any = TOKEN) -> Any:
    return authenticate(ENDPOINT, ProductOptions(), None, credentials)


class TestIdentify:
    """Before anybody signs in."""

    @pytest.mark.parametrize("path", ["", "/api2/json"])
    def test_the_version_is_asked_for_without_a_key(self, path: str) -> None:
        """The way in which it is refused is Proxmox's own."""
        request = hello(Endpoint("h", 8006, "https", path))

        assert request.path == "/api2/json/version"
        assert not request.headers

    @pytest.mark.parametrize(
        "answered", [refusal("No ticket"), refusal("No ticket", server="nginx"), refusal("")]
    )
    def test_its_refusal_is_recognized_behind_a_proxy_too(self, answered: HttpResponse) -> None:
        """A proxy replaces one of the two signs, seldom both."""
        platform = Platform()
        platform.talk(identify(ENDPOINT, answered))

        assert platform.asked == []

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (refusal("proxy error", status=595), BACKEND_UNREACHABLE),
            (answer(200, {}), WRONG_PRODUCT),
            (answer(301, "", location="https://pve.example.com:8006/"), REDIRECTED),
            (answer(502, ""), HTTP_502_504_GATEWAY),
            (answer(404, "<html></html>"), HTTP_404_BASE_PATH),
        ],
    )
    def test_what_is_none_is_told(self, answered: HttpResponse, cause: Cause) -> None:
        """Each of them wants something else done."""
        assert Platform().failure(identify(ENDPOINT, answered)).cause is cause


class TestAuthenticate:
    """With a token, or as a user."""

    def test_a_token_is_presented_once_and_tells_the_version(self) -> None:
        """The cheapest call that needs a sign-in and no permission."""
        platform = Platform(VERSION)
        passed = platform.talk(signing_in())

        assert passed.value == SESSION
        assert passed.facts["version"] == "8.4.1"
        (request,) = platform.asked
        assert request.presents_credentials
        assert request.headers == SESSION.headers

    @pytest.mark.parametrize(
        ("reason", "cause"),
        [
            ("no such user ('conncheck@pve')", ACCESS_KEY_NOT_FOUND),
            ("no such token 'test' for user 'conncheck@pve'", TOKEN_NOT_FOUND),
            ("invalid token value!", SECRET_MISMATCH),
            ("token 'test' access expired", KEY_EXPIRED),
            ("token expired", KEY_EXPIRED),
            ("account expired", KEY_EXPIRED),
            ("Authentication failed!", INVALID_CREDENTIALS),
            ("user 'conncheck@pve' is disabled", KEY_DISABLED),
            ("no tokenid specified", ACCESS_KEY_MALFORMED),
            ("value 'a=b' does not match, not able to split", ACCESS_KEY_MALFORMED),
            ("Unauthorized", INVALID_CREDENTIALS),
            ("", INVALID_CREDENTIALS),
            ("x" * 60_000 + "invalid token value", INVALID_CREDENTIALS),
        ],
    )
    def test_the_reason_phrase_tells_what_is_wrong(self, reason: str, cause: Cause) -> None:
        """The body is the same for all of them."""
        assert Platform(refusal(reason)).failure(signing_in()).cause is cause

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (refusal("Unauthorized", server="nginx"), SIGN_IN_REFUSED),
            (refusal("Connection timed out", status=599), BACKEND_UNREACHABLE),
            (refusal("Permission check failed (/, Sys.Audit)", status=403), CALL_REFUSED),
            (refusal("", status=595), BACKEND_UNREACHABLE),
            (refusal("Parameter verification failed.", status=400), CALL_REJECTED),
            (answer(200, {"data": None}), SCHEMA_UNEXPECTED),
            (answer(200, {"data": {"version": "<script>"}}), SCHEMA_UNEXPECTED),
            (answer(504, ""), HTTP_502_504_GATEWAY),
        ],
    )
    def test_other_answers_do_not_blame_the_token(
        self, answered: HttpResponse, cause: Cause
    ) -> None:
        """A guess would have a good token thrown away."""
        assert Platform(answered).failure(signing_in()).cause is cause

    def test_a_user_gets_a_ticket_for_the_password(self) -> None:
        """Not everybody has tokens."""
        ticket = answer(200, {"data": {"ticket": "PVE:c@pve:65F0::x+/=", "username": "c@pve"}})
        platform = Platform(ticket, VERSION)
        passed = platform.talk(signing_in(USER))

        assert passed.facts["user"] == "c@pve"
        assert platform.paths == ["POST /api2/json/access/ticket", "GET /api2/json/version"]
        assert platform.asked[0].body == b"username=conncheck%40pve&password=p%26w"
        assert passed.value.headers == {"Cookie": "PVEAuthCookie=PVE:c@pve:65F0::x+/="}

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (refusal("authentication failure"), LOGIN_REFUSED),
            (refusal("Parameter verification failed.", status=400), ACCESS_KEY_MALFORMED),
            (answer(200, {"data": {"ticket": "PVE:!tfa!", "NeedTFA": 1}}), MFA_OR_SSO_REQUIRED),
            (answer(200, {"data": {"ticket": "a\r\nX: y"}}), SCHEMA_UNEXPECTED),
            (answer(200, {"data": {}}), SCHEMA_UNEXPECTED),
            (answer(502, ""), HTTP_502_504_GATEWAY),
        ],
    )
    def test_a_refused_password_is_not_tried_again(
        self, answered: HttpResponse, cause: Cause
    ) -> None:
        """Unknown, wrong and disabled are one answer there."""
        platform = Platform(answered)

        assert platform.failure(signing_in(USER)).cause is cause
        assert len(platform.asked) == 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_ticket_that_is_refused_was_issued_a_moment_ago(self, status: int) -> None:
        """The password was right: the nodes behind one address do not share their keys or time."""
        ticket = answer(200, {"data": {"ticket": "PVE:c@pve:65F0::x+/="}})
        platform = Platform(ticket, refusal("permission denied - invalid ticket", status=status))

        failed = platform.failure(signing_in(USER))

        assert failed.cause is (REFUSED_LATER if status == 401 else CALL_REFUSED)
        assert not failed.cause.is_rejection

    def test_another_product_of_its_maker_is_named_before_any_sign_in(self) -> None:
        """The backup server has the same paths, and a key of its own."""
        hidden = refusal("Unauthorized", server="nginx")
        page = answer(200, "<html><title>store1 - Proxmox Backup Server</title></html>")

        failed = Platform(page).failure(identify(ENDPOINT, hidden))

        assert failed.cause is KNOWN_OTHER
        assert failed.finding.facts["found"] == "Proxmox Backup Server"

    @pytest.mark.parametrize(
        ("title", "cause"),
        [("pmg1 - Proxmox Mail Gateway", KNOWN_OTHER), ("pve1 - Proxmox", HEADER_LOST)],
    )
    def test_a_key_that_did_not_arrive_may_be_at_another_product(
        self, title: str, cause: Cause
    ) -> None:
        """The mail gateway has the same web server and port, but no tokens."""
        page = answer(200, f"<html><title>{title}</title></html>")

        failed = Platform(refusal("No ticket"), page).failure(signing_in())

        assert failed.cause is cause

    def test_a_start_page_that_never_comes_fails_nothing(self) -> None:
        """It only tells more: a gateway may forward the API alone."""
        platform = Platform(rule=silent)

        platform.talk(identify(ENDPOINT, refusal("Unauthorized", server="nginx")))
        assert platform.paths == ["GET /"]

    def test_behind_a_proxy_that_hides_it_the_sign_in_decides(self) -> None:
        """The reason phrase and the Server header are all that it shows without a sign-in."""
        hidden = refusal("Unauthorized", server="nginx")

        Platform(answer(401, "")).talk(identify(ENDPOINT, hidden))
        assert Platform(VERSION).talk(signing_in()).facts["version"] == "8.4.1"


class TestAuthorize:
    """What the key may do."""

    def test_all_privileges_pass(self) -> None:
        """The table is the evidence."""
        passed = Platform(permissions_of(*NEEDED)).talk(authorize(ENDPOINT, SESSION))

        assert passed.facts == {"have": NEEDED, "lack": ()}

    def test_an_auditor_is_told_what_it_lacks(self) -> None:
        """PVEAuditor is what is granted first."""
        answered = permissions_of("Sys.Audit", "VM.Audit", "Datastore.Audit")
        passed = Platform(answered).talk(authorize(ENDPOINT, SESSION))

        assert [warning.cause for warning in passed.warnings] == [PARTIAL]
        assert "VM.Allocate" in str(passed.facts["lack"])

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (permissions_of(), TOKEN_WITHOUT_PERMISSIONS),
            (permissions_of("Realm.Allocate"), DENIED),
            (refusal("Permission check failed (/, Sys.Audit)", status=403), DENIED),
            (answer(200, {}), SCHEMA_UNEXPECTED),
            (answer(500, {"data": None}), HTTP_500),
        ],
    )
    def test_a_token_without_permissions_fails(self, answered: HttpResponse, cause: Cause) -> None:
        """With privilege separation a token begins with none, and all lists come back empty."""
        assert Platform(answered).failure(authorize(ENDPOINT, SESSION)).cause is cause
