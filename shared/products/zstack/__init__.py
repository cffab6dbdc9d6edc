"""ZStack Cloud, ZSphere and Cube, which share one REST API and one signature.

Facts are from the ZStack source (RestServer.java, RestConstants.java, AccountManagerImpl.java at
5.2.1) and the vendor's developer guides v3 and v5, "Call APIs with an AccessKey".
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import (
    WRONG_PORT_ROLE,
    may_be_refused_alone,
    not_deployed,
    not_the_product,
)
from shared.platform.answers.said import Said, hearing
from shared.platform.answers.unexplained import refused_call
from shared.platform.http import Flow, HttpRequest, HttpResponse, answer_if_any
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_forms import USER_INSTEAD_OF_KEY, KeyShapes, Shape
from shared.platform.keys.key_pair import (
    CLOCK_OFF,
    CLOCK_SKEW,
    DENIED,
    EMPTY_INVENTORY,
)
from shared.platform.keys.server_clock import skew_facts
from shared.platform.product import Credentials, Product, ProductOptions, invalid
from shared.products.zstack.calls import CALLS, permissions_of
from shared.products.zstack.refusals import (
    ACCESS_KEYS_UNSUPPORTED,
    OPERATION_FAILED,
    Refusal,
    licence_failure,
    refusal_of_key,
    refuse_unable,
)
from shared.products.zstack.signing import OFFSETS_MIN, AccessKey, Zone, ZstackSession, zones

API_PORT = 8080
UI_PORTS = (5000, 5443)
ALLOWED_SKEW_S = 900  # RestConstants.REQUEST_DURATION_MINUTES
WARN_SKEW_S = 300
DOUBTFUL_SKEW_S = 30  # a proxy may have written the Date header; beyond this, ask ZStack itself
WORTH_BELIEVING = timedelta(days=3650)
USUAL_ZONE = "Asia/Shanghai"
# Files of this machine that are not named zones: its own zone, and zones in other formats.
_BESIDE_THE_ZONES = ("localtime", "posixrules", "posix/", "right/")
_PROBABLY_VERSION = re.compile(r"[0-9][0-9A-Za-z.+_-]{0,40}")
_JOB = re.compile(r"/v1/api-jobs/[0-9a-f]{32}$")
_NO_SUCH_CALL = "no api mapping to "


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
    speaks_zstack = _speaks_zstack(hello)
    if not speaks_zstack and not may_be_refused_alone(hello):
        raise _what_else(endpoint, hello)
    yield from _refuse_unable(endpoint, hello)
    response = yield _management_call(endpoint, "getVersion")
    yield from _refuse_unable(endpoint, response)
    version = response.json_object().get("version")
    if not isinstance(version, str) or not _PROBABLY_VERSION.fullmatch(version):
        raise _what_else(endpoint, response if speaks_zstack else hello)
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
) -> Flow[Passed[ZstackSession]]:
    """Sign in with the cheapest read; its answer tells what the next step needs.

    The server compares wall clocks, in its own zone, before it checks the key
    (RestServer.checkTimeSkewing). So a wrong zone is no failed sign-in, and no further zone is
    tried once the key has been judged.
    """
    read = HttpRequest("GET", "/v1/zones?limit=1&replyWithCount=true")
    usual = Zone.named(options.time_zone or USUAL_ZONE)
    key = AccessKey(credentials, _base(endpoint), usual)
    response = yield key.signed(read, identity.server_time)
    if _is_skewed(response):
        identity = yield from _ask_clock(endpoint, identity)
        for zone in zones(usual):
            key = replace(key, zone=zone)
            response = yield key.signed(read, identity.server_time)
            if not _is_skewed(response):
                break
        else:
            raise Failed(CLOCK_SKEW, time_zones=1 + len(OFFSETS_MIN), **_clock_facts(identity))
    yield from _refuse_unable(endpoint, response)
    if not _is_accepted(response):
        failed = refusal_of_key(response)
        failed.hear(Said.of(response).facts)  # of this answer, not of one to a further request
        if failed.cause is ACCESS_KEYS_UNSUPPORTED:
            failed = yield from _with_edition(endpoint, failed)
        raise failed
    session = ZstackSession(key, identity.clock_offset, response)
    return Passed(session, time_zone=key.zone.text)


def ask_identity(endpoint: Endpoint, session: ZstackSession) -> Flow[Facts]:
    """Read the account of the key: other accounts than its own are only shown to administrators.

    The list of AccessKeys would tell it directly, and with it the secrets of all of them.
    """
    answer = yield session.signed(HttpRequest("GET", "/v1/accounts?limit=2"))
    accounts = answer.json_object().get("inventories")
    if isinstance(accounts, list) and len(accounts) > 1:
        path = "/v1/accounts?limit=2&q=type%3DSystemAdmin"
        answer = yield session.signed(HttpRequest("GET", path))
        accounts = answer.json_object().get("inventories")
    own = accounts[0] if isinstance(accounts, list) and len(accounts) == 1 else None
    if not isinstance(own, dict):
        return {}
    return names(account=own.get("uuid"), account_name=own.get("name"))


def authorize(endpoint: Endpoint, session: ZstackSession) -> Flow[Passed[None]]:
    """Report how many zones there are, and which of the calls that managing needs the key has."""
    answer = session.answer
    if job := _job(answer):
        answer = yield HttpRequest("GET", _path(endpoint, job))
        if answer.status == 202:  # it still runs
            return Passed(None, not_asked=CALLS)
    content = answer.json_object()
    with hearing(answer):
        zones = _zones_in(answer)
    total = content.get("total")
    count = total if isinstance(total, int) else len(zones)
    warnings = [] if count else [Finding(EMPTY_INVENTORY, {"resources": "zones"})]
    table = yield from permissions_of(session)
    return Passed(None, *warnings, *table.warnings, zones=count, **table.facts)


def _zones_in(answer: HttpResponse) -> list[object]:
    """Return the zones that `answer` lists; raises if it lists none."""
    refusal = Refusal.of(answer)
    if refusal.is_denial:
        name = refusal.denied_api or "APIQueryZoneMsg"
        raise Failed(DENIED, api=name, error_code=refusal.code)
    zones = answer.json_object().get("inventories")
    if isinstance(zones, list):
        return zones
    if refusal.code:
        raise Failed(OPERATION_FAILED, status=answer.status, error_code=refusal.code)
    raise refused_call(answer, "QueryZone")


def recognizes(response: HttpResponse) -> bool:
    """Return whether only a ZStack sends such an answer, to any request."""
    asks_to_sign_in = response.says("missing header 'Authorization'")
    return bool(Refusal.of(response).code) or asks_to_sign_in or "zs-version" in response.headers


def _base(endpoint: Endpoint) -> str:
    """Return the path of the application on the server: /zstack, after any prefix."""
    return f"{endpoint.path.removesuffix('/v1').removesuffix('/zstack')}/zstack"


def _path(endpoint: Endpoint, path: str) -> str:
    return f"{_base(endpoint)}{path}"


def _management_call(endpoint: Endpoint, action: str) -> HttpRequest:
    path = _path(endpoint, "/v1/management-nodes/actions")
    return HttpRequest.with_json("PUT", path, {action: {}})


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


def _speaks_zstack(response: HttpResponse) -> bool:
    if response.status == 200:  # with {}, and any Content-Type
        # Whoever answers everything with a version would pass for a ZStack at the next request.
        is_object = response.body.lstrip().startswith(b"{")
        return is_object and "version" not in response.json_object()
    if response.status == 404:  # an older one
        return response.beginning.startswith(_NO_SUCH_CALL)
    # Versions before about 3.x require a sign-in here; the form of their refusal is proof enough.
    is_old = response.says("missing header 'Authorization'")
    return bool(Refusal.of(response).code) or is_old


def _what_else(endpoint: Endpoint, response: HttpResponse) -> Failed:
    is_page = response.looks_like_html and response.status < 400
    is_ui = is_page and (endpoint.port in UI_PORTS or "ZStack" in response.title)
    if is_ui or "zs-version" in response.headers:
        return Failed(WRONG_PORT_ROLE, status=response.status)
    if failed := not_deployed(response):
        return failed
    return not_the_product(response)


def _is_skewed(response: HttpResponse) -> bool:
    return response.status == 403 and "requestTimeTooSkewed" in response.text


def _is_accepted(response: HttpResponse) -> bool:
    """Return whether the key pair was accepted; a denial comes after that."""
    has_list = response.status == 200 and "inventories" in response.json_object()
    return has_list or bool(_job(response)) or Refusal.of(response).is_denial


def _job(response: HttpResponse) -> str:
    """Return the path of the job that will have the result; empty if this is the result."""
    location = response.json_object().get("location") if response.status == 202 else None
    found = _JOB.search(location) if isinstance(location, str) else None
    return found.group() if found else ""


def _refuse_unable(endpoint: Endpoint, response: HttpResponse) -> Flow[None]:
    refuse_unable(response)
    code = Refusal.of(response).code
    if code.startswith("LICENSE."):
        failed = licence_failure(code, (yield from _licence(endpoint)))
        failed.hear(Said.of(response).facts)
        raise failed


def _with_edition(endpoint: Endpoint, failed: Failed) -> Flow[Failed]:
    """Return `failed` with the edition, which the platform tells to anyone."""
    told = yield from _public(endpoint, "/v1/meta-data/opensource")
    edition = {"edition": "open-source"} if told.get("opensource") is True else {}
    return Failed(failed.cause, **failed.finding.facts, **edition)


def _licence(endpoint: Endpoint) -> Flow[dict[str, Any]]:
    """Return the licence as the platform tells it to anyone; nothing where it does not."""
    inventory = (yield from _public(endpoint, "/v1/licenses")).get("inventory")
    return inventory if isinstance(inventory, dict) else {}


def _public(endpoint: Endpoint, path: str) -> Flow[dict[str, Any]]:
    """Return what a call without a sign-in tells; nothing if it fails."""
    answer = yield from answer_if_any(HttpRequest("GET", _path(endpoint, path)))
    return answer.json_object() if answer and answer.status == 200 else {}


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
        slips=(USER_INSTEAD_OF_KEY,),
        options=ZstackOptions,
        hello=hello,
        identify=identify,
        authenticate=authenticate,
        authorize=authorize,
        recognizes=recognizes,
        identity={"account": Told("name or UUID of the account", ("account", "account_name"))},
        ask_identity=ask_identity,
        minimum_version="3.2.0",  # AccessKeys
    )


PRODUCTS = (
    _product("zstack", "ZStack Cloud", "Operational Management > Access Control"),
    _product("zsphere", "ZStack ZSphere", "System Management > AccessKey Management"),
    _product("zstack_cube", "ZStack Cube", "Operational Management > Access Control"),
)
