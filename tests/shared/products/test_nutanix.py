from collections.abc import Sequence
from typing import Any

import pytest

from shared.diagnosis.causes import Cause
from shared.endpoint import Endpoint
from shared.platform.answers.intermediaries import HTTP_503_UNAVAILABLE
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_500,
    SCHEMA_UNEXPECTED,
    STARTING_UP,
    WRONG_PRODUCT,
)
from shared.platform.answers.unexplained import CALL_REJECTED, REFUSED_LATER, SIGN_IN_FORBIDDEN
from shared.platform.http import HttpResponse
from shared.platform.keys.key_pair import DENIED, LOGIN_REFUSED
from shared.platform.keys.permissions import PARTIAL
from shared.platform.product import ProductOptions
from shared.products.nutanix import (
    ELEMENT_INSTEAD_OF_CENTRAL,
    NEEDED_WITH_V2,
    NEEDED_WITH_V3,
    NutanixSession,
    authenticate,
    authorize,
    hello,
    identify,
)
from tests.shared.products.conversation import Platform, answer, key_pair

ENDPOINT = Endpoint("prism.example.com", 9440, "https")
USER = key_pair("admin", "p\u00e4ssword")
CENTRAL = NutanixSession({"Authorization": USER.basic}, speaks_v3=True)
ELEMENT = NutanixSession({"Authorization": USER.basic}, speaks_v3=False)


def refusal(status: int, reason: str) -> HttpResponse:
    """Return an error as the Intent Gateway words it."""
    message = {"reason": reason, "message": "m.", "details": "d"}
    content = {"state": "ERROR", "code": status, "message_list": [message], "api_version": "3.1"}
    return answer(status, content)


ASKS_TO_SIGN_IN = refusal(401, "AUTHENTICATION_REQUIRED")
OLD_REFUSAL = answer(401, "<html><h1>HTTP Status 401</h1></html>")
CONSOLE = answer(200, "<html><head><title>Nutanix Web Console</title></head></html>")
HELLOS = (
    ASKS_TO_SIGN_IN,
    refusal(503, "SERVICE_UNAVAILABLE"),
    answer(401, "", www_authenticate='Basic realm="Intent Gateway Login Required"'),
    CONSOLE,
)
ME = answer(
    200,
    {
        "status": {"name": "admin", "state": "COMPLETE"},
        "metadata": {"kind": "user", "uuid": "00000000-0000-0000-0000-000000000000"},
        "api_version": "3.1",
    },
)
CLUSTER = answer(200, {"name": "c1", "version": "6.5.2", "num_nodes": 3})


def clusters(*services: Sequence[str]) -> HttpResponse:
    """Return a list of clusters, each by the services that it offers."""
    configs = [{"config": {"service_list": [*names]}} for names in services]
    return answer(200, {"entities": [{"status": {"resources": one}} for one in configs]})


LIST = answer(200, {"entities": [], "metadata": {"total_matches": 0}})


def signing_in() -> Any:
    return authenticate(ENDPOINT, ProductOptions(), None, USER)


class TestIdentify:
    """Before anybody signs in."""

    @pytest.mark.parametrize("path", ["", "/console", "/api/nutanix/v3"])
    def test_who_asks_is_asked_without_saying_it(self, path: str) -> None:
        """The refusal is Prism's own, wherever the caller points."""
        request = hello(Endpoint("h", 9440, "https", path))

        assert (request.method, request.path) == ("GET", "/api/nutanix/v3/users/me")
        assert not request.headers

    def test_the_gateways_refusal_is_enough(self) -> None:
        """One request that needs nothing."""
        platform = Platform()
        platform.talk(identify(ENDPOINT, ASKS_TO_SIGN_IN))

        assert platform.asked == []

    @pytest.mark.parametrize("answered", [OLD_REFUSAL, answer(404, "")])
    def test_an_older_one_is_known_by_its_console(self, answered: HttpResponse) -> None:
        """Its refusal is a page that anything could have sent."""
        platform = Platform(CONSOLE)
        platform.talk(identify(ENDPOINT, answered))

        assert platform.paths == ["GET /console/"]

    @pytest.mark.parametrize(
        ("answered", "console", "cause"),
        [
            (refusal(503, "SERVICE_UNAVAILABLE"), None, STARTING_UP),
            (answer(503, ""), None, HTTP_503_UNAVAILABLE),
            (answer(200, {}), None, WRONG_PRODUCT),
            (answer(401, ""), answer(200, "<html><title>Grafana</title></html>"), WRONG_PRODUCT),
            (OLD_REFUSAL, answer(404, ""), HTML_NOT_API),
        ],
    )
    def test_what_is_none_is_told(
        self, answered: HttpResponse, console: HttpResponse | None, cause: Cause
    ) -> None:
        """Each of them wants something else done."""
        platform = Platform(*([console] if console else []))

        assert platform.failure(identify(ENDPOINT, answered)).cause is cause


class TestAuthenticate:
    """Prism Central first, then Prism Element."""

    def test_prism_central_is_asked_once(self) -> None:
        """Five failures lock the user."""
        platform = Platform(ME)
        passed = platform.talk(signing_in())

        assert passed.value == CENTRAL
        (request,) = platform.asked
        assert request.headers["Authorization"] == "Basic YWRtaW46cMOkc3N3b3Jk"
        assert request.presents_credentials

    def test_prism_element_is_asked_where_the_call_does_not_exist(self) -> None:
        """A 404 has judged nobody, so this is the first attempt all the same."""
        platform = Platform(answer(404, ""), CLUSTER)
        passed = platform.talk(signing_in())

        assert passed.value == ELEMENT
        assert passed.facts == {"kind": "element", "version": "6.5.2"}
        assert [one.cause for one in passed.warnings] == [ELEMENT_INSTEAD_OF_CENTRAL]
        assert platform.paths[1] == "GET /PrismGateway/services/rest/v2.0/cluster/"

    @pytest.mark.parametrize("answered", [ASKS_TO_SIGN_IN, OLD_REFUSAL, answer(401, "")])
    def test_a_refused_user_is_not_tried_again(self, answered: HttpResponse) -> None:
        """Unknown user and wrong password are one answer, with a page in older versions."""
        platform = Platform(answered)

        assert platform.failure(signing_in()).cause is LOGIN_REFUSED
        assert len(platform.asked) == 1

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (refusal(403, "ACCESS_DENIED"), DENIED),
            (refusal(403, "PASSWORD_CHANGE_REQUIRED"), SIGN_IN_FORBIDDEN),
            (refusal(503, "SERVICE_UNAVAILABLE"), STARTING_UP),
            (answer(503, "<html></html>"), HTTP_503_UNAVAILABLE),
            (answer(200, "ok"), SCHEMA_UNEXPECTED),
            (answer(500, {"state": "ERROR"}), HTTP_500),
        ],
    )
    def test_other_answers_do_not_blame_the_password(
        self, answered: HttpResponse, cause: Cause
    ) -> None:
        """Only a 401 says that it is wrong."""
        assert Platform(answered).failure(signing_in()).cause is cause

    def test_an_element_can_refuse_as_well(self) -> None:
        """The user may be Prism Central's alone."""
        platform = Platform(answer(404, ""), OLD_REFUSAL)

        assert platform.failure(signing_in()).cause is LOGIN_REFUSED

    def test_prism_central_tells_whose_session_it_is(self) -> None:
        """Directories map a name that was typed to another one."""
        facts = Platform(ME).talk(signing_in()).facts

        assert facts["user"] == "admin"
        assert facts["user_id"] == "00000000-0000-0000-0000-000000000000"


class TestKind:
    """Both kinds serve API v3, so only the clusters show which one it is."""

    @pytest.mark.parametrize(
        ("listed", "kind"),
        [
            (clusters(["AOS"]), "element"),
            (clusters(["AOS"], ["PRISM_CENTRAL"]), "central"),
            (clusters(["PRISM_CENTRAL"], ["AOS"], ["AOS"]), "central"),
            (clusters(["AOS"], ["AOS"]), None),
            (clusters(["X"]), None),
            (LIST, None),
            (answer(200, {"entities": [{"status": [1]}, 2]}), None),
        ],
    )
    def test_it_is_read_from_the_services(self, listed: HttpResponse, kind: str | None) -> None:
        """An assumption would send the reader to the wrong address."""
        platform = Platform(rule=lambda asked: listed if "clusters/" in asked.path else LIST)
        passed = platform.talk(authorize(ENDPOINT, CENTRAL))

        assert passed.facts.get("kind") == kind
        hints = [ELEMENT_INSTEAD_OF_CENTRAL] if kind == "element" else []
        assert [one.cause for one in passed.warnings] == hints


class TestAuthorize:
    """What the user may read."""

    @pytest.mark.parametrize(
        ("session", "needed", "first"),
        [
            (CENTRAL, NEEDED_WITH_V3, "POST /api/nutanix/v3/clusters/list"),
            (ELEMENT, NEEDED_WITH_V2, "GET /PrismGateway/services/rest/v2.0/vms/"),
        ],
    )
    def test_a_viewer_may_read_all(
        self, session: NutanixSession, needed: tuple[str, ...], first: str
    ) -> None:
        """One entry of each list is asked for, no more."""
        platform = Platform(rule=lambda _: LIST)
        passed = platform.talk(authorize(ENDPOINT, session))

        assert passed.facts == {"have": needed, "lack": ()}
        assert platform.paths[0] == first
        assert all(request.headers["Authorization"] == USER.basic for request in platform.asked)

    def test_a_denied_list_is_named(self) -> None:
        """Roles of projects see their own machines alone."""
        platform = Platform(
            rule=lambda r: refusal(403, "ACCESS_DENIED") if "/clusters/" in r.path else LIST
        )
        passed = platform.talk(authorize(ENDPOINT, CENTRAL))

        assert [warning.cause for warning in passed.warnings] == [PARTIAL]
        assert passed.facts["lack"] == ("cluster",)

    @pytest.mark.parametrize(
        ("answered", "cause"),
        [
            (refusal(403, "ACCESS_DENIED"), DENIED),
            (refusal(500, "INTERNAL_ERROR"), HTTP_500),
            (ASKS_TO_SIGN_IN, REFUSED_LATER),
            (answer(200, "[]"), SCHEMA_UNEXPECTED),
            (answer(200, {"error": {"message": "denied"}}), CALL_REJECTED),  # of a gateway
        ],
    )
    def test_a_user_that_may_read_nothing_fails(self, answered: HttpResponse, cause: Cause) -> None:
        """It signs in, and that is all."""
        platform = Platform(rule=lambda _: answered)

        assert platform.failure(authorize(ENDPOINT, CENTRAL)).cause is cause
