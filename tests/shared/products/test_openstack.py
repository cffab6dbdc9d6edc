import json
from typing import Any

import pytest
from pydantic import SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Passed
from shared.endpoint import Endpoint, parse_endpoint
from shared.platform.answers.intermediaries import (
    HTTP_429_RATE_LIMITED,
    HTTP_503_UNAVAILABLE,
)
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    WRONG_PRODUCT,
)
from shared.platform.answers.not_the_product import HTTP_404_BASE_PATH as NOTHING_THERE
from shared.platform.answers.redirects import REDIRECTED
from shared.platform.answers.unexplained import CALL_MISSING, CALL_REJECTED, SIGN_IN_REFUSED
from shared.platform.http import HttpRequest, HttpResponse
from shared.platform.keys.key_pair import (
    ACCESS_KEY_NOT_FOUND,
    ACCOUNT_LOCKED,
    INVALID_CREDENTIALS,
    KEY_DISABLED,
    MFA_OR_SSO_REQUIRED,
    PASSWORD_EXPIRED,
    REGION_INVALID,
    SENT_IN_CLEAR,
)
from shared.platform.product import Credentials
from shared.products.openstack import (
    CATALOG_EMPTY,
    CATALOG_SCHEME_MISMATCH,
    CATALOG_SERVICE_MISSING,
    CATALOG_WITHOUT_SERVICES,
    IDENTITY_REMOVED_VERSION,
    NO_ACCESS_TO_SCOPE,
    NO_ROLE,
    OTHER_OPENSTACK_SERVICE,
    PROJECT_NOT_FOUND,
    SCOPE_DISABLED,
    SIGN_IN_METHOD_UNSUPPORTED,
    OpenstackOptions,
    OpenstackSession,
    authenticate,
    authorize,
    hello,
    identify,
    recognizes,
    service_endpoints,
)
from tests.shared.products.conversation import Platform, answer
from tests.shared.products.failing import failure_of

KEYSTONE = Endpoint("keystone.example.com", 5000, "https")
APP_ID = "0123456789abcdef0123456789abcdef"
APPLICATION = Credentials(SecretStr(APP_ID), SecretStr("app-secret"))
USER = Credentials(SecretStr("ops"), SecretStr("pa55word"))
MEDIA = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]
V3 = answer(200, {"version": {"id": "v3.14", "status": "stable", "media-types": MEDIA}})
HELLOS = (V3, answer(401, "", www_authenticate='Keystone uri="http://k:5000"'))
NOT_FOUND = answer(404, {"error": {"code": 404, "message": "Not Found"}})


def error(status: int, message: str, **headers: str) -> HttpResponse:
    """Return a refusal as Keystone words it."""
    content = {"error": {"code": status, "message": message, "title": "t"}}
    return answer(status, content, **headers)


WANTS_AUTHENTICATION = error(401, "The request you have made requires authentication.")


def entry(service: str, url: str, interface: str = "public", region: str = "One") -> dict[str, Any]:
    """Return a service of the catalogue with one endpoint."""
    endpoint = {"interface": interface, "region": region, "region_id": region, "url": url}
    return {"type": service, "name": service, "endpoints": [endpoint]}


FULL = [
    entry("compute", "https://nova.example.com:8774/v2.1"),
    entry("network", "https://neutron.example.com:9696"),
    entry("image", "https://glance.example.com:9292"),
    entry("block-storage", "https://cinder.example.com:8776/v3"),
]


def token(
    project: str | None = "shop", catalog: object = FULL, subject: str = "gAAAAAB-scoped"
) -> HttpResponse:
    """Return a token, of a project or of none."""
    content: dict[str, Any] = {"methods": ["password"], "expires_at": "2026-11-23T18:43:52Z"}
    content["user"] = {"id": "u1", "name": "ops", "domain": {"id": "default", "name": "Default"}}
    if project:
        scope = {"id": f"id-of-{project}", "name": project}
        content |= {"project": scope, "roles": [{"name": "member"}], "catalog": catalog}
    return answer(201, {"token": content}, x_subject_token=subject)


UNSCOPED = token(project=None, subject="gAAAAAB-unscoped")


def projects(*names: str, enabled: bool = True) -> HttpResponse:
    """Return what the user has roles on."""
    found = [{"id": f"id-of-{name}", "name": name, "enabled": enabled} for name in names]
    return answer(200, {"projects": found, "links": {}})


def revoked_by(platform: Platform) -> list[str]:
    """Return the tokens that are revoked at the end, the oldest first."""
    assert all(request.method == "DELETE" for request in platform.sign_outs)
    return [request.headers["X-Subject-Token"] for request in platform.sign_outs]


def signed_in(
    platform: Platform, keys: Credentials = APPLICATION, **options: str
) -> Passed[OpenstackSession]:
    """Return what authenticate makes of a platform."""
    given = OpenstackOptions.model_validate(options)
    return platform.talk(authenticate(KEYSTONE, given, "", keys))


def auth_of(request: HttpRequest) -> dict[str, Any]:
    """Return what a request for a token says."""
    auth: dict[str, Any] = json.loads(request.body)["auth"]
    return auth


class TestIdentify:
    """Is this Keystone v3, and where?"""

    @pytest.mark.parametrize("suffix", ["", "/v3", "/v3/", "/v2.0", "/v3/auth/tokens"])
    @pytest.mark.parametrize("prefix", ["", "/identity"])
    def test_it_is_found_below_whatever_the_caller_pasted(self, prefix: str, suffix: str) -> None:
        """Callers paste OS_AUTH_URL as their SDK has it."""
        endpoint = parse_endpoint(f"https://keystone.example.com{prefix}{suffix}")

        passed = Platform().talk(identify(endpoint, V3))

        assert hello(endpoint) == HttpRequest("GET", f"{prefix}/v3")
        assert passed.facts == {"version": "3.14", "identity_path": f"{prefix}/v3"}

    def test_it_is_found_below_identity_too(self) -> None:
        """That is where one web server serves all of OpenStack."""
        platform = Platform(answer(200, "<html>Horizon</html>"), V3)

        passed = platform.talk(identify(KEYSTONE, NOT_FOUND))

        assert platform.paths == ["GET /", "GET /identity/v3"]
        assert passed.value == "/identity"

    def test_an_identity_api_of_version_2_alone_is_told_so(self) -> None:
        """It went away in 2017; no key helps."""
        versions = answer(300, {"versions": {"values": [{"id": "v2.0", "status": "stable"}]}})

        failed = failure_of(
            "openstack", lambda: Platform(versions).talk(identify(KEYSTONE, NOT_FOUND))
        )

        assert failed.cause is IDENTITY_REMOVED_VERSION
        assert failed.finding.facts["offered"] == ("v2.0",)

    def test_another_service_that_names_its_keystone_is_told_with_it(self) -> None:
        """The address of Nova is the one that is at hand for who lists machines."""
        header = "Keystone uri='http://10.0.0.5:5000/v3'"
        greeting = answer(401, "Unauthorized", www_authenticate=header)

        failed = failure_of("openstack", lambda: Platform().talk(identify(KEYSTONE, greeting)))

        assert failed.cause is OTHER_OPENSTACK_SERVICE
        assert failed.finding.facts["keystone"] == "http://10.0.0.5:5000/v3"

    def test_another_service_is_told_by_its_versions(self) -> None:
        """They are listed in the same form, with other numbers."""
        nova = answer(200, {"versions": [{"id": "v2.1", "status": "CURRENT"}]})

        failed = failure_of("openstack", lambda: Platform(nova).talk(identify(KEYSTONE, NOT_FOUND)))

        assert failed.cause is OTHER_OPENSTACK_SERVICE

    @pytest.mark.parametrize(
        ("greeting", "more", "cause"),
        [
            (answer(200, "<html>Horizon</html>"), [], HTML_NOT_API),
            (answer(503, "Service Unavailable"), [], HTTP_503_UNAVAILABLE),
            (answer(302, "", location="/dashboard"), [NOT_FOUND, NOT_FOUND], REDIRECTED),
            (answer(200, {"version": {"id": "v3.14"}}), [], WRONG_PRODUCT),
            (answer(200, {"version": "v3.14"}), [], WRONG_PRODUCT),
            (NOT_FOUND, [NOT_FOUND, NOT_FOUND], NOTHING_THERE),
            (NOT_FOUND, [answer(200, {"versions": "x"}), NOT_FOUND], NOTHING_THERE),
            (NOT_FOUND, [answer(200, {"versions": 5}), NOT_FOUND], NOTHING_THERE),
            (NOT_FOUND, [answer(200, {"versions": {"values": 5}}), NOT_FOUND], NOTHING_THERE),
            (NOT_FOUND, [answer(200, {"versions": [{"id": "<b>"}]}), NOT_FOUND], NOTHING_THERE),
        ],
    )
    def test_what_is_no_keystone_is_told_for_what_it_is(
        self, greeting: HttpResponse, more: list[HttpResponse], cause: Cause
    ) -> None:
        """No secret goes there."""
        platform = Platform(*more)

        failed = failure_of("openstack", lambda: platform.talk(identify(KEYSTONE, greeting)))

        assert failed.cause is cause
        assert not any(request.presents_credentials for request in platform.asked)


class TestAuthenticate:
    """Is the key pair right?"""

    def test_an_application_credential_is_one_request(self) -> None:
        """It is of a project already, and has no lock-out to fear."""
        platform = Platform(token())

        passed = signed_in(platform)

        (request,) = platform.asked
        assert (request.method, request.path) == ("POST", "/v3/auth/tokens")
        assert auth_of(request) == {
            "identity": {
                "methods": ["application_credential"],
                "application_credential": {"id": APP_ID, "secret": "app-secret"},
            }
        }
        assert request.presents_credentials
        assert passed.facts == {
            "roles": ("member",),
            "project": "shop",
            "project_id": "id-of-shop",
            "user": "ops",
            "user_id": "u1",
            "domain": "Default",
            "domain_id": "default",
        }

    def test_a_user_signs_in_once_and_then_enters_the_project_with_the_token(self) -> None:
        """One password, one attempt; both tokens are given back."""
        platform = Platform(UNSCOPED, projects("shop", "lab"), token())

        passed = signed_in(platform, USER, project="shop", domain="Sales")

        first, listing, second = platform.asked
        assert auth_of(first) == {
            "identity": {
                "methods": ["password"],
                "password": {
                    "user": {"name": "ops", "password": "pa55word", "domain": {"name": "Sales"}}
                },
            },
            "scope": "unscoped",
        }
        assert [request.presents_credentials for request in platform.asked] == [True, False, False]
        assert listing.headers == {"X-Auth-Token": "gAAAAAB-unscoped"}
        assert auth_of(second)["scope"] == {"project": {"id": "id-of-shop"}}
        assert auth_of(second)["identity"]["token"] == {"id": "gAAAAAB-unscoped"}
        assert passed.facts["project"] == "shop"
        assert revoked_by(platform) == ["gAAAAAB-unscoped", "gAAAAAB-scoped"]

    def test_the_only_project_need_not_be_named(self) -> None:
        """There is nothing to choose."""
        passed = signed_in(Platform(UNSCOPED, projects("shop"), token()), USER)

        assert passed.facts["project"] == "shop"

    def test_a_project_may_be_given_by_its_id(self) -> None:
        """Names are not unique over domains."""
        platform = Platform(UNSCOPED, projects("shop", "lab"), token("lab"))

        assert signed_in(platform, USER, project="id-of-lab").facts["project"] == "lab"

    def test_a_project_that_can_not_be_entered_is_not_blamed_on_the_password(self) -> None:
        """The password has been accepted by then."""
        platform = Platform(UNSCOPED, projects("shop"), WANTS_AUTHENTICATION)

        session = signed_in(platform, USER).value

        flow = authorize(KEYSTONE, session)
        failed = failure_of("openstack", lambda: Platform().talk(flow))
        assert failed.cause is PROJECT_NOT_FOUND
        assert failed.finding.facts["project"] == "shop"
        assert revoked_by(platform) == ["gAAAAAB-unscoped"]

    def test_a_list_of_projects_that_breaks_is_no_lack_of_roles(self) -> None:
        """The token is given back, since nobody else will."""
        platform = Platform(UNSCOPED, error(500, "database"))

        assert failure_of("openstack", lambda: signed_in(platform, USER)).cause is HTTP_500
        assert revoked_by(platform) == ["gAAAAAB-unscoped"]

    def test_a_refused_sign_in_opens_no_session(self) -> None:
        """There is nothing to end, and a request without a token would be a failed sign-in."""
        platform = Platform(WANTS_AUTHENTICATION)

        failure_of("openstack", lambda: signed_in(platform, USER))

        assert platform.sign_outs == []

    def test_a_secret_over_plain_http_is_a_warning(self) -> None:
        """It has been read by whoever wanted to."""
        plain = Endpoint("keystone.example.com", 5000, "http")
        flow = authenticate(plain, OpenstackOptions(), "", APPLICATION)

        assert Platform(token()).talk(flow).warnings[0].cause is SENT_IN_CLEAR
        assert signed_in(Platform(token())).warnings == ()

    @pytest.mark.parametrize(
        ("access_key", "options", "is_application"),
        [
            (APP_ID, {}, True),
            (APP_ID.upper(), {}, False),
            ("ops", {}, False),
            (APP_ID, {"project": "shop"}, False),
            (APP_ID, {"domain": "Default"}, False),
            (APP_ID, {"signInWith": "password"}, False),
            ("ops", {"signInWith": "applicationCredential"}, True),
        ],
    )
    def test_what_the_key_pair_is_shows_in_its_form_or_is_said(
        self, access_key: str, options: dict[str, str], *, is_application: bool
    ) -> None:
        """Nobody who has made an application credential should have to say so."""
        given = OpenstackOptions.model_validate(options)

        assert given.takes_application_credential(access_key) is is_application

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (error(404, "Could not find Application Credential: 0123."), ACCESS_KEY_NOT_FOUND),
            (WANTS_AUTHENTICATION, INVALID_CREDENTIALS),
            (error(401, "The account is locked for user: u."), ACCOUNT_LOCKED),
            (error(401, "The account is disabled for user: u."), KEY_DISABLED),
            (error(401, "User u has no access to project p"), NO_ACCESS_TO_SCOPE),
            (error(401, "Project is disabled: p"), SCOPE_DISABLED),
            (
                error(401, "Attempted to authenticate with an unsupported method."),
                SIGN_IN_METHOD_UNSUPPORTED,
            ),
            (
                error(401, "The password is expired and needs to be changed for user: u."),
                PASSWORD_EXPIRED,
            ),
            (error(401, "Additional", openstack_auth_receipt="r"), MFA_OR_SSO_REQUIRED),
            (error(400, "Expecting to find domain in user."), CALL_REJECTED),
            (error(500, "An unexpected error prevented the server"), HTTP_500),
            (error(429, "slow down"), HTTP_429_RATE_LIMITED),
            (answer(401, "denied by proxy"), SIGN_IN_REFUSED),
            (answer(404, "<html>Not Found</html>"), CALL_MISSING),
            (answer(503, ""), HTTP_503_UNAVAILABLE),
            (answer(201, {"token": {}}), SCHEMA_UNEXPECTED),
            (answer(201, {}, x_subject_token="t"), SCHEMA_UNEXPECTED),
            (answer(201, {"token": {}}, x_subject_token="t t"), SCHEMA_UNEXPECTED),
        ],
    )
    def test_each_refusal_has_its_cause(self, reply: HttpResponse, cause: Cause) -> None:
        """Keystone merges most of it, and we must not guess beyond it."""
        assert failure_of("openstack", lambda: signed_in(Platform(reply))).cause is cause

    @pytest.mark.parametrize("who", [None, "ops", {"name": 7, "domain": "d"}, {"id": "x" * 300}])
    def test_a_token_that_does_not_tell_whose_it_is_is_one_all_the_same(self, who: object) -> None:
        """It is only asked for where a caller expects somebody."""
        told = token()
        content = told.json_object()
        content["token"]["user"] = who
        other = answer(201, content, x_subject_token="gAAAAAB-scoped")

        assert "user" not in signed_in(Platform(other)).facts


class TestAuthorize:
    """What can be worked with?"""

    @staticmethod
    def told(session: OpenstackSession) -> Passed[None]:
        """Return what comes of a session."""
        return Platform().talk(authorize(KEYSTONE, session))

    def test_a_full_catalogue_is_all_that_managing_needs(self) -> None:
        """It came with the token, so nothing is asked."""
        passed = self.told(signed_in(Platform(token())).value)

        assert passed.warnings == ()
        assert passed.facts["have"] == ("compute", "network", "image", "volume")
        assert passed.facts["regions"] == ("One",)

    def test_a_user_of_several_projects_has_to_name_one(self) -> None:
        """Without a project the catalogue is empty, which looks like a broken platform."""
        session = signed_in(Platform(UNSCOPED, projects("shop", "lab")), USER).value

        failed = failure_of("openstack", lambda: self.told(session))

        assert failed.cause is CATALOG_EMPTY
        assert failed.finding.facts["projects"] == ("shop", "lab")

    def test_a_project_that_is_not_the_users_is_told_from_a_wrong_password(self) -> None:
        """Keystone answers both alike where they are asked for together."""
        platform = Platform(UNSCOPED, projects("shop"))
        session = signed_in(platform, USER, project="warehouse").value

        failed = failure_of("openstack", lambda: self.told(session))

        assert failed.cause is PROJECT_NOT_FOUND
        assert failed.finding.facts == {"project": "warehouse", "projects": ("shop",)}

    @pytest.mark.parametrize("found", [projects(), projects("old", enabled=False)])
    def test_a_user_without_a_role_is_told_so(self, found: HttpResponse) -> None:
        """The password is right; somebody forgot the role."""
        session = signed_in(Platform(UNSCOPED, found), USER).value

        assert failure_of("openstack", lambda: self.told(session)).cause is NO_ROLE

    def test_an_unknown_region_is_told_with_those_that_there_are(self) -> None:
        """They differ in case and in dashes."""
        session = signed_in(Platform(token()), region="RegionOne").value

        failed = failure_of("openstack", lambda: self.told(session))

        assert failed.cause is REGION_INVALID
        assert failed.finding.facts["right_region"] == ("One",)

    @pytest.mark.parametrize("catalog", [[], None, "x", [5], [{"endpoints": [{"url": 5}]}]])
    def test_a_catalogue_without_endpoints_is_of_no_use(self, catalog: object) -> None:
        """Nothing can be found without it."""
        session = signed_in(Platform(token(catalog=catalog))).value

        assert failure_of("openstack", lambda: self.told(session)).cause is CATALOG_WITHOUT_SERVICES

    def test_an_interface_that_is_not_registered_is_told_so(self) -> None:
        """Many clouds have public endpoints alone."""
        session = signed_in(Platform(token()), interface="admin").value

        failed = failure_of("openstack", lambda: self.told(session))

        assert failed.finding.facts == {"interface": "admin"}

    def test_a_service_that_is_missing_is_a_warning(self) -> None:
        """A cloud without volumes can still be managed."""
        (warning,) = self.told(signed_in(Platform(token(catalog=FULL[:3]))).value).warnings

        assert warning.cause is CATALOG_SERVICE_MISSING
        assert warning.facts["missing"] == ("volume",)

    def test_plain_http_in_the_catalogue_of_an_https_keystone_is_a_warning(self) -> None:
        """The token goes over the wire in clear with the first real request."""
        catalog = [entry("compute", "http://controller:8774/v2.1"), *FULL[1:]]

        (warning,) = self.told(signed_in(Platform(token(catalog=catalog))).value).warnings

        assert warning.cause is CATALOG_SCHEME_MISMATCH
        assert warning.facts["services"] == ("compute",)


class TestAfterwards:
    """What else there is to reach, and the way out."""

    def test_the_endpoints_of_the_wanted_region_and_interface_are_named(self) -> None:
        """The others are nobody's concern."""
        catalog = [*FULL, entry("compute", "https://two:8774", region="Two")]
        catalog.append(entry("compute", "https://inside:8774", interface="internal"))
        reply = token(catalog=catalog)

        one = service_endpoints(signed_in(Platform(reply), region="Two").value)
        every = service_endpoints(signed_in(Platform(reply)).value)

        assert one == [("compute", "https://two:8774")]
        assert ("compute (One)", "https://nova.example.com:8774/v2.1") in every
        assert ("compute (Two)", "https://two:8774") in every
        assert "https://inside:8774" not in [url for _, url in every]

    def test_the_token_is_revoked(self) -> None:
        """Whoever finds it in a log could use it for an hour."""
        platform = Platform(token())
        signed_in(platform)
        (request,) = platform.sign_outs

        assert (request.method, request.path) == ("DELETE", "/v3/auth/tokens")
        assert request.headers["X-Subject-Token"] == "gAAAAAB-scoped"


def test_a_keystone_like_answer_of_another_cloud_is_not_recognized() -> None:
    """Huawei's IAM words its refusals as Keystone does."""
    assert not recognizes(WANTS_AUTHENTICATION)
