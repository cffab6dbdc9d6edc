from typing import Any
from urllib.parse import parse_qs

import pytest

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import HTTP_503_UNAVAILABLE
from shared.platform.answers.not_the_product import (
    HTTP_404_BASE_PATH,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    STARTING_UP,
    WRONG_PRODUCT,
)
from shared.platform.answers.redirects import REDIRECTED
from shared.platform.answers.unexplained import CALL_REJECTED, SIGN_IN_FORBIDDEN
from shared.platform.http import HttpRequest, HttpResponse
from shared.platform.keys.key_pair import DENIED, KEY_EXPIRED, LOGIN_REFUSED, PASSWORD_EXPIRED
from shared.platform.keys.permissions import PARTIAL
from shared.platform.product import ProductOptions
from shared.products.ovirt import (
    DISABLED_OR_LOCKED,
    LOGIN_NOT_PERMITTED,
    NEEDED,
    OTHER_NAME_WANTED,
    PROFILE_MISSING,
    PROFILE_OF_KEYCLOAK,
    OvirtSession,
    ask_identity,
    authenticate,
    authorize,
    hello,
    identify,
)
from tests.shared.products.conversation import Platform, answer, key_pair

ENDPOINT = Endpoint("engine.example.com", 443, "https")
USER = key_pair("admin@internal", "p&w=d")
SESSION = OvirtSession("tok3n")

HEALTH = answer(200, "DB Up!Welcome to Health Status!")
BROKEN = answer(500, "<html><body>Error at /ovirt-engine/services/health</body></html>")
HELLOS = (HEALTH, BROKEN, answer(302, "", location="https://engine.example.com/ovirt-engine/"))
TOKEN = answer(200, {"access_token": "tok3n", "scope": "ovirt-app-api", "exp": "9223372036854775"})
ABOUT = answer(
    200,
    {
        "product_info": {
            "name": "oVirt Engine",
            "vendor": "ovirt.org",
            "version": {"full_version": "4.5.4-1.el8", "major": "4", "minor": "5"},
        }
    },
)
LIST = answer(200, {})
DENIED_LIST = answer(403, {"reason": "Operation Failed", "detail": "query execution failed"})


def refusal(says: str, code: str = "access_denied", status: int = 400) -> HttpResponse:
    """Return an error of the SSO."""
    return answer(status, {"error_code": code, "error": says})


def signing_in() -> Any:
    return authenticate(ENDPOINT, ProductOptions(), None, USER)


def engine(**denied: HttpResponse) -> Platform:
    """Return an engine that denies some lists."""

    def rule(request: HttpRequest) -> HttpResponse:
        name = request.path.removeprefix("/ovirt-engine/api").strip("/").partition("?")[0]
        return denied.get(name or "about", LIST if name else ABOUT)

    return Platform(rule=rule)


class TestIdentify:
    """Before anybody signs in."""

    @pytest.mark.parametrize(
        "path", ["", "/ovirt-engine", "/ovirt-engine/api", "/ovirt-engine/webadmin"]
    )
    def test_the_health_is_asked_for_wherever_the_caller_points(self, path: str) -> None:
        """All of them are found in people's notes."""
        request = hello(Endpoint("h", 443, "https", path))

        assert request.path == "/ovirt-engine/services/health"

    def test_a_healthy_engine_is_recognized(self) -> None:
        """It tells no version to strangers."""
        platform = Platform()
        platform.talk(identify(ENDPOINT, HEALTH))

        assert platform.asked == []

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (BROKEN, STARTING_UP),
            (answer(503, "<html>Service Unavailable</html>"), HTTP_503_UNAVAILABLE),
            (answer(404, "<html>Not Found</html>"), HTTP_404_BASE_PATH),
            (answer(200, "ok"), WRONG_PRODUCT),
            (answer(302, "", location="https://other/"), REDIRECTED),
        ],
    )
    def test_what_is_none_is_told(self, answered: HttpResponse, cause: Cause) -> None:
        """Each of them wants something else done."""
        assert Platform().failure(identify(ENDPOINT, answered)).cause is cause


class TestAuthenticate:
    """One token, and what the SSO can hold against the user."""

    def test_a_token_is_asked_for_once(self) -> None:
        """Five failures lock the user."""
        platform = Platform(TOKEN)

        assert platform.talk(signing_in()).value == SESSION
        (request,) = platform.asked
        assert request.presents_credentials
        assert parse_qs(request.body.decode()) == {
            "grant_type": ["password"],
            "scope": ["ovirt-app-api"],
            "username": ["admin@internal"],
            "password": ["p&w=d"],
        }

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (
                refusal("Cannot authenticate user 'x': Unable to log in. Verify your login "
                        "information or contact the system administrator."),
                LOGIN_REFUSED,
            ),
            (refusal("Cannot authenticate user 'x': No valid profile found in credentials.."),
             PROFILE_MISSING),
            (refusal("Cannot Login. User Password has expired."), PASSWORD_EXPIRED),
            (refusal("Cannot authenticate user 'x': No profile found in credentials"),
             PROFILE_MISSING),
            (refusal("Unable to log in because the user account is disabled or locked. Contact "
                     "the system administrator."), DISABLED_OR_LOCKED),
            (refusal("Unable to log in because the user account has expired."), KEY_EXPIRED),
            (refusal("The user x@internal is not authorized to perform login"),
             LOGIN_NOT_PERMITTED),
            (refusal("It's required to access the system using FQDN.", "unauthorized_client"),
             OTHER_NAME_WANTED),
            (refusal("The provided scope is invalid", "invalid_scope"), CALL_REJECTED),
            (answer(401, "<html>Unauthorized</html>"), SIGN_IN_FORBIDDEN),
            (answer(503, ""), HTTP_503_UNAVAILABLE),
            (answer(200, {"access_token": "a\r\nb"}), SCHEMA_UNEXPECTED),
            (answer(200, {"access_token": 7}), SCHEMA_UNEXPECTED),
        ],
    )  # fmt: skip
    def test_a_refusal_is_told_as_far_as_the_engine_tells_it(
        self, answered: HttpResponse, cause: Cause
    ) -> None:
        """Its one code stands for most of them, so its words have to do."""
        platform = Platform(answered)

        assert platform.failure(signing_in()).cause is cause
        assert len(platform.asked) == 1

    def test_the_administrator_may_have_another_name(self) -> None:
        """Where Keycloak signs in, admin@internal is refused like a wrong password."""
        refused = Platform(refusal("Unable to log in.")).failure(signing_in())

        assert [one.cause for one in refused.contributing] == [PROFILE_OF_KEYCLOAK]


class TestIdentity:
    """Whose session is it?"""

    LINK = answer(200, {"authenticated_user": {"href": "/ovirt-engine/api/users/1-a", "id": "1-a"}})

    def test_the_user_is_read_where_the_api_links_to_it(self) -> None:
        """The answer to the sign-in has a token and no name."""
        platform = Platform(self.LINK, answer(200, {"id": "1-a", "user_name": "admin@internal"}))

        told = platform.talk(ask_identity(ENDPOINT, SESSION))

        assert told == {"user": "admin@internal", "user_id": "1-a"}
        assert platform.paths == ["GET /ovirt-engine/api", "GET /ovirt-engine/api/users/1-a"]

    @pytest.mark.parametrize(
        "answers",
        [
            (answer(403, {}),),
            (answer(200, {"authenticated_user": "x"}),),
            (answer(200, {"authenticated_user": {"id": "../../x"}}),),
            (LINK, answer(403, {})),
            (LINK, answer(200, {"id": "2-b", "user_name": "other@internal"})),
        ],
    )
    def test_a_user_who_may_not_read_it_is_nobody(self, answers: tuple[HttpResponse, ...]) -> None:
        """A name that nobody could read must not become another one."""
        assert Platform(*answers).talk(ask_identity(ENDPOINT, SESSION)) == {}


class TestAuthorize:
    """The version, and what the user may read."""

    def test_an_administrator_may_read_all(self) -> None:
        """The version is told to users alone."""
        platform = engine()
        passed = platform.talk(authorize(ENDPOINT, SESSION))

        assert passed.facts["version"] == "4.5.4-1.el8"
        assert passed.facts["have"] == NEEDED
        assert platform.asked[0].headers["Authorization"] == "Bearer tok3n"

    def test_a_denied_list_is_named(self) -> None:
        """A role on one cluster sees no hosts."""
        passed = engine(hosts=DENIED_LIST).talk(authorize(ENDPOINT, SESSION))

        assert [warning.cause for warning in passed.warnings] == [PARTIAL]
        assert passed.facts["lack"] == ("hosts",)

    def test_a_user_without_a_role_fails(self) -> None:
        """It signs in, and that is all."""
        denied = dict.fromkeys(NEEDED, DENIED_LIST)

        assert engine(**denied).failure(authorize(ENDPOINT, SESSION)).cause is DENIED

    @pytest.mark.parametrize("name", ["about", "vms"])
    def test_an_engine_that_breaks_blames_nobody(self, name: str) -> None:
        """A 500 is no missing right."""
        platform = engine(**{name: answer(500, {})})

        assert platform.failure(authorize(ENDPOINT, SESSION)).cause is HTTP_500

    @pytest.mark.parametrize("about", [{}, {"version": 4}, {"version": {"full_version": "<x>"}}])
    def test_a_version_that_is_none_is_left_out(self, about: object) -> None:
        """What is shown is what the engine is known to say."""
        platform = engine(about=answer(200, {"product_info": about}))

        assert "version" not in platform.talk(authorize(ENDPOINT, SESSION)).facts

    def test_the_token_is_given_back(self) -> None:
        """It would live for hours."""
        platform = Platform(TOKEN)
        platform.talk(signing_in())
        (goodbye,) = platform.sign_outs

        assert goodbye.path == "/ovirt-engine/services/sso-logout"
        assert b"token=tok3n" in goodbye.body
