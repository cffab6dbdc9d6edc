from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Passed
from shared.endpoint import Endpoint, parse_endpoint
from shared.platform.answers.intermediaries import HTTP_503_UNAVAILABLE
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_500,
    NOT_DEPLOYED,
    SCHEMA_UNEXPECTED,
    WRONG_PRODUCT,
)
from shared.platform.answers.unexplained import SIGN_IN_FORBIDDEN, SIGN_IN_REFUSED
from shared.platform.http import HttpRequest, HttpResponse
from shared.platform.keys.key_pair import (
    CLOCK_OFF,
    DENIED,
    INVALID_CREDENTIALS,
    KEY_DISABLED,
    THROTTLED,
)
from shared.platform.keys.permissions import PARTIAL
from shared.platform.keys.server_clock import ServerClock
from shared.platform.product import Credentials, ProductOptions
from shared.products.cloudstack import (
    SOURCE_ADDRESS_UNLISTED,
    UNGUARDED_PORT,
    CloudstackIdentity,
    CloudstackSession,
    ask_identity,
    authenticate,
    authorize,
    hello,
    identify,
    sign,
)
from tests.shared.products.conversation import NOW, NOW_AS_HEADER, Platform, answer
from tests.shared.products.failing import failure_of

SERVER = Endpoint("cs.example.com", 8080, "http")
# The pair of the developer's guide, "How to sign an API call".
KEY = "plgWJfZK4gyS3mOMTVmjUVg-X-jlWlnfaUJ9GAbBbf9EdM-kAYMmAiLqzzq1ElZLYq_u38zCm0bewzGUdP66mg"
SECRET = "VDaACYb0LV9eNjTetIOElcVQkvJck_J_QljX_FcHRj87ZKiy0z0ty0ZsYBkoXkY9b7eq1EhwJaw7FF3akA3KBQ"
KEYS = Credentials(SecretStr(KEY), SecretStr(SECRET))
IDENTITY = CloudstackIdentity(ServerClock(NOW, 0))
CANT_VERIFY = "unable to verify user credentials and/or request signature"


def refused(command: str, status: int, text: str, version: str = "4.19.1.0") -> HttpResponse:
    """Return a refusal as the server words it in XML."""
    name = f"{command}response"
    body = (
        f'<?xml version="1.0"?><{name} cloud-stack-version="{version}"><errorcode>{status}'
        f"</errorcode><errortext>{text}</errortext></{name}>"
    )
    return answer(status, body, date=NOW_AS_HEADER)


UNSIGNED = refused("listcapabilities", 401, CANT_VERIFY)
HELLOS = (UNSIGNED,)
CAPABLE = answer(
    200, {"listcapabilitiesresponse": {"capability": {"cloudstackversion": "4.19.1.0"}}}
)
ONE_ZONE = answer(200, {"listzonesresponse": {"count": 3, "zone": [{"id": "z"}]}})


def signed_in(*answers: HttpResponse) -> tuple[Platform, Passed[CloudstackSession]]:
    """Return what authenticate asks and makes of the answers."""
    platform = Platform(*answers)
    flow = authenticate(SERVER, ProductOptions(), IDENTITY, KEYS)
    return platform, platform.talk(flow)


def query_of(request: HttpRequest) -> dict[str, str]:
    """Return the parameters of a request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}


class TestSign:
    """What the server computes again."""

    def test_a_signature_is_that_of_the_developers_guide(self) -> None:
        """One byte off, and every key pair is told to be wrong."""
        parameters = {"response": "json", "command": "listUsers", "apikey": KEY}

        assert sign(parameters, SECRET) == "TTpdDq/7j/J58XCRHomKoQXEQds="

    def test_names_are_sorted_and_spaces_are_no_plus(self) -> None:
        """The server decodes + before it signs, and sorts without regard to case."""
        assert sign({"b": "x y", "A": "1"}, "s") == sign({"A": "1", "b": "x y"}, "s")
        assert sign({"a": "x y"}, "s") != sign({"a": "x+y"}, "s")

    def test_what_is_sent_is_what_is_signed(self) -> None:
        """The signature is over the parameters with the time until when they count."""
        platform, _ = signed_in(CAPABLE)

        sent = query_of(platform.asked[0])
        signature = sent.pop("signature")
        assert sign(sent, SECRET) == signature
        assert sent == {
            "apiKey": KEY,
            "command": "listCapabilities",
            "expires": "2026-11-23T17:53:52+0000",
            "response": "json",
            "signatureVersion": "3",
        }
        assert platform.asked[0].presents_credentials


class TestIdentify:
    """Is this a management server?"""

    def test_the_refusal_of_an_unsigned_call_carries_the_version(self) -> None:
        """It does so in XML alone, so that is what is asked for."""
        passed = Platform().talk(identify(SERVER, UNSIGNED))

        assert hello(SERVER).path == "/client/api?command=listCapabilities"
        assert not hello(SERVER).presents_credentials
        assert passed.facts == {"clock_skew_s": 0, "version": "4.19.1.0"}

    @pytest.mark.parametrize("suffix", ["", "/client", "/client/api"])
    def test_the_api_is_found_below_whatever_the_caller_pasted(self, suffix: str) -> None:
        """Callers paste the address of the UI, or that of their SDK."""
        endpoint = parse_endpoint(f"http://cs.example.com:8080{suffix}")

        assert hello(endpoint).path.startswith("/client/api?")

    def test_a_port_that_serves_everybody_judges_no_key(self) -> None:
        """The integration port takes any key pair, so a success there would mean nothing."""
        open_to_all = answer(
            200, '<listcapabilitiesresponse cloud-stack-version="4.19.1.0"><capability/>'
            "</listcapabilitiesresponse>"
        )  # fmt: skip

        failed = failure_of("cloudstack", lambda: Platform().talk(identify(SERVER, open_to_all)))

        assert failed.cause is UNGUARDED_PORT

    @pytest.mark.parametrize(
        ("greeting", "cause"),
        [
            (answer(200, "<html>CloudStack</html>"), HTML_NOT_API),
            (answer(503, ""), HTTP_503_UNAVAILABLE),
            (answer(503, "<html><a>Powered by Jetty:// 9.4</a></html>"), NOT_DEPLOYED),
            (answer(404, "<html><a>Powered by Jetty:// 9.4</a></html>"), NOT_DEPLOYED),
            (answer(401, {}), WRONG_PRODUCT),
            (answer(401, "<listcapabilitiesresponse/>"), WRONG_PRODUCT),
        ],
    )
    def test_what_is_no_cloudstack_is_told_for_what_it_is(
        self, greeting: HttpResponse, cause: Cause
    ) -> None:
        """Nothing signed goes there."""
        flow = identify(SERVER, greeting)

        assert failure_of("cloudstack", lambda: Platform().talk(flow)).cause is cause

    @pytest.mark.parametrize("version", ["", "four", "4.19<script>", "4." + "1" * 3000])
    def test_a_version_that_can_not_be_one_is_not_shown(self, version: str) -> None:
        """It is the server's to choose."""
        greeting = refused("listcapabilities", 401, "x", version.replace("<", "&lt;"))

        passed = Platform().talk(identify(SERVER, greeting))

        assert passed.facts == {"clock_skew_s": 0}

    def test_a_clock_that_is_off_is_a_warning(self) -> None:
        """Whoever signs with a time of expiry is refused for it."""
        late = answer(401, UNSIGNED.body, date="Mon, 23 Nov 2026 17:33:52 GMT")

        (warning,) = Platform().talk(identify(SERVER, late)).warnings

        assert warning.cause is CLOCK_OFF


class TestAuthenticate:
    """Is the key pair right?"""

    def test_a_right_key_pair_is_one_signed_request(self) -> None:
        """Every role may ask for the capabilities, so the answer is about the key."""
        platform, passed = signed_in(CAPABLE)

        assert platform.paths == ["GET /client/api"]
        assert passed.facts == {}

    @pytest.mark.parametrize(
        ("reply", "cause"),
        [
            (refused("listcapabilities", 401, CANT_VERIFY), INVALID_CREDENTIALS),
            (answer(401, {"listcapabilitiesresponse": {"errorcode": 401}}), INVALID_CREDENTIALS),
            (answer(429, {"listcapabilitiesresponse": {"errorcode": 429}}), THROTTLED),
            (answer(530, {"listcapabilitiesresponse": {"errorcode": 530}}), HTTP_500),
            (answer(432, {"listcapabilitiesresponse": {"errorcode": 432}}), DENIED),
            (refused("listcapabilities", 401, "The given command does not exist"), DENIED),
            (answer(531, {"listcapabilitiesresponse": {"errorcode": 531}}), KEY_DISABLED),
            (answer(401, "<html>Sign in</html>"), SIGN_IN_FORBIDDEN),
            (answer(401, "go away"), SIGN_IN_REFUSED),
            (answer(200, {"listcapabilitiesresponse": {}}), SCHEMA_UNEXPECTED),
            (answer(200, []), SCHEMA_UNEXPECTED),
        ],
    )
    def test_each_refusal_has_its_cause(self, reply: HttpResponse, cause: Cause) -> None:
        """The server merges all that is wrong with a key; a proxy's 401 is none of it."""
        assert failure_of("cloudstack", lambda: signed_in(reply)).cause is cause

    def test_an_address_that_is_not_in_the_list_may_be_the_reason(self) -> None:
        """Its answer is the same to the letter (ApiServer.verifyRequest)."""
        reply = refused("listcapabilities", 401, CANT_VERIFY)

        failed = failure_of("cloudstack", lambda: signed_in(reply))

        (rival,) = failed.contributing
        assert rival.cause is SOURCE_ADDRESS_UNLISTED
        assert "comes from, 192.0.2.9" in rival.summary({"product": "C", "egress": "192.0.2.9"})

    def test_it_signs_with_the_servers_clock(self) -> None:
        """A call that has expired is refused in the same words as a wrong key."""
        identity = CloudstackIdentity(ServerClock(NOW.replace(hour=3), -52_000))
        platform = Platform(CAPABLE)

        platform.talk(authenticate(SERVER, ProductOptions(), identity, KEYS))

        assert query_of(platform.asked[0])["expires"] == "2026-11-23T03:53:52+0000"


USER = {
    "id": "u1",
    "username": "ops",
    "account": "shop",
    "accountid": "a1",
    "domain": "ROOT",
    "domainid": "d1",
}
SHOP = {"name": "shop", "id": "a1", "domain": "ROOT", "domainid": "d1", "user": [USER]}
OF_SHOP = {"account": "shop", "account_id": "a1", "domain": "ROOT", "domain_id": "d1"}
NO_SUCH_CALL = answer(432, {"getuserresponse": {"errorcode": 432}})


def accounts(*found: object) -> HttpResponse:
    """Return the accounts that the owner of a key sees."""
    return answer(200, {"listaccountsresponse": {"count": len(found), "account": found}})


class TestIdentity:
    """Whose key is it?"""

    @staticmethod
    def told(*answers: HttpResponse) -> tuple[Platform, Facts]:
        """Return what is asked, and what comes of it."""
        session = signed_in(CAPABLE)[1].value
        platform = Platform(*answers)
        return platform, platform.talk(ask_identity(SERVER, session))

    def test_an_administrators_key_is_looked_up(self) -> None:
        """Its owner sees all accounts, so a list would not tell which is its own."""
        platform, told = self.told(answer(200, {"getuserresponse": {"user": USER}}))

        assert told == {**OF_SHOP, "user": "ops", "user_id": "u1"}
        assert query_of(platform.asked[0])["userapikey"] == KEY

    def test_any_other_key_sees_its_own_account_alone(self) -> None:
        """The call for administrators is none for it."""
        _, told = self.told(NO_SUCH_CALL, accounts(SHOP))

        assert told == {**OF_SHOP, "user": "ops", "user_id": "u1"}

    def test_one_of_several_users_is_not_guessed(self) -> None:
        """Each of them may have a key."""
        _, told = self.told(NO_SUCH_CALL, accounts({**SHOP, "user": [USER, USER]}))

        assert told == OF_SHOP

    @pytest.mark.parametrize(
        "listed", [accounts(), accounts(SHOP, SHOP), accounts("x"), answer(401, {"a": {}})]
    )
    def test_one_of_several_accounts_is_not_guessed(self, listed: HttpResponse) -> None:
        """To fail with a right key is worse than to leave it open."""
        assert self.told(NO_SUCH_CALL, listed)[1] == {}


class TestAuthorize:
    """What may it call?"""

    @staticmethod
    def told(zones: HttpResponse, *allowed: str) -> tuple[Platform, Passed[None]]:
        """Return what is asked, and what comes of it where listApis knows `allowed`."""

        def rule(request: HttpRequest) -> HttpResponse:
            query = query_of(request)
            if query["command"] == "listZones":
                return zones
            known = {"count": 1, "api": [{"name": query["name"]}]}
            return answer(200, {"listapisresponse": known if query["name"] in allowed else {}})

        platform = Platform(rule=rule)
        session = CloudstackSession(KEYS, ServerClock(NOW, 0))
        return platform, platform.talk(authorize(SERVER, session))

    def test_a_root_admin_has_all_that_managing_needs(self) -> None:
        """One zone is enough to see that it reads."""
        calls = ("listHosts", "listVirtualMachines", "listNetworks", "deployVirtualMachine")
        platform, passed = self.told(ONE_ZONE, *calls)

        first = query_of(platform.asked[0])
        assert (first["command"], first["page"], first["pagesize"]) == ("listZones", "1", "1")
        assert passed.facts == {"zones": 3, "have": ("listZones", *calls), "lack": ()}
        assert passed.warnings == ()

    def test_what_a_role_lacks_is_a_warning_with_a_table(self) -> None:
        """A user's role has no hosts."""
        _, passed = self.told(ONE_ZONE, "listVirtualMachines", "listNetworks")

        (warning,) = passed.warnings
        assert warning.cause is PARTIAL
        assert passed.facts["lack"] == ("listHosts", "deployVirtualMachine")

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_role_without_the_call_is_denied_and_the_key_is_right(self, status: int) -> None:
        """CloudStack answers 401 for it too, so the step before it has to be another call."""
        reply = refused("listzones", status, "The given command 'listZones' does not exist")

        failed = failure_of("cloudstack", lambda: self.told(reply))

        assert failed.cause is DENIED

    @pytest.mark.parametrize("count", [None, "many", {}])
    def test_a_count_that_is_none_is_no_zone(self, count: object) -> None:
        """A cloud without zones has no count at all."""
        _, passed = self.told(answer(200, {"listzonesresponse": {"count": count}}))

        assert passed.facts["zones"] == 0
