"""ZStack Cloud, ZSphere and Cube, which share one REST API and one signature.

Facts are from the ZStack source (RestServer.java, RestConstants.java, ZSClient.java at 5.2.1)
and the vendor's developer guide v5, "Call APIs with an AccessKey".
"""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from hashlib import sha1
from hmac import HMAC
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.input_checks import KeyShapes, Shape
from shared.platform.key_pair import (
    ACCESS_KEY_MALFORMED,
    CLOCK_OFF,
    CLOCK_SKEW,
    DENIED,
    EMPTY_INVENTORY,
    SECRET_MISMATCH,
    UNKNOWN_ACCESS_KEY,
)
from shared.platform.not_the_product import (
    SCHEMA_UNEXPECTED,
    STARTING_UP,
    WRONG_PORT_ROLE,
    not_the_product,
)
from shared.platform.product import Credentials, Product, ProductOptions, invalid
from shared.platform.server_clock import skew_facts
from shared.platform.unexplained import refused_sign_in

API_PORT = 8080
UI_PORTS = (5000, 5443)
ALLOWED_SKEW_S = 900  # RestConstants.REQUEST_DURATION_MINUTES
WARN_SKEW_S = 300
DOUBTFUL_SKEW_S = 30  # a proxy may have written the Date header; beyond this, ask ZStack itself
WORTH_BELIEVING = timedelta(days=3650)
USUAL_ZONE = "Asia/Shanghai"

# All UTC offsets in use, in minutes, the likely ones first. One of them is within 15 minutes of any
# server's wall clock.
_OFFSETS_MIN = (
    *(480, 0, 540, 420, 330, 60, 120, -300, -480, -360, -420, 180, 240, 300, 360, 600, -240, -180),
    *(210, 270, 345, 390, 525, 570, 630, 660, 720, 765, 780, 840, 450),
    *(-60, -120, -150, -210, -540, -570, -600, -660, -720),
)  # fmt: skip

NOT_DEPLOYED = Cause(
    code="api.not_deployed",
    owner="platform",
    summary=(
        "Tomcat answers on {host} port {port}, but {product} is not deployed in it, or not yet"
    ),
    remedies=(
        "Wait until the management node has started; run `zstack-ctl status` on it to see.",
        "Check the path: the API is at /zstack/v1.",
    ),
)
LICENSE_EXPIRED = Cause(
    code="api.license_expired",
    owner="platform",
    summary=(
        "The licence of {host} no longer allows API calls ({error_code})[; it expired on "
        "{expired_on}]"
    ),
    remedies=("Renew the platform's licence.",),
)
ACCESS_KEYS_UNSUPPORTED = Cause(
    code="api.access_keys_unsupported",
    owner="platform",
    summary=(
        "{host} does not support AccessKeys: it is a community edition, or has no enterprise "
        "licence"
    ),
    remedies=("Install an enterprise licence; it includes AccessKeys.",),
)
DATE_REFUSED = Cause(
    code="auth.date_refused",
    owner="us",
    summary="{host} cannot parse the date that the request was signed with",
    remedies=("Report this to the operators of this service, with the version of the platform.",),
)

_NOT_READY_CODES = ("SYS.1010", "SYS.1012", "PORTAL.1002")
_LICENCE_CODES = ("LICENSE.1000", "LICENSE.1001")
_DENIED_CODES = ("ID.1002", "SYS.1006")  # the version decides which of the two
# Files of this machine that are not named zones: its own zone, and zones in other formats.
_BESIDE_THE_ZONES = ("localtime", "posixrules", "posix/", "right/")
_API_NAME = re.compile(r"org\.zstack\.[A-Za-z0-9.]{1,120}")
_ERROR_CODE = re.compile(r"[A-Z_]{1,40}\.[0-9]{1,6}")
_PROBABLY_VERSION = re.compile(r"[0-9][0-9A-Za-z.+_-]{0,40}")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
        is_zone = not name.startswith(_BESIDE_THE_ZONES)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        is_zone = False
    if not is_zone:
        raise invalid("must be a time zone of the IANA database, e.g. Asia/Shanghai")
    return name


class ZstackOptions(ProductOptions):
    """The options of ZStack."""

    time_zone: Annotated[str, AfterValidator(_zone)] | None = Field(
        default=None, description="The server's time zone, if you know it.", max_length=64
    )


@dataclass(frozen=True, slots=True)
class ZstackIdentity:
    """A ZStack that answers: its version and its clock."""

    version: str
    seen_at: datetime
    clock_offset: timedelta

    @property
    def skew_s(self) -> int:
        """Seconds by which the server's clock is ahead of ours; negative if behind."""
        return round(self.clock_offset.total_seconds())

    @property
    def server_time(self) -> datetime:
        """The server's own time when it was last seen."""
        return self.seen_at + self.clock_offset


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request whether the management node is ready, which needs no credentials."""
    return HttpRequest("GET", _path(endpoint, "/v1/management-nodes/ready"))


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[ZstackIdentity]]:
    """Check that this is a management node that is ready, and read its version and its clock."""
    if not _speaks_zstack(hello):
        raise _what_else(endpoint, hello)
    yield from _refuse_unable(endpoint, hello)
    response = yield _management_call(endpoint, "getVersion")
    yield from _refuse_unable(endpoint, response)
    version = response.json_object().get("version")
    if not isinstance(version, str) or not _PROBABLY_VERSION.fullmatch(version):
        raise _what_else(endpoint, response)
    identity = _with_clock(
        ZstackIdentity(version, response.received_at, timedelta()), response.date
    )
    if response.date is None or abs(identity.skew_s) > DOUBTFUL_SKEW_S:
        identity = yield from _ask_clock(endpoint, identity)
    is_off = abs(identity.skew_s) > WARN_SKEW_S
    warnings = [Finding(CLOCK_OFF, _clock_facts(identity))] if is_off else []
    return Passed(identity, *warnings, version=version, clock_skew_s=identity.skew_s)


def authenticate(
    endpoint: Endpoint, options: ZstackOptions, identity: ZstackIdentity, credentials: Credentials
) -> Flow[Passed[HttpResponse]]:
    """Sign in with the cheapest read; its answer is the session.

    The server compares wall clocks, in its own zone, before it checks the key
    (RestServer.checkTimeSkewing). So a wrong zone is no failed sign-in, and no further zone is
    tried once the key has been judged.
    """
    wanted = options.time_zone or USUAL_ZONE
    response = yield _signed(endpoint, credentials, identity.server_time, ZoneInfo(wanted), wanted)
    zone_text = wanted
    if _is_skewed(response):
        identity = yield from _ask_clock(endpoint, identity)
        for zone, zone_text in _zones(wanted):
            response = yield _signed(endpoint, credentials, identity.server_time, zone, zone_text)
            if not _is_skewed(response):
                break
        else:
            zones = 1 + len(_OFFSETS_MIN)
            raise Failed(CLOCK_SKEW, time_zones=zones, **_clock_facts(identity))
    yield from _refuse_unable(endpoint, response)
    _judge(response)
    return Passed(response, time_zone=zone_text)


def authorize(endpoint: Endpoint, session: HttpResponse) -> Flow[Passed[None]]:
    """Report from the answer to the signed read whether the key may read zones."""
    yield from ()  # the signed answer is enough
    code = _error_code(session)
    if code in _DENIED_CODES:
        api = _API_NAME.search(session.text)
        name = api.group().rpartition(".")[2] if api else "APIQueryZoneMsg"
        raise Failed(DENIED, api=name, error_code=code)
    answer = session.json_object()
    zones = answer.get("inventories")
    if not isinstance(zones, list):
        raise Failed(SCHEMA_UNEXPECTED, status=session.status, missing="inventories")
    total = answer.get("total")
    count = total if isinstance(total, int) else len(zones)
    warnings = [] if count else [Finding(EMPTY_INVENTORY, {"resources": "zones"})]
    return Passed(None, *warnings, zones=count)


def sign(method: str, date: str, path: str, secret: str) -> str:
    """Return the base64 HMAC-SHA1 signature; `path` is percent-decoded and begins with /v1."""
    message = f"{method}\n{date}\n{path}".encode()
    return b64encode(HMAC(secret.encode(), message, sha1).digest()).decode()


def _path(endpoint: Endpoint, path: str) -> str:
    """Return the path of an API call on the server: below /zstack, after any prefix."""
    prefix = endpoint.path.removesuffix("/v1").removesuffix("/zstack")
    return f"{prefix}/zstack{path}"


def _management_call(endpoint: Endpoint, action: str) -> HttpRequest:
    path = _path(endpoint, "/v1/management-nodes/actions")
    return HttpRequest.with_json("PUT", path, {action: {}})


def _signed(
    endpoint: Endpoint, credentials: Credentials, now: datetime, zone: tzinfo, zone_text: str
) -> HttpRequest:
    date = f"{_english(now.astimezone(zone))} {zone_text}"
    signature = sign("GET", date, "/v1/zones", credentials.secret_key.get_secret_value())
    key = credentials.access_key.get_secret_value()
    return HttpRequest(
        "GET",
        _path(endpoint, "/v1/zones?limit=1&replyWithCount=true"),
        {"Date": date, "Authorization": f"ZStack {key}:{signature}"},
        presents_credentials=True,
    )


def _english(moment: datetime) -> str:
    """Return the date in the server's Locale.ENGLISH pattern; strftime would use our locale."""
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return f"{day}, {moment:%d} {months[moment.month - 1]} {moment:%Y %H:%M:%S}"


def _zones(first: str) -> Iterator[tuple[tzinfo, str]]:
    yield ZoneInfo(first), first
    for minutes in _OFFSETS_MIN:
        hours, rest = divmod(abs(minutes), 60)
        sign = "-" if minutes < 0 else "+"
        # Java's parser accepts GMT+08:00 but neither GMT+8 nor +0800.
        yield timezone(timedelta(minutes=minutes)), f"GMT{sign}{hours:02}:{rest:02}"


def _with_clock(identity: ZstackIdentity, server_time: datetime | None) -> ZstackIdentity:
    if server_time is None or abs(server_time - identity.seen_at) > WORTH_BELIEVING:
        return identity
    return replace(identity, clock_offset=server_time - identity.seen_at)


def _ask_clock(endpoint: Endpoint, identity: ZstackIdentity) -> Flow[ZstackIdentity]:
    response = yield _management_call(endpoint, "getCurrentTime")
    current = response.json_object().get("currentTime")
    milliseconds = current.get("MillionSeconds") if isinstance(current, dict) else None
    identity = replace(identity, seen_at=response.received_at)
    if not isinstance(milliseconds, int) or not 0 < milliseconds < 10**14:
        return _with_clock(identity, response.date)
    return _with_clock(identity, datetime.fromtimestamp(milliseconds / 1000, UTC))


def _clock_facts(identity: ZstackIdentity) -> Facts:
    return {**skew_facts(identity.skew_s), "allowed_s": ALLOWED_SKEW_S}


def recognizes(response: HttpResponse) -> bool:
    """Return whether only a ZStack sends such an answer, to any request."""
    asks_to_sign_in = response.says("missing header 'Authorization'")
    return bool(_error_code(response)) or asks_to_sign_in or "zs-version" in response.headers


def _speaks_zstack(response: HttpResponse) -> bool:
    if response.status == 200:  # with {}, and any Content-Type
        # Whoever answers everything with a version would pass for a ZStack at the next request.
        is_object = response.body.lstrip().startswith(b"{")
        return is_object and "version" not in response.json_object()
    says = response.text
    # Versions before about 3.x require a sign-in here; the form of their refusal is proof enough.
    return bool(_error_code(response)) or "missing header 'Authorization'" in says


def _what_else(endpoint: Endpoint, response: HttpResponse) -> Failed:
    is_page = response.looks_like_html and endpoint.port in UI_PORTS
    if is_page or "zs-version" in response.headers:
        return Failed(WRONG_PORT_ROLE, status=response.status)
    if response.status == 404 and "Apache Tomcat" in response.text:
        return Failed(NOT_DEPLOYED, status=response.status)
    return not_the_product(response)


def _error_code(response: HttpResponse) -> str:
    """Return the code of a JSON error, which ZStack only sends with 503; else nothing."""
    error = response.json_object().get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if response.status != 503 or not isinstance(code, str) or not _ERROR_CODE.fullmatch(code):
        return ""
    return code


def _is_skewed(response: HttpResponse) -> bool:
    return response.status == 403 and "requestTimeTooSkewed" in response.text


def _refuse_unable(endpoint: Endpoint, response: HttpResponse) -> Flow[None]:
    code = _error_code(response)
    if code in _NOT_READY_CODES:
        raise Failed(STARTING_UP, error_code=code)
    if code in _LICENCE_CODES:
        expiry = yield from _licence_expiry(endpoint)
        raise Failed(LICENSE_EXPIRED, error_code=code, **expiry)


def _licence_expiry(endpoint: Endpoint) -> Flow[Facts]:
    response = yield HttpRequest("GET", _path(endpoint, "/v1/licenses"))
    inventory = response.json_object().get("inventory")
    date = inventory.get("expiredDate") if isinstance(inventory, dict) else None
    return {"expired_on": date[:40]} if isinstance(date, str) else {}


# The server's plain text messages, in the order in which it checks.
_VERDICTS = (
    (500, "was not registered by any RestAuthenticationBackend", ACCESS_KEYS_UNSUPPORTED),
    (400, "'Date'", DATE_REFUSED),
    (400, "accessKey format is", ACCESS_KEY_MALFORMED),
    (400, "Invalid authKey format", ACCESS_KEY_MALFORMED),
    (403, "access key id", UNKNOWN_ACCESS_KEY),
    (403, "wrong accessKey signature", SECRET_MISMATCH),
)


def _judge(response: HttpResponse) -> None:
    """Raise unless the server accepted the key pair; a denial comes after that."""
    code = _error_code(response)
    if code in _DENIED_CODES or (
        response.status == 200 and "inventories" in response.json_object()
    ):
        return
    for status, saying, cause in _VERDICTS:
        if response.status == status and saying in response.text:
            raise Failed(cause, status=status)
    raise refused_sign_in(response)


_SHAPES = KeyShapes(
    Shape("[A-Za-z0-9]{20}", "20 letters and digits"),
    Shape("[A-Za-z0-9]{40}", "40 letters and digits"),
)


def _product(name: str, title: str, screen: str) -> Product[Any, Any, Any]:
    return Product(
        name=name,
        title=title,
        access_key_is=f"AccessKey ID ({screen})",
        secret_key_is="AccessKey Secret",
        default_scheme="http",
        default_port=API_PORT,
        example="192.168.1.100:8080",
        scheme_by_port={API_PORT: "http", 5000: "http", 5443: "https"},
        key_shapes=_SHAPES,
        options=ZstackOptions,
        hello=hello,
        identify=identify,
        authenticate=authenticate,
        authorize=authorize,
        recognizes=recognizes,
    )


PRODUCTS = (
    _product("zstack", "ZStack Cloud", "Operational Management > Access Control"),
    _product("zsphere", "ZStack ZSphere", "System Management > AccessKey Management"),
    _product("zstack_cube", "ZStack Cube", "Operational Management > Access Control"),
)
