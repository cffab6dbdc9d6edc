"""Apache CloudStack: a query signed with HMAC-SHA1.

Facts are from ApiServer.verifyRequest and ApiServlet of CloudStack, and the developer's guide,
"How to sign an API call".
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha1
from hmac import HMAC
from urllib.parse import quote

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import not_deployed, not_the_product
from shared.platform.answers.said import Said
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.answers.xml_answer import XmlAnswer
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_forms import USER_INSTEAD_OF_KEY, KeyShapes, Shape, cut_off
from shared.platform.keys.key_pair import DENIED, INVALID_CREDENTIALS, KEY_DISABLED, THROTTLED
from shared.platform.keys.permissions import permissions
from shared.platform.keys.server_clock import ServerClock
from shared.platform.product import Credentials, Product, ProductOptions

API_PORT = 8080
ALLOWED_SKEW_S = 900  # the furthest that `expires` may lie ahead
VALID_FOR = timedelta(minutes=10)
PATH = "/client/api"

UNGUARDED_PORT = Cause(
    code="api.unguarded_port",
    owner="caller",
    summary=(
        "Port {port} of {host} serves {product}'s API without authentication, so the key pair "
        "cannot be checked"
    ),
    remedies=(
        "Use port {default_port}, where requests must be signed.",
        "Set integration.api.port to 0 on {host}: anyone who can reach this port controls the "
        "cloud.",
    ),
    field="endpoint",
)

SOURCE_ADDRESS_UNLISTED = Cause(
    code="auth.source_address_unlisted",
    owner="platform",
    severity="warning",
    summary=(
        "{product} gives the same answer if the account's api.allowed.source.cidr.list does not "
        "contain the address that this service comes from[, {source}|, {egress}]"
    ),
    remedies=(
        "Add this service's address[, {source},|, {egress},] to api.allowed.source.cidr.list of "
        "the account, its domain and the cloud.",
    ),
)

_VERSION = re.compile(r"[0-9]{1,3}(\.[0-9A-Za-z_-]{1,12}){1,5}")
# The calls that a platform needs to manage a CloudStack, reads first.
_CALLS = ("listHosts", "listVirtualMachines", "listNetworks", "deployVirtualMachine")


@dataclass(frozen=True, slots=True)
class CloudstackIdentity:
    """A management server that answers, and its clock."""

    clock: ServerClock


@dataclass(frozen=True, slots=True)
class CloudstackSession:
    """A key pair that the server accepted, and the clock at that time."""

    credentials: Credentials
    clock: ServerClock


def hello(endpoint: Endpoint) -> HttpRequest:
    """Return an unsigned request; the rejection contains the version, but only in XML."""
    return HttpRequest("GET", f"{_path(endpoint)}?command=listCapabilities")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[CloudstackIdentity]]:
    """Check that this is a management server, and read its version."""
    yield from ()  # the first answer is enough
    if not recognizes(hello):
        raise not_deployed(hello) or not_the_product(hello)
    if hello.status == 200:
        raise Failed(UNGUARDED_PORT, status=hello.status)
    version = XmlAnswer.of(hello).attributes["cloud-stack-version"]
    clock = ServerClock.of(hello)
    facts = {"version": version} if _VERSION.fullmatch(version) else {}
    warnings = clock.warnings(ALLOWED_SKEW_S)
    return Passed(CloudstackIdentity(clock), *warnings, clock_skew_s=clock.skew_s, **facts)


def authenticate(
    endpoint: Endpoint,
    options: ProductOptions,
    identity: CloudstackIdentity,
    credentials: Credentials,
) -> Flow[Passed[CloudstackSession]]:
    """Request the capabilities, which every role may read: the answer depends only on the key."""
    answer = yield _signed(endpoint, credentials, identity.clock.now, command="listCapabilities")
    _refuse_unlisted(answer, "listCapabilities")
    if answer.status == 401 and (recognizes(answer) or _content(answer)):
        may_be = Finding(SOURCE_ADDRESS_UNLISTED)
        raise Failed(INVALID_CREDENTIALS, may_be, status=answer.status)
    if answer.status != 200:
        raise _refused(answer) or refused_sign_in(answer)
    capability = _content(answer).get("capability")
    if not isinstance(capability, dict):
        raise refused_sign_in(answer)
    return Passed(CloudstackSession(credentials, ServerClock.of(answer)))


def ask_identity(endpoint: Endpoint, session: CloudstackSession) -> Flow[Facts]:
    """Read whose key it is: only administrators may look up a key, others see one account."""
    now, key = session.clock.now, session.credentials
    api_key = key.access_key.get_secret_value()
    answer = yield _signed(endpoint, key, now, command="getUser", userapikey=api_key)
    user = _content(answer).get("user")
    if answer.status == 200 and isinstance(user, dict):
        return _who(user, user)
    answer = yield _signed(endpoint, key, now, command="listAccounts")
    accounts = _content(answer).get("account")
    account = _only(accounts)
    if answer.status != 200 or not account:
        return {}
    own = {**account, "account": account.get("name"), "accountid": account.get("id")}
    return _who(_only(account.get("user")), own)


def authorize(endpoint: Endpoint, session: CloudstackSession) -> Flow[Passed[None]]:
    """Check by one zone whether the key may read, and by listApis what else it may call."""
    now, key = session.clock.now, session.credentials
    answer = yield _signed(
        endpoint, key, now, command="listZones", available="true", page="1", pagesize="1"
    )
    _refuse_unlisted(answer, "listZones")
    if answer.status != 200:
        raise _refused(answer) or refused_call(answer, "listZones")
    found = _content(answer).get("count", 0)
    count = found if isinstance(found, int) else 0
    have = ["listZones"]
    for name in _CALLS:
        listed = yield _signed(endpoint, key, now, command="listApis", name=name)
        if listed.status == 200 and "api" in _content(listed):
            have.append(name)
    table = permissions(have, [name for name in _CALLS if name not in have])
    return Passed(None, *table.warnings, zones=count, **table.facts)


def recognizes(response: HttpResponse) -> bool:
    """Return whether only a CloudStack sends such an answer, to any request."""
    return "cloud-stack-version" in XmlAnswer.of(response).attributes


def sign(parameters: Mapping[str, str], secret: str) -> str:
    """Return the base64 HMAC-SHA1 of the sorted query in lower case."""
    return b64encode(
        HMAC(secret.encode(), _query(parameters).lower().encode(), sha1).digest()
    ).decode()


def _query(parameters: Mapping[str, str]) -> str:
    by_name = sorted(parameters.items(), key=lambda item: item[0].lower())
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in by_name)


def _signed(
    endpoint: Endpoint, credentials: Credentials, now: datetime, **call: str
) -> HttpRequest:
    parameters = {
        **call,
        "apiKey": credentials.access_key.get_secret_value(),
        "expires": f"{now + VALID_FOR:%Y-%m-%dT%H:%M:%S+0000}",
        "response": "json",
        "signatureVersion": "3",
    }
    signature = sign(parameters, credentials.secret_key.get_secret_value())
    query = f"{_query(parameters)}&signature={quote(signature, safe='')}"
    return HttpRequest("GET", f"{_path(endpoint)}?{query}", presents_credentials=True)


def _path(endpoint: Endpoint) -> str:
    return endpoint.path.removesuffix("/api").removesuffix("/client") + PATH


def _content(answer: HttpResponse) -> Mapping[str, object]:
    """Return the content of the answer's only member, which is named after the command."""
    members = list(answer.json_object().values())
    return members[0] if members and isinstance(members[0], dict) else {}


def _refuse_unlisted(answer: HttpResponse, command: str) -> None:
    """Raise if the key is right, and its role lacks `command`.

    It is looked up after the signature was verified. Some versions answer 432 (UNSUPPORTED_ACTION),
    others 401 with words of their own (ApiServer.checkCommandAvailable).
    """
    is_unlisted = answer.status == 432 and bool(_content(answer))
    is_refusal = answer.status in (401, 403)
    if is_unlisted or (is_refusal and "does not exist" in Said.of(answer).message):
        raise Failed(DENIED, api=command, status=answer.status)


def _refused(answer: HttpResponse) -> Failed | None:
    """Return the failure that one of CloudStack's own codes names; they are HTTP statuses."""
    if answer.status == 429 and _content(answer):
        return Failed(THROTTLED, status=answer.status, error_code="429")
    if answer.status == 531 and _content(answer):  # ACCOUNT_ERROR
        return Failed(KEY_DISABLED, status=answer.status, error_code="531")
    return None


_KEY = Shape("[A-Za-z0-9_-]{86}", "86 letters, digits, - and _")  # 64 random bytes in base64


def _only(found: object) -> Mapping[str, object]:
    """Return the only object of a list; nothing if there is none, or another one."""
    one = found[0] if isinstance(found, list) and len(found) == 1 else None
    return one if isinstance(one, dict) else {}


def _who(user: Mapping[str, object], account: Mapping[str, object]) -> Facts:
    return names(
        account=account.get("account"),
        account_id=account.get("accountid"),
        domain=account.get("domain"),
        domain_id=account.get("domainid"),
        user=user.get("username"),
        user_id=user.get("id"),
    )


PRODUCTS = (
    Product(
        name="cloudstack",
        title="Apache CloudStack",
        access_key_is="API key (Accounts > Users > View API keys)",
        secret_key_is="secret key of the same user",
        default_scheme="http",
        default_port=API_PORT,
        example="http://cloudstack.example.com:8080/client/api",
        scheme_by_port={API_PORT: "http", 8443: "https", 8096: "http"},
        key_shapes=KeyShapes(_KEY, _KEY, are_general=False),
        slips=(
            USER_INSTEAD_OF_KEY,
            cut_off("accessKey", "", "[A-Za-z0-9_-]", 86),
            cut_off("secretKey", "", "[A-Za-z0-9_-]", 86),
        ),
        options=ProductOptions,
        hello=hello,
        identify=identify,
        authenticate=authenticate,
        authorize=authorize,
        recognizes=recognizes,
        identity={
            "account": Told("name or ID of the account", ("account", "account_id")),
            "tenant": Told("name or ID of the account's domain", ("domain", "domain_id")),
            "user": Told("name or ID of the user", ("user", "user_id")),
        },
        ask_identity=ask_identity,
    ),
)
