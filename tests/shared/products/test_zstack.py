import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from zoneinfo import ZoneInfo, available_timezones

import pytest
from pydantic import SecretStr

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Passed
from shared.endpoint import Endpoint, parse_endpoint
from shared.platform.answers.intermediaries import HTTP_502_504_GATEWAY, HTTP_503_UNAVAILABLE
from shared.platform.answers.not_the_product import (
    HTML_NOT_API,
    HTTP_403_FORBIDDEN,
    HTTP_404_BASE_PATH,
    HTTP_500,
    NOT_DEPLOYED,
    SCHEMA_UNEXPECTED,
    STARTING_UP,
    TLS_ON_HTTP_URL,
    WRONG_PORT_ROLE,
    WRONG_PRODUCT,
)
from shared.platform.answers.redirects import REDIRECT_TO_LOGIN
from shared.platform.answers.unexplained import CALL_REJECTED, SIGN_IN_FORBIDDEN, SIGN_IN_REFUSED
from shared.platform.http import HttpRequest, HttpResponse
from shared.platform.keys.key_pair import (
    ACCESS_KEY_MALFORMED,
    CLOCK_OFF,
    CLOCK_SKEW,
    DENIED,
    SECRET_MISMATCH,
    SOURCE_IP_NOT_ALLOWED,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.product import Credentials
from shared.products import PRODUCTS, zstack
from shared.products.zstack import (
    ZstackIdentity,
    ZstackOptions,
    ask_identity,
    authenticate,
    authorize,
    hello,
    identify,
    refusals,
)
from shared.products.zstack.calls import CALLS
from shared.products.zstack.refusals import (
    ACCESS_KEYS_UNSUPPORTED,
    DATE_REFUSED,
    LICENSE_EXPIRED,
    LICENSE_INVALID,
    OPERATION_FAILED,
    OTHER_NODE_SERVES,
)
from shared.products.zstack.signing import AccessKey, Zone, ZstackSession, sign
from tests.shared.products.conversation import NOW, NOW_AS_HEADER, Answer, Platform, answer

ENDPOINT = Endpoint("cloud.example.com", 8080, "http")
KNOWN: Facts = {
    "host": "cloud.example.com",
    "port": 8080,
    "product": "ZStack Cloud",
    "default_port": 8080,
    "usual_port": 8080,
    "access_key_is": "AccessKey ID",
}

VENDOR_ID, VENDOR_SECRET = "vvSZpmj4cnB53qUDmm6E", "8heumeFTvIeZxkTGfEYvVi9qVVPd9ffQNDALSPPb"
CREDENTIALS = Credentials(SecretStr(VENDOR_ID), SecretStr(VENDOR_SECRET))
IDENTITY = ZstackIdentity("5.2.1", NOW, timedelta())

READY = answer(200, {}, date=NOW_AS_HEADER)
VERSION = answer(200, {"version": "5.2.1"}, date=NOW_AS_HEADER)
HELLOS = (
    answer(400, "missing header 'Authorization'"),
    answer(503, {"error": {"code": "SYS.1010", "description": "d", "details": ""}}),
    answer(200, "<html></html>", zs_version="5.2.1"),
)
TOO_SKEWED = answer(403, "requestTimeTooSkewed")
ONE_ZONE = answer(200, {"inventories": [{"uuid": "u", "name": "zone-1"}], "total": 1})
NO_BACKEND = (
    "RestAuthenticationType type: ZStack was not registered by any RestAuthenticationBackend"
)
TOMCAT_404 = "<!doctype html><html><h1>HTTP Status 404</h1><h3>Apache Tomcat/8.5.35</h3></html>"

# The vendor's developer guide published V1; the vendor's Java SDK made V2 to V5 on the wire; V6
# was computed by an independent implementation.
VECTORS = [
    ("GET", "Fri, 06 Aug 2021 17:58:34 PRC", "/v1/vm-instances", VENDOR_SECRET,
     "hPToRHeHdV49D4u20G8OlE0yJho="),
    ("GET", "Tue, 24 Nov 2026 01:43:50 Asia/Shanghai", "/v1/zones", VENDOR_SECRET,
     "FyLB8TTSsFo0ruIbwBhGqfzhUEg="),
    ("GET", "Mon, 23 Nov 2026 17:43:52 UTC", "/v1/zones", VENDOR_SECRET,
     "TyaaNUU97uigdZ5Byf9XiCQRt6g="),
    ("PUT", "Tue, 24 Nov 2026 01:43:50 Asia/Shanghai", "/v1/accounts/permissions/actions",
     "SECRET", "2z7aqPvtXwTRGQf0QqTe3WPkKGw="),
    ("POST", "Mon, 23 Nov 2026 17:43:52 UTC", "/v1/zones", "SECRET",
     "OwyfW8ZMbOdWFom7AhE5aKdEeT0="),
    ("GET", "Mon, 23 Nov 2026 17:43:52 UTC",
     "/v1/vm-instances/56f0fd314a2647ffb4f9565f6d05858e/capabilities", "SECRET",
     "u27bVz2CkWKtDv6gk9Y2VyjfC6M="),
    ("GET", "Thu, 17 Oct 2024 05:43:35 Asia/Shanghai", "/v1/zones",
     "XAlrsYvswmnEV3X1KWNs1WfZHD6aBIIphmI0rX9S", "GGgnveboW7fmog0J8P8dwGXPiNs="),
    ("GET", "Thu, 17 Oct 2024 05:43:35 UTC", "/v1/zones",
     "XAlrsYvswmnEV3X1KWNs1WfZHD6aBIIphmI0rX9S", "UoDfJcVqeN+oMr2cb6zR95MmX78="),
]  # fmt: skip


def refusal(code: str, details: str = "") -> HttpResponse:
    """Return an error as ZStack has them: JSON with 503 alone."""
    return answer(503, {"error": {"code": code, "description": "d", "details": details}})


def current_time(moment: datetime) -> HttpResponse:
    """Return the answer to getCurrentTime."""
    milliseconds = round(moment.timestamp() * 1000)
    content = {"MillionSeconds": milliseconds, "Seconds": milliseconds // 1000}
    return answer(200, {"currentTime": content})


def http_date(moment: datetime) -> str:
    """Return a Date header."""
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")


def identified(platform: Platform, greeting: HttpResponse = READY) -> Passed[ZstackIdentity]:
    """Return what identify finds out from a greeting and a platform."""
    return platform.talk(identify(ENDPOINT, greeting))


def signed_in(
    platform: Platform,
    identity: ZstackIdentity = IDENTITY,
    options: ZstackOptions | None = None,
) -> Passed[ZstackSession]:
    """Return what authenticate makes of a platform."""
    flow = authenticate(ENDPOINT, options or ZstackOptions(), identity, CREDENTIALS)
    return platform.talk(flow)


def session_of(signed: HttpResponse) -> ZstackSession:
    """Return a session whose signed read was answered like this."""
    return ZstackSession(AccessKey(CREDENTIALS, "/zstack", Zone.named("UTC")), timedelta(), signed)


def failure_of(flow: Callable[[], object]) -> Failed:
    """Return how a flow fails; the sentences for it must come out whole."""
    with pytest.raises(Failed) as caught:
        flow()
    assert caught.value.finding.summary(KNOWN).isprintable()
    assert caught.value.finding.remedies(KNOWN)
    return caught.value


class TestSign:
    """What the server computes again."""

    @pytest.mark.parametrize(("method", "date", "path", "secret", "signature"), VECTORS)
    def test_a_signature_is_the_vendors(
        self, method: str, date: str, path: str, secret: str, signature: str
    ) -> None:
        """One byte off, and every key pair is told to be wrong."""
        assert sign(method, date, path, secret) == signature

    def test_the_request_on_the_wire_is_the_sdks(self) -> None:
        """The server signs the path without query and context, and the Date as it was sent."""
        moment = datetime(2026, 11, 23, 17, 43, 50, tzinfo=UTC)
        platform = Platform(ONE_ZONE)

        signed_in(platform, ZstackIdentity("5.2.1", moment, timedelta()))

        (request,) = platform.asked
        assert request.method == "GET"
        assert request.path == "/zstack/v1/zones?limit=1&replyWithCount=true"
        assert request.headers == {
            "Date": "Tue, 24 Nov 2026 01:43:50 Asia/Shanghai",
            "Authorization": f"ZStack {VENDOR_ID}:FyLB8TTSsFo0ruIbwBhGqfzhUEg=",
        }
        assert request.body == b""
        assert request.presents_credentials


class TestPaths:
    """Where the API is on the server."""

    @pytest.mark.parametrize(
        ("suffix", "prefix"),
        [("", ""), ("/zstack", ""), ("/zstack/v1", ""), ("/v1", ""), ("/a/zstack/v1", "/a")],
    )
    def test_the_api_is_found_below_whatever_the_caller_pasted(
        self, suffix: str, prefix: str
    ) -> None:
        """Callers paste the base URL of their SDK, or that of a proxy."""
        endpoint = parse_endpoint(f"http://cloud.example.com:8080{suffix}/")
        platform = Platform(VERSION, ONE_ZONE)

        platform.talk(identify(endpoint, READY))
        platform.talk(authenticate(endpoint, ZstackOptions(), IDENTITY, CREDENTIALS))

        assert hello(endpoint).path == f"{prefix}/zstack/v1/management-nodes/ready"
        assert platform.paths == [
            f"PUT {prefix}/zstack/v1/management-nodes/actions",
            f"GET {prefix}/zstack/v1/zones",
        ]

    def test_the_signature_is_that_of_the_path_behind_a_proxy(self) -> None:
        """A proxy takes its own prefix off before the server computes."""
        requests = []
        for text in ("http://h", "http://h/a/zstack"):
            platform = Platform(ONE_ZONE)
            endpoint = parse_endpoint(text)
            platform.talk(authenticate(endpoint, ZstackOptions(), IDENTITY, CREDENTIALS))
            requests += platform.asked

        assert requests[0].headers == requests[1].headers


class TestIdentify:
    """Is this a management node, and how is it?"""

    def test_a_healthy_node_is_asked_two_questions(self) -> None:
        """Each question is a round trip that the caller waits for."""
        platform = Platform(VERSION)

        passed = identified(platform)

        assert hello(ENDPOINT) == HttpRequest("GET", "/zstack/v1/management-nodes/ready")
        assert platform.paths == ["PUT /zstack/v1/management-nodes/actions"]
        assert platform.asked[0].body == b'{"getVersion":{}}'
        assert platform.asked[0].headers["Content-Type"] == "application/json"
        assert passed.facts == {"version": "5.2.1", "clock_skew_s": 0}
        assert passed.warnings == ()

    def test_nothing_of_it_presents_credentials(self) -> None:
        """The key pair goes to a ZStack, not to whatever answers."""
        platform = Platform(answer(200, {"version": "5.2.1"}), current_time(NOW))

        identified(platform)

        assert not hello(ENDPOINT).presents_credentials
        assert not any(request.presents_credentials for request in platform.asked)
        assert not any("Authorization" in request.headers for request in platform.asked)

    @pytest.mark.parametrize("date", [None, "soon", http_date(NOW + timedelta(seconds=60))])
    def test_the_clock_is_asked_for_where_the_date_header_is_doubtful(
        self, date: str | None
    ) -> None:
        """A proxy may have written the header, or nobody."""
        headers = {"date": date} if date else {}
        version = answer(200, {"version": "5.2.1"}, **headers)
        platform = Platform(version, current_time(NOW + timedelta(seconds=7)))

        passed = identified(platform)

        assert json.loads(platform.asked[1].body) == {"getCurrentTime": {}}
        assert passed.value.skew_s == 7
        assert passed.value.server_time == NOW + timedelta(seconds=7)

    def test_a_date_header_that_is_nearly_right_is_believed(self) -> None:
        """Its second is as good as ours."""
        date = http_date(NOW - timedelta(seconds=30))
        platform = Platform(answer(200, {"version": "5.2.1"}, date=date))

        assert identified(platform).value.skew_s == -30

    @pytest.mark.parametrize(
        "content",
        [
            {},
            {"currentTime": None},
            {"currentTime": 5},
            {"currentTime": {"MillionSeconds": "now"}},
            {"currentTime": {"MillionSeconds": 10**30}},
            {"currentTime": {"MillionSeconds": -1}},
            [],
        ],
    )
    def test_a_clock_that_answers_nonsense_is_read_from_the_header(self, content: object) -> None:
        """A number out of range must not become a crash."""
        date = http_date(NOW + timedelta(seconds=90))
        platform = Platform(answer(200, {"version": "5.2.1"}), answer(200, content, date=date))

        assert identified(platform).value.skew_s == 90

    @pytest.mark.parametrize(
        ("offset_s", "direction"), [(301, "ahead"), (-301, "behind"), (90_000, "ahead")]
    )
    def test_a_clock_that_is_far_off_is_a_warning(self, offset_s: int, direction: str) -> None:
        """We sign with the server's own clock; the caller's other clients do not."""
        platform = Platform(
            answer(200, {"version": "5.2.1"}), current_time(NOW + timedelta(seconds=offset_s))
        )

        (warning,) = identified(platform).warnings

        assert warning.cause is CLOCK_OFF
        assert warning.facts == {
            "skew_s": abs(offset_s),
            f"{direction}_s": abs(offset_s),
            "allowed_s": 900,
        }
        assert f"is {abs(offset_s)} s {direction}" in warning.summary(KNOWN)

    def test_a_clock_that_is_a_little_off_is_no_warning(self) -> None:
        """Nobody is refused for five minutes."""
        platform = Platform(
            answer(200, {"version": "5.2.1"}), current_time(NOW + timedelta(seconds=300))
        )

        assert identified(platform).warnings == ()

    @pytest.mark.parametrize("version", ["5.2.1", "3.10.38", "4.8.30-beta_2", "5.1.8+h1"])
    def test_a_version_is_a_fact(self, version: str) -> None:
        """Operators ask for it first."""
        platform = Platform(answer(200, {"version": version}, date=NOW_AS_HEADER))

        assert identified(platform).value.version == version

    @pytest.mark.parametrize(
        "version",
        [
            "",
            "five",
            "5\n6",
            "5 <script>",
            "5\x1b[2J",
            "5" * 42,
            "\u0665.2",
            5,
            None,
            ["5"],
            {"a": "5"},
        ],
    )
    def test_a_version_that_can_not_be_one_is_another_product(self, version: object) -> None:
        """The version is shown as it is, so it must be harmless."""
        platform = Platform(answer(200, {"version": version}, date=NOW_AS_HEADER))

        assert failure_of(lambda: identified(platform)).cause is WRONG_PRODUCT

    def test_a_very_old_node_that_asks_for_a_sign_in_is_a_node(self) -> None:
        """Before 3.x the ready call was not public; its way to say so is proof enough."""
        greeting = answer(400, "missing header 'Authorization'")

        assert identified(Platform(VERSION), greeting).value.version == "5.2.1"

    def test_an_older_node_without_the_first_call_is_a_node(self) -> None:
        """Its words are its own."""
        greeting = answer(404, "no api mapping to /v1/management-nodes/ready")

        assert identified(Platform(VERSION), greeting).value.version == "5.2.1"

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_gateway_that_refuses_the_first_call_alone_is_passed(self, status: int) -> None:
        """The next call decides, and it tells a ZStack by its version."""
        assert identified(Platform(VERSION), answer(status, "")).value.version == "5.2.1"

    def test_a_gateway_that_refuses_both_is_told_by_its_first_refusal(self) -> None:
        """Nothing is signed for somebody who has not shown to be a ZStack."""
        platform = Platform(answer(403, ""))

        assert failure_of(lambda: identified(platform, answer(403, ""))).cause is HTTP_403_FORBIDDEN
        assert not any(request.presents_credentials for request in platform.asked)

    def test_an_address_that_is_not_allowed_is_told_with_the_first_answer(self) -> None:
        """The IP allowlist is looked at before anything else, and answers without `error`."""
        refused = {"code": "LOGIN_CONTROL.1004", "description": "Request refused"}
        greeting = answer(403, {**refused, "details": "Request from [192.0.2.9] is refused"})

        failed = failure_of(lambda: identified(Platform(), greeting))

        assert failed.cause is SOURCE_IP_NOT_ALLOWED
        assert ": 192.0.2.9 (LOGIN_CONTROL.1004)" in failed.finding.summary(KNOWN)

    def test_a_node_that_is_unavailable_may_be_the_wrong_one_of_two(self) -> None:
        """Only one of a pair serves at a time."""
        failed = failure_of(lambda: identified(Platform(), refusal("SYS.1012")))

        assert [finding.cause for finding in failed.contributing] == [OTHER_NODE_SERVES]

    @pytest.mark.parametrize("code", ["SYS.1010", "SYS.1012", "PORTAL.1002"])
    def test_a_node_that_starts_is_told_to_be_starting(self, code: str) -> None:
        """The remedy is to wait, not to look for a wrong key."""
        platform = Platform()

        failed = failure_of(lambda: identified(platform, refusal(code)))

        assert failed.cause is STARTING_UP
        assert failed.finding.facts == {"error_code": code}
        assert platform.asked == []

    def test_a_node_that_stops_to_be_ready_in_between_is_told_so(self) -> None:
        """The second answer counts as much as the first."""
        failed = failure_of(lambda: identified(Platform(refusal("SYS.1010"))))

        assert failed.cause is STARTING_UP

    @pytest.mark.parametrize(
        ("code", "licence"), [("LICENSE.1000", {}), ("LICENSE.1001", {"expired": True})]
    )
    def test_an_expired_licence_is_told_with_its_date(
        self, code: str, licence: dict[str, object]
    ) -> None:
        """The date says whom to call."""
        inventory = {"expiredDate": "2026-03-01 00:00:00", **licence}
        platform = Platform(answer(200, {"inventory": inventory}))

        failed = failure_of(lambda: identified(platform, refusal(code)))

        assert failed.cause is LICENSE_EXPIRED
        assert platform.paths == ["GET /zstack/v1/licenses"]
        assert "it expired on 2026-03-01 00:00:00" in failed.finding.summary(KNOWN)

    @pytest.mark.parametrize(
        ("code", "problem"),
        [
            ("LICENSE.1001", ": it does not permit this operation"),
            ("LICENSE.1002", ": the hardware of the management node is not the one it was issued "
             "for"),
            ("LICENSE.1003", ": it is for another product"),
            ("LICENSE.1007", ": the installation is larger than it allows"),
            ("LICENSE.1099", ""),
        ],
    )  # fmt: skip
    def test_a_licence_that_does_not_fit_is_not_told_to_have_expired(
        self, code: str, problem: str
    ) -> None:
        """A renewal would not help."""
        valid = answer(200, {"inventory": {"expiredDate": "2030-01-01", "expired": False}})

        failed = failure_of(lambda: identified(Platform(valid), refusal(code)))

        assert failed.cause is LICENSE_INVALID
        assert f"because of its licence ({code}){problem}; " in failed.finding.summary(KNOWN)

    @pytest.mark.parametrize(
        "licence",
        [
            answer(404, "no api mapping to /v1/licenses"),
            answer(200, {"inventory": None}),
            answer(200, {"inventory": {"expiredDate": 5}}),
        ],
    )
    def test_a_licence_without_a_date_is_told_without(self, licence: HttpResponse) -> None:
        """A community edition has no such call."""
        failed = failure_of(lambda: identified(Platform(licence), refusal("LICENSE.1000")))

        assert failed.cause is LICENSE_EXPIRED
        assert "API calls (LICENSE.1000); " in failed.finding.summary(KNOWN)

    def test_a_hostile_licence_date_is_cut(self) -> None:
        """It stands in a sentence of ours."""
        hostile = answer(200, {"inventory": {"expiredDate": "\x1b[2J{host}" + "x" * 5000}})

        failed = failure_of(lambda: identified(Platform(hostile), refusal("LICENSE.1000")))

        assert len(failed.finding.summary(KNOWN)) < 200

    @pytest.mark.parametrize("port", [5000, 5443])
    def test_the_web_ui_is_told_by_its_port(self, port: int) -> None:
        """The UI's port is the one that people know by heart."""
        endpoint = Endpoint("h", port, "http")
        page = answer(200, "<!doctype html><title>Cloud</title>")

        failed = failure_of(lambda: Platform().talk(identify(endpoint, page)))

        assert failed.cause is WRONG_PORT_ROLE

    def test_the_web_ui_is_told_by_its_title(self) -> None:
        """It may have been moved; our own path has no capital letters that it could repeat."""
        page = answer(200, "<!doctype html><title>ZStack Cloud</title>")
        echo = answer(200, "<!doctype html><title>/zstack/v1/management-nodes/ready</title>")

        assert failure_of(lambda: identified(Platform(), page)).cause is WRONG_PORT_ROLE
        assert failure_of(lambda: identified(Platform(), echo)).cause is HTML_NOT_API

    @pytest.mark.parametrize("port", [5000, 5443])
    def test_a_port_alone_is_no_web_ui(self, port: int) -> None:
        """A registry and a Keystone have the port 5000 as well."""
        endpoint = Endpoint("h", port, "http")
        missing = answer(404, "404 page not found")

        failed = failure_of(lambda: Platform().talk(identify(endpoint, missing)))

        assert failed.cause is HTTP_404_BASE_PATH

    def test_the_web_ui_is_told_by_its_header(self) -> None:
        """It may have been moved to another port."""
        page = answer(404, "", zs_version="5.2.1")

        assert failure_of(lambda: identified(Platform(), page)).cause is WRONG_PORT_ROLE

    def test_a_tomcat_without_zstack_in_it_is_told_so(self) -> None:
        """It answers for some minutes before the management node does."""
        failed = failure_of(lambda: identified(Platform(), answer(404, TOMCAT_404)))

        assert failed.cause is NOT_DEPLOYED

    @pytest.mark.parametrize(
        ("greeting", "cause"),
        [
            (answer(200, "<html>Welcome</html>"), HTML_NOT_API),
            (answer(200, "[]"), WRONG_PRODUCT),
            (answer(404, "no such thing"), HTTP_404_BASE_PATH),
            (answer(302, "", location="/login"), REDIRECT_TO_LOGIN),
            (answer(502, "<html>Bad Gateway</html>"), HTTP_502_504_GATEWAY),
            (answer(503, "upstream is away"), HTTP_503_UNAVAILABLE),
            (answer(503, {"error": {"code": "x\n"}}), HTTP_503_UNAVAILABLE),
            (answer(503, {"error": "SYS.1010"}), HTTP_503_UNAVAILABLE),
            (answer(400, "The plain HTTP request was sent to HTTPS port"), TLS_ON_HTTP_URL),
        ],
    )
    def test_another_answer_is_told_for_what_it_is(
        self, greeting: HttpResponse, cause: Cause
    ) -> None:
        """Nothing more is asked of somebody who is no ZStack."""
        platform = Platform()

        assert failure_of(lambda: identified(platform, greeting)).cause is cause
        assert platform.asked == []

    def test_an_api_that_knows_no_version_is_another_product(self) -> None:
        """Many programs answer {} to anything."""
        assert failure_of(lambda: identified(Platform(READY))).cause is WRONG_PRODUCT


class TestAuthenticate:
    """Is the key pair right?"""

    def test_a_right_key_pair_is_one_request(self) -> None:
        """The answer to it is enough for the next step as well."""
        platform = Platform(ONE_ZONE)

        passed = signed_in(platform)

        assert platform.paths == ["GET /zstack/v1/zones"]
        assert passed.facts == {"time_zone": "Asia/Shanghai"}

    def test_the_time_zone_of_the_caller_is_tried_first(self) -> None:
        """Who knows it spares the server the others."""
        platform = Platform(ONE_ZONE)

        passed = signed_in(platform, options=ZstackOptions(time_zone="America/New_York"))

        assert platform.asked[0].headers["Date"] == ("Mon, 23 Nov 2026 12:43:52 America/New_York")
        assert passed.facts == {"time_zone": "America/New_York"}

    def test_the_servers_own_clock_is_signed_with(self) -> None:
        """A server whose clock is a day off still lets us in, as its own."""
        platform = Platform(ONE_ZONE)

        signed_in(platform, ZstackIdentity("5.2.1", NOW, timedelta(days=1)))

        assert platform.asked[0].headers["Date"] == "Wed, 25 Nov 2026 01:43:52 Asia/Shanghai"

    @pytest.mark.parametrize(
        ("verdict", "cause"),
        [
            (
                answer(403, f"access key id: {VENDOR_ID} does not existed or disabled"),
                UNKNOWN_ACCESS_KEY,
            ),
            (answer(403, "wrong accessKey signature"), SECRET_MISMATCH),
            (
                answer(400, "accessKey format is 'ZStack AccessKeyId:Signature'"),
                ACCESS_KEY_MALFORMED,
            ),
            (answer(400, "Invalid authKey format"), ACCESS_KEY_MALFORMED),
            (answer(400, "'Date' format error, correct format is 'EEE, dd MMM'"), DATE_REFUSED),
            (refusal("SYS.1010"), STARTING_UP),
            (answer(418, "teapot"), CALL_REJECTED),
            (answer(500, "java.lang.NullPointerException"), HTTP_500),
            (answer(403, "Forbidden by the firewall"), SIGN_IN_FORBIDDEN),
            (answer(401, "wrong accessKey signature"), SIGN_IN_REFUSED),
            (answer(502, "<html>Bad Gateway</html>"), HTTP_502_504_GATEWAY),
            (answer(403, "<html>wrong password</html>"), SIGN_IN_FORBIDDEN),
        ],
    )
    def test_each_verdict_is_told_after_one_request(
        self, verdict: HttpResponse, cause: Cause
    ) -> None:
        """The key is blamed for the product's own words alone, and judged once."""
        platform = Platform(verdict)

        failed = failure_of(lambda: signed_in(platform))

        assert failed.cause is cause
        assert len(platform.asked) == 1

    @pytest.mark.parametrize(
        "verdict",
        [
            answer(500, NO_BACKEND),
            answer(400, "unable to find RestAuthenticationBackend[provider type: ZStack]"),
        ],
    )
    @pytest.mark.parametrize(
        ("edition", "told"),
        [
            (answer(200, {"opensource": True}), "; it is the open-source edition"),
            (answer(200, {"opensource": False}), ""),
            (answer(404, "no api mapping to /v1/meta-data/opensource"), ""),
        ],
    )
    def test_a_platform_without_access_keys_tells_its_edition(
        self, verdict: HttpResponse, edition: HttpResponse, told: str
    ) -> None:
        """An enterprise edition without its licence lacks them too."""
        platform = Platform(verdict, edition)

        failed = failure_of(lambda: signed_in(platform))

        assert failed.cause is ACCESS_KEYS_UNSUPPORTED
        assert f"enterprise licence{told}; " in failed.finding.summary(KNOWN)
        assert not platform.asked[1].presents_credentials

    def test_an_expired_licence_is_told_here_too(self) -> None:
        """The public calls go on without one."""
        platform = Platform(refusal("LICENSE.1000"), answer(404, "no api mapping"))

        assert failure_of(lambda: signed_in(platform)).cause is LICENSE_EXPIRED
        assert platform.paths == ["GET /zstack/v1/zones", "GET /zstack/v1/licenses"]

    @pytest.mark.parametrize("code", ["SYS.1006", "ID.1002"])
    def test_a_denial_comes_after_a_sign_in_that_succeeded(self, code: str) -> None:
        """The key pair is right; what it may do is the next step's to tell."""
        denial = refusal(code, "operation is denied by default")

        assert signed_in(Platform(denial)).value.answer is denial

    def test_other_zones_are_tried_while_the_date_is_what_is_refused(self) -> None:
        """The server looks at the date before the key, so this can't lock anybody out."""
        platform = Platform(TOO_SKEWED, current_time(NOW), TOO_SKEWED, TOO_SKEWED, ONE_ZONE)

        passed = signed_in(platform)

        assert platform.paths == [
            "GET /zstack/v1/zones",
            "PUT /zstack/v1/management-nodes/actions",
            *["GET /zstack/v1/zones"] * 3,
        ]
        assert [request.headers["Date"][26:] for request in platform.asked[2:]] == [
            "Asia/Shanghai",
            "GMT+08:00",
            "GMT+00:00",
        ]
        assert passed.facts == {"time_zone": "GMT+00:00"}

    def test_no_zone_is_tried_after_the_key_was_judged(self) -> None:
        """A wrong secret, sent forty times, looks like an attack."""
        wrong = answer(403, "wrong accessKey signature")
        platform = Platform(TOO_SKEWED, current_time(NOW), TOO_SKEWED, TOO_SKEWED, wrong)

        assert failure_of(lambda: signed_in(platform)).cause is SECRET_MISMATCH
        assert len(platform.asked) == 5

    def test_the_clock_is_asked_again_before_other_zones_are_tried(self) -> None:
        """A Date header that a proxy wrote would be wrong in every zone."""
        ahead = NOW + timedelta(hours=3)
        platform = Platform(TOO_SKEWED, current_time(ahead), ONE_ZONE)

        signed_in(platform)

        assert platform.asked[2].headers["Date"] == "Tue, 24 Nov 2026 04:43:52 Asia/Shanghai"

    def test_a_server_that_refuses_every_zone_has_a_wrong_clock(self) -> None:
        """There is an end to it, and the clock is shown."""
        behind = NOW - timedelta(seconds=5000)

        def rule(request: HttpRequest) -> HttpResponse:
            return current_time(behind) if request.method == "PUT" else TOO_SKEWED

        platform = Platform(rule=rule)

        failed = failure_of(lambda: signed_in(platform))

        assert failed.cause is CLOCK_SKEW
        assert failed.finding.facts["behind_s"] == 5000
        assert len(platform.asked) < 60


def node_in(zone: ZoneInfo, now: datetime) -> Answer:
    """Return how a node in `zone` answers: it compares wall clocks, whatever zone is sent."""

    def rule(request: HttpRequest) -> HttpResponse:
        if request.method == "PUT":
            return current_time(now)
        date = request.headers["Date"]
        signature = sign("GET", date, "/v1/zones", VENDOR_SECRET)
        sent = datetime.strptime(date[:25], "%a, %d %b %Y %H:%M:%S").replace(tzinfo=UTC)
        wall_clock = now.astimezone(zone).replace(tzinfo=UTC)
        if abs(sent - wall_clock) > timedelta(minutes=15):
            return TOO_SKEWED
        if not compare_digest(request.headers["Authorization"], f"ZStack {VENDOR_ID}:{signature}"):
            return answer(403, "wrong accessKey signature")
        return ONE_ZONE

    return rule


class TestZones:
    """ZStack compares wall clocks, and nobody tells us where its wall is."""

    def test_a_server_in_new_york_is_signed_in_to(self) -> None:
        """Without a hint, and with the default setting of the server."""
        platform = Platform(rule=node_in(ZoneInfo("America/New_York"), NOW))

        assert signed_in(platform).facts == {"time_zone": "GMT-05:00"}

    @pytest.mark.parametrize("month", [1, 7])
    def test_every_wall_clock_on_earth_is_found(self, month: int) -> None:
        """Summer and winter: Chatham, Marquesas, Newfoundland and Nepal included."""
        now = datetime(2026, month, 15, 17, 43, 52, tzinfo=UTC)
        by_offset = {now.astimezone(ZoneInfo(name)).utcoffset(): name for name in _places()}
        identity = ZstackIdentity("5.2.1", now, timedelta())

        for name in by_offset.values():
            platform = Platform(rule=node_in(ZoneInfo(name), now))
            assert signed_in(platform, identity).value.answer is ONE_ZONE, name

    def test_the_months_have_english_names_everywhere(self) -> None:
        """The server parses English, whatever locale our process runs in."""
        dates = []
        for month in range(1, 13):
            platform = Platform(ONE_ZONE)
            moment = datetime(2026, month, 15, tzinfo=UTC)
            signed_in(platform, ZstackIdentity("5.2.1", moment, timedelta()))
            dates.append(platform.asked[0].headers["Date"].split()[2])

        assert " ".join(dates) == "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


def _places() -> list[str]:
    return sorted(name for name in available_timezones() if "/" in name and "Etc" not in name)


class TestAuthorize:
    """What may the key pair do?"""

    @pytest.mark.parametrize(
        ("session", "zones"),
        [
            (ONE_ZONE, 1),
            (answer(200, {"inventories": [], "total": 0}), 0),
            (answer(200, {"inventories": [{}, {}]}), 2),
            (answer(200, {"inventories": [{}], "total": 7}), 7),
            (answer(200, {"inventories": [], "total": "many"}), 0),
        ],
    )
    def test_a_list_of_zones_is_the_right_to_read_them(
        self, session: HttpResponse, zones: int
    ) -> None:
        """An empty list is a right too: there may be no zone yet."""
        platform = Platform(answer(404, "no api mapping to /v1/accounts/permissions/actions"))

        passed = platform.talk(authorize(ENDPOINT, session_of(session)))

        assert passed.facts["zones"] == zones
        assert passed.facts["have"] == ("QueryZone",)
        assert len(platform.asked) == 1

    @pytest.mark.parametrize(
        ("code", "details", "api"),
        [
            (
                "SYS.1006",
                "operation[API:org.zstack.header.zone.APIQueryZoneMsg] is denied by default",
                "APIQueryZoneMsg",
            ),
            ("ID.1002", "request api[name: org.zstack.x.APIOtherMsg] is admin only", "APIOtherMsg"),
            ("ID.1002", "无权限", "APIQueryZoneMsg"),  # details may be in the server's language
        ],
    )
    def test_a_denial_names_the_call_that_was_denied(
        self, code: str, details: str, api: str
    ) -> None:
        """An administrator grants calls by their names."""
        failed = failure_of(
            lambda: Platform().talk(authorize(ENDPOINT, session_of(refusal(code, details))))
        )

        assert failed.cause is DENIED
        assert failed.finding.facts == {"says": details, "api": api, "error_code": code}
        assert f"not allowed to call {api}" in failed.finding.summary(KNOWN)

    @pytest.mark.parametrize(
        ("session", "cause"),
        [
            (answer(200, {}), SCHEMA_UNEXPECTED),
            (answer(200, {"inventories": None}), SCHEMA_UNEXPECTED),
            (answer(200, {"inventories": {"a": 1}}), SCHEMA_UNEXPECTED),
            (answer(200, "<html>Welcome</html>"), HTML_NOT_API),
            (answer(200, "[]"), SCHEMA_UNEXPECTED),
            (refusal("SYS.1000"), OPERATION_FAILED),
        ],
    )
    def test_an_answer_without_zones_is_unexpected(
        self, session: HttpResponse, cause: Cause
    ) -> None:
        """A proxy that answers 200 to everything has granted nothing."""
        failed = failure_of(lambda: Platform().talk(authorize(ENDPOINT, session_of(session))))

        assert failed.cause is cause


JOB_AT = "http://10.0.0.1:8080/zstack/v1/api-jobs/56f0fd314a2647ffb4f9565f6d05858e"


class TestJobs:
    """Newer versions may answer with a job that will have the result."""

    RECEIPT = answer(202, {"location": JOB_AT, "apiTimeout": 1800})

    def test_the_result_is_read_where_the_test_goes(self) -> None:
        """The address in the answer is the node's own, behind a virtual one."""
        session = signed_in(Platform(self.RECEIPT)).value
        platform = Platform(ONE_ZONE, answer(404, ""))

        assert platform.talk(authorize(ENDPOINT, session)).facts["zones"] == 1
        path = "GET /zstack/v1/api-jobs/56f0fd314a2647ffb4f9565f6d05858e"
        assert platform.paths[0] == path
        assert not platform.asked[0].presents_credentials

    def test_a_job_that_still_runs_leaves_the_permissions_open(self) -> None:
        """The key pair was accepted before the job was made."""
        session = signed_in(Platform(self.RECEIPT)).value

        passed = Platform(answer(202, {})).talk(authorize(ENDPOINT, session))

        assert passed.facts == {"not_asked": CALLS}

    @pytest.mark.parametrize("place", [None, "http://h/x", f"{JOB_AT}/../../x", ["/v1/api-jobs/"]])
    def test_no_other_place_is_asked(self, place: object) -> None:
        """The answer may have been written by anyone."""
        platform = Platform(answer(202, {"location": place}))

        assert failure_of(lambda: signed_in(platform)).cause is SCHEMA_UNEXPECTED

    def test_a_job_that_was_denied_is_a_denial(self) -> None:
        """It is told as in an answer that came at once."""
        session = signed_in(Platform(self.RECEIPT)).value
        flow = authorize(ENDPOINT, session)

        assert failure_of(lambda: Platform(refusal("ID.1002")).talk(flow)).cause is DENIED


OWN = {"uuid": "36c2", "name": "shop", "type": "Normal"}
ADMIN = {"uuid": "36c27e8f", "name": "admin", "type": "SystemAdmin"}


class TestIdentity:
    """Whose key pair is it?"""

    @staticmethod
    def told(*answers: HttpResponse) -> tuple[Platform, Facts]:
        """Return what is asked, and what comes of it."""
        platform = Platform(*answers)
        return platform, platform.talk(ask_identity(ENDPOINT, session_of(ONE_ZONE)))

    def test_a_tenant_sees_its_own_account_alone(self) -> None:
        """Its name and its UUID are both what people know it by."""
        platform, told = self.told(answer(200, {"inventories": [OWN]}))

        assert told == {"account": "36c2", "account_name": "shop"}
        assert platform.paths == ["GET /zstack/v1/accounts"]

    def test_an_administrator_sees_all_of_them(self) -> None:
        """Its own is the one that administrates."""
        everyone = answer(200, {"inventories": [OWN, ADMIN]})

        platform, told = self.told(everyone, answer(200, {"inventories": [ADMIN]}))

        assert told == {"account": "36c27e8f", "account_name": "admin"}
        assert platform.asked[1].path == "/zstack/v1/accounts?limit=2&q=type%3DSystemAdmin"

    @pytest.mark.parametrize(
        "answers",
        [
            (refusal("ID.1002"),),
            (answer(200, {"inventories": []}),),
            (answer(200, {"inventories": ["x"]}),),
            (answer(200, {"inventories": [OWN, ADMIN]}), answer(200, {"inventories": [1, 2]})),
        ],
    )
    def test_what_is_ambiguous_is_left_open(self, answers: tuple[HttpResponse, ...]) -> None:
        """To fail with a right key is worse."""
        assert self.told(*answers)[1] == {}

    def test_the_list_of_keys_is_never_read(self) -> None:
        """It has the secrets of all of them, over plain http."""
        platform, _ = self.told(
            answer(200, {"inventories": [OWN, OWN]}), answer(200, {"inventories": []})
        )

        assert not any("accesskeys" in request.path for request in platform.asked)


class TestRejections:
    """Which verdicts must not be asked for a second time."""

    def test_only_a_verdict_on_the_key_pair_is_a_rejection(self) -> None:
        """A wrong clock or an expired licence says nothing of the pair."""
        causes = [
            *(cause for cause in vars(zstack).values() if isinstance(cause, Cause)),
            *(cause for cause in vars(refusals).values() if isinstance(cause, Cause)),
        ]

        # The last four are JSON's, which a session of its own or a sign-in by password can meet.
        assert {cause.code for cause in causes if cause.is_rejection} == {
            UNKNOWN_ACCESS_KEY.code,
            SECRET_MISMATCH.code,
            "auth.account_locked",
            "auth.invalid_credentials",
            "auth.key_disabled",
            "auth.password_expired",
        }


class TestOptions:
    """What can be said beside the key pair."""

    @pytest.mark.parametrize("name", ["Asia/Shanghai", "America/New_York", "UTC", "PRC"])
    def test_a_zone_of_the_database_is_taken(self, name: str) -> None:
        """The server's parser knows the same names."""
        assert ZstackOptions.model_validate({"timeZone": name}).time_zone == name

    @pytest.mark.parametrize("name", ["localtime", "posixrules", "posix/UTC", "right/UTC"])
    def test_a_file_beside_the_zones_is_refused(self, name: str) -> None:
        """It would name the zone of whichever machine looks, and no server's parser knows it."""
        with pytest.raises(ValueError, match="must be a time zone"):
            ZstackOptions.model_validate({"timeZone": name})


@pytest.mark.parametrize("name", ["zstack", "zsphere", "zstack_cube"])
def test_the_products_of_the_family_speak_alike(name: str) -> None:
    """One REST engine, three names."""
    product = PRODUCTS[name]

    assert (product.default_scheme, product.default_port) == ("http", 8080)
    assert product.options is ZstackOptions
    assert product.identify is identify
