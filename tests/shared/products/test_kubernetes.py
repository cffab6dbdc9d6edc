import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Any

import pytest

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import HTTP_502_504_GATEWAY, HTTP_503_UNAVAILABLE
from shared.platform.answers.not_the_product import (
    AUTH_SCHEME_UNSUPPORTED,
    HTML_NOT_API,
    HTTP_404_BASE_PATH,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    TLS_ON_HTTP_URL,
    WRONG_PRODUCT,
)
from shared.platform.answers.unexplained import CALL_MISSING, SIGN_IN_FORBIDDEN, SIGN_IN_REFUSED
from shared.platform.http import HttpRequest, HttpResponse
from shared.platform.keys.key_pair import DENIED, HEADER_LOST
from shared.platform.keys.permissions import PARTIAL
from shared.platform.product import ProductOptions
from shared.products.kubernetes import (
    NEEDED,
    NOT_READY,
    TOKEN_EXPIRED,
    TOKEN_NOT_YET_VALID,
    TOKEN_REFUSED,
    KubernetesIdentity,
    KubernetesSession,
    authenticate,
    authorize,
    hello,
    identify,
)
from tests.shared.products.conversation import NOW, NOW_AS_HEADER, Platform, answer, key_pair

ENDPOINT = Endpoint("k8s.example.com", 6443, "https")
IDENTITY = KubernetesIdentity(NOW)
SESSION = KubernetesSession({"Authorization": "Bearer t0ken"})


def status(code: int, reason: str, message: str = "") -> HttpResponse:
    """Return an error as the API server words it."""
    content = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason}
    content |= {"message": message} if message else {}
    return answer(code, {**content, "metadata": {}, "code": code})


VERSION = answer(200, {"gitVersion": "v1.30.2", "goVersion": "go1.22.4", "major": "1"})
UNAUTHORIZED, FORBIDDEN = status(401, "Unauthorized"), status(403, "Forbidden")
NOTHING = status(404, "NotFound")
HELLOS = (VERSION, UNAUTHORIZED, FORBIDDEN, NOTHING)
READY = answer(200, "ok")
REVIEW = answer(
    201,
    {
        "kind": "SelfSubjectReview",
        "status": {"userInfo": {"username": "system:serviceaccount:ops:conncheck"}},
    },
)


def allowed(*, answered: object = True) -> HttpResponse:
    """Return a SelfSubjectAccessReview with its answer."""
    return answer(201, {"kind": "SelfSubjectAccessReview", "status": {"allowed": answered}})


def token(**claims: object) -> str:
    """Return a JSON Web Token that says this of itself."""
    body = urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJSUzI1NiJ9.{body}.c2lnbmF0dXJl"


def signing_in(secret: str = "t0ken") -> Any:  # noqa: S107 -- made up
    credentials = key_pair("conncheck", secret)
    return authenticate(ENDPOINT, ProductOptions(), IDENTITY, credentials)


def seconds(**ahead: float) -> int:
    """Return a moment as tokens have it."""
    return int((NOW + timedelta(**ahead)).timestamp())


class TestIdentify:
    """Before anybody signs in."""

    def test_the_version_is_asked_for_without_a_token(self) -> None:
        """Anonymous callers may see it by default."""
        request = hello(Endpoint("h", 443, "https", "/k8s/clusters/c-1"))

        assert request.path == "/k8s/clusters/c-1/version"
        assert not request.headers

    def test_a_server_that_is_ready_tells_its_version(self) -> None:
        """The version is held against the project's support."""
        platform = Platform(READY)
        passed = platform.talk(identify(ENDPOINT, VERSION))

        assert passed.facts == {"version": "v1.30.2"}
        assert platform.paths == ["GET /readyz"]

    @pytest.mark.parametrize("answered", [UNAUTHORIZED, FORBIDDEN])
    def test_a_server_that_lets_no_stranger_in_is_recognized(self, answered: HttpResponse) -> None:
        """Anonymous access is switched off in hardened clusters."""
        passed = Platform(answered).talk(identify(ENDPOINT, answered))

        assert passed.facts == {}

    def test_the_clock_is_the_servers_where_it_tells(self) -> None:
        """It is what a token's dates are held against."""
        greeting = answer(200, {"gitVersion": "v1.30.2"}, date="Mon, 23 Nov 2026 12:00:00 GMT")
        passed = Platform(READY).talk(identify(ENDPOINT, greeting))

        assert passed.value.now.hour == 12
        assert NOW_AS_HEADER.split()[4] != "12:00:00"

    @pytest.mark.parametrize(
        ("checks", "says"),
        [
            (
                "[+]ping ok\n[-]etcd failed: reason withheld\nfailed\n",
                "[-]etcd failed: reason withheld",
            ),
            ("no etcd", None),
        ],
    )
    def test_the_check_that_fails_is_told(self, checks: str, says: str | None) -> None:
        """Those that did not fail stand before it; nothing is wrong with the token."""
        failed = Platform(answer(500, checks)).failure(identify(ENDPOINT, VERSION))

        assert failed.cause is NOT_READY
        assert failed.finding.facts.get("says") == says

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (answer(401, "<html>login</html>"), HTML_NOT_API),
            (answer(401, "", www_authenticate="Negotiate"), AUTH_SCHEME_UNSUPPORTED),
            (answer(400, "Client sent an HTTP request to an HTTPS server."), TLS_ON_HTTP_URL),
            (answer(200, "<html><title>Dashboard</title></html>"), HTML_NOT_API),
            (answer(200, {"gitVersion": "<x>"}), WRONG_PRODUCT),
            (answer(503, "no upstream"), HTTP_503_UNAVAILABLE),
            (NOTHING, HTTP_404_BASE_PATH),
        ],
    )
    def test_what_is_none_is_told(self, answered: HttpResponse, cause: Cause) -> None:
        """Each of them wants something else done."""
        assert Platform().failure(identify(ENDPOINT, answered)).cause is cause

    def test_where_a_gateway_hides_it_the_sign_in_decides(self) -> None:
        """Rancher lets nobody see a cluster's API without a token."""
        hidden = answer(401, {"type": "error", "status": "401", "message": "must authenticate"})

        assert Platform().talk(identify(ENDPOINT, hidden)).facts == {}


class TestAuthenticate:
    """One token, judged once."""

    def test_the_server_says_who_the_token_is(self) -> None:
        """The wrong service account's token is the likeliest mistake."""
        platform = Platform(REVIEW)
        passed = platform.talk(signing_in())

        assert passed.value == SESSION
        assert passed.facts == {"user": "system:serviceaccount:ops:conncheck"}
        (request,) = platform.asked
        assert request.presents_credentials
        assert request.headers["Authorization"] == "Bearer t0ken"

    def test_an_older_server_judges_it_by_a_right(self) -> None:
        """SelfSubjectReview is from 1.28 on."""
        platform = Platform(NOTHING, allowed())
        platform.talk(signing_in())

        assert platform.paths == [
            "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
            "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        ]

    def test_who_may_not_ask_who_he_is_is_signed_in_all_the_same(self) -> None:
        """A 403 comes after the token was taken."""
        assert Platform(FORBIDDEN).talk(signing_in()).value == SESSION

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (UNAUTHORIZED, TOKEN_REFUSED),
            (answer(401, "<html>login</html>"), SIGN_IN_FORBIDDEN),
            (answer(401, "no"), SIGN_IN_REFUSED),
            (
                status(
                    403, "Forbidden", 'selfsubjectreviews is forbidden: User "system:anonymous"'
                ),
                HEADER_LOST,
            ),
            (answer(201, {"status": {"userInfo": {"username": "system:anonymous"}}}), HEADER_LOST),
            (answer(404, "no Route matched"), CALL_MISSING),
            (answer(201, {}), SCHEMA_UNEXPECTED),
            (answer(504, ""), HTTP_502_504_GATEWAY),
        ],
    )
    def test_only_the_servers_own_word_counts_against_the_token(
        self, answered: HttpResponse, cause: Cause
    ) -> None:
        """A proxy in front may want a sign-in of its own."""
        assert Platform(answered).failure(signing_in()).cause is cause

    @pytest.mark.parametrize(
        ("claims", "cause", "named"),
        [
            ({"exp": seconds(hours=-1)}, TOKEN_EXPIRED, "2026-11-23 16:43:52"),
            ({"exp": seconds(hours=1), "nbf": seconds(minutes=5)}, TOKEN_NOT_YET_VALID, "17:48:52"),
        ],
    )
    def test_a_token_that_is_out_of_date_is_not_sent(
        self, claims: dict[str, object], cause: Cause, named: str
    ) -> None:
        """The server would say no more than Unauthorized; the token itself says when."""
        platform = Platform()
        failed = platform.failure(signing_in(token(**claims)))

        assert failed.cause is cause
        assert named in str(failed.finding.facts)
        assert platform.asked == []

    @pytest.mark.parametrize(
        "secret",
        [
            token(exp=seconds(hours=1), nbf=seconds(hours=-1)),
            token(exp="never"),
            token(exp=10**400),
            token(exp=-1),
            "a.b.c",
            "a.%.c",
            "..",
            f"a.{urlsafe_b64encode(b'[' * 9000).decode()}.c",
            "plain-token",
        ],
        ids=lambda secret: secret[:20],
    )
    def test_a_token_that_tells_nothing_is_for_the_server_to_judge(self, secret: str) -> None:
        """Static tokens are any text."""
        assert Platform(REVIEW).talk(signing_in(secret)).value.headers


class TestAuthorize:
    """What the token may do."""

    def test_all_rights_pass(self) -> None:
        """In all namespaces: that is what managing the cluster means."""
        platform = Platform(rule=lambda _: allowed())
        passed = platform.talk(authorize(ENDPOINT, SESSION))

        assert passed.facts["lack"] == ()
        asked = [json.loads(request.body)["spec"] for request in platform.asked]
        assert asked[0] == {
            "resourceAttributes": {"verb": "list", "group": "", "resource": "nodes"}
        }
        assert len(asked) == len(NEEDED)
        assert not any(request.presents_credentials for request in platform.asked)

    def test_a_viewer_is_told_what_it_lacks(self) -> None:
        """The role view has no nodes and creates nothing."""

        def viewer(request: HttpRequest) -> HttpResponse:
            asked = json.loads(request.body)["spec"]["resourceAttributes"]
            return allowed(answered=asked["verb"] == "list" and asked["resource"] != "nodes")

        passed = Platform(rule=viewer).talk(authorize(ENDPOINT, SESSION))

        assert [warning.cause for warning in passed.warnings] == [PARTIAL]
        assert passed.facts["lack"] == ("list nodes", "create deployments")

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (allowed(answered=False), DENIED),
            (FORBIDDEN, DENIED),
            (answer(201, {"status": {}}), SCHEMA_UNEXPECTED),
            (answer(201, {"status": "x"}), SCHEMA_UNEXPECTED),
            (status(500, "InternalError"), HTTP_500),
        ],
    )
    def test_a_token_without_rights_fails(self, answered: HttpResponse, cause: Cause) -> None:
        """It signs in, and that is all."""
        platform = Platform(rule=lambda _: answered)

        assert platform.failure(authorize(ENDPOINT, SESSION)).cause is cause
