"""OpenStack: sign-in at Keystone v3, whose catalogue lists all other services.

Facts are from the Identity API v3 reference, keystone's exception.py, and tests of a Keystone 30.0.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from pydantic import Field

from shared.diagnosis.causes import Cause
from shared.diagnosis.outcomes import Facts, Failed, Finding, Passed
from shared.endpoint import Endpoint
from shared.platform.answers.not_the_product import SCHEMA_UNEXPECTED, not_the_product
from shared.platform.answers.unexplained import refused_call, refused_sign_in
from shared.platform.http import Flow, HttpRequest, HttpResponse
from shared.platform.keys.identity import Told, names
from shared.platform.keys.key_forms import Slip
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
from shared.platform.product import Credentials, Product, ProductOptions

KEYSTONE_PORT = 5000
USUAL_DOMAIN = "Default"
MOST_NAMED = 20  # of projects and regions, in a sentence

IDENTITY_REMOVED_VERSION = Cause(
    code="api.identity_removed_version",
    owner="platform",
    summary=(
        "{host} offers only Identity API {offered}, which OpenStack removed in 2017; the test "
        "needs v3"
    ),
    remedies=(
        "Upgrade OpenStack, or enable v3 in its Keystone.",
        "Correct the endpoint if it points to the wrong Keystone.",
    ),
)
OTHER_OPENSTACK_SERVICE = Cause(
    code="api.other_openstack_service",
    owner="caller",
    summary="{host} port {port} is an OpenStack service, but not Keystone, which handles sign-ins",
    remedies=("Use the endpoint of Keystone[: {usable_keystone}].",),
    field="endpoint",
)
CATALOG_EMPTY = Cause(
    code="api.catalog_empty",
    owner="caller",
    summary=(
        "The sign-in succeeded, but without a project the service catalogue is empty; the user "
        "has roles on {projects}"
    ),
    remedies=(
        "Set options.project to one of these projects.",
        "Use an application credential, which belongs to one project.",
    ),
    field="options.project",
)
PROJECT_NOT_FOUND = Cause(
    code="auth.project_not_found",
    owner="caller",
    summary=(
        "The sign-in succeeded, but the user has no role on the project {project}[, only on "
        "{projects}]"
    ),
    remedies=(
        "Correct options.project.",
        "Give the user a role on the project {project}.",
    ),
    field="options.project",
)
NO_ROLE = Cause(
    code="authz.no_role",
    owner="platform",
    summary="The sign-in succeeded, but the user has no role on any project",
    remedies=("Give the user the role member or reader on a project.",),
    field="accessKey",
)
USER_OF_OTHER_DOMAIN = Cause(
    code="auth.user_of_other_domain",
    owner="caller",
    severity="warning",
    summary="Keystone gives the same answer if the user is not in the domain {domain}",
    remedies=("Set options.domain to the name or the ID of the user's domain.",),
    field="options.domain",
)
SIGN_IN_METHOD_UNSUPPORTED = Cause(
    code="auth.sign_in_method_unsupported",
    owner="platform",
    summary="Keystone on {host} does not accept this way to sign in; the key pair was not checked",
    remedies=(
        "Add password or application_credential, whichever the key pair is, to [auth] methods in "
        "keystone.conf.",
        "Use a user and its password instead of an application credential, or the other way round.",
    ),
    field="accessKey",
)
NO_ACCESS_TO_SCOPE = Cause(
    code="authz.no_access_to_scope",
    owner="platform",
    summary="{host} knows the user, but the user has no role on the project or domain of the key",
    remedies=(
        "Give the user a role, such as member, on this project or domain.",
        "Use a key of a project that the user has a role on.",
    ),
    field="accessKey",
)
SCOPE_DISABLED = Cause(
    code="auth.scope_disabled",
    owner="platform",
    summary="The project or domain of the key is disabled on {host}",
    remedies=("Enable it: openstack project set --enable NAME, or domain set.",),
    field="accessKey",
)
CATALOG_WITHOUT_SERVICES = Cause(
    code="api.catalog_without_services",
    owner="platform",
    summary="The catalogue lists no {interface} endpoint[ in the region {region}]",
    remedies=(
        "Register the endpoints of the services in Keystone.",
        "Choose another interface with options.interface.",
    ),
)
CATALOG_SERVICE_MISSING = Cause(
    code="api.catalog_service_missing",
    owner="platform",
    severity="warning",
    summary="The catalogue lists no {interface} endpoint for {missing}[ in the region {region}]",
    remedies=(
        "Register the endpoints of {missing} in Keystone.",
        "Choose another region with options.region, or another interface with options.interface.",
    ),
)
CATALOG_SCHEME_MISMATCH = Cause(
    code="api.catalog_scheme_mismatch",
    owner="platform",
    severity="warning",
    summary=(
        "Keystone is used over https, but its catalogue lists plain http endpoints for "
        "{services}: tokens are sent unencrypted"
    ),
    remedies=("Register https URLs for {services} in Keystone.",),
)

# A service by its names in catalogues, past and present.
_NEEDED = {
    "compute": ("compute",),
    "network": ("network",),
    "image": ("image",),
    "volume": ("volumev3", "block-storage", "volume", "volumev2"),
}
_HEX_ID = re.compile(r"[0-9a-f]{32}")
_VERSION = re.compile(r"v(?P<number>[0-9]{1,3}(\.[0-9]{1,4})?)")
_STATES = ("CURRENT", "SUPPORTED", "DEPRECATED", "EXPERIMENTAL", "stable", "beta", "alpha")
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_KEYSTONE_AT = re.compile(r"""Keystone uri=["']?(https?://[A-Za-z0-9./:_\[\]-]{1,200})""")


class OpenstackOptions(ProductOptions):
    """The options of OpenStack."""

    sign_in_with: Literal["applicationCredential", "password"] | None = Field(
        default=None,
        description=(
            "The kind of the key pair. By default, an accessKey of 32 hexadecimal digits without "
            "a domain or a project is used as the ID of an application credential, any other as a "
            "user's name."
        ),
    )
    domain: str | None = Field(
        default=None,
        max_length=64,
        description=f"The user's domain by its name or ID, {USUAL_DOMAIN} by default.",
    )
    project: str | None = Field(
        default=None, max_length=64, description="Name or ID of the project to sign in to."
    )
    region: str | None = Field(
        default=None, max_length=255, description="The region whose endpoints are tested."
    )
    interface: Literal["public", "internal", "admin"] = Field(
        default="public", description="Which endpoints of the catalogue are tested."
    )

    def takes_application_credential(self, access_key: str) -> bool:
        """Return whether `access_key` is the ID of an application credential."""
        if self.sign_in_with:
            return self.sign_in_with == "applicationCredential"
        return not (self.domain or self.project) and bool(_HEX_ID.fullmatch(access_key))


@dataclass(frozen=True, slots=True)
class Entry:
    """One endpoint of the catalogue."""

    service: str
    interface: str
    region: str
    url: str


@dataclass(frozen=True, slots=True)
class OpenstackSession:
    """A token, its scope, and its catalogue."""

    base: str
    token: str
    options: OpenstackOptions
    project: str
    """The project's name; empty if the token has no project."""
    roles: tuple[str, ...]
    catalog: tuple[Entry, ...]
    who: Facts
    """Whose token it is."""
    projects: tuple[str, ...] = ()
    """The projects that the user has roles on, if the token has no project."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The endpoints in the catalogue with the wanted interface and region."""
        region, interface = self.options.region, self.options.interface
        return tuple(
            one
            for one in self.catalog
            if one.interface == interface and region in (None, one.region)
        )


def hello(endpoint: Endpoint) -> HttpRequest:
    """Request the description of Identity API v3, which needs no sign-in."""
    return HttpRequest("GET", f"{_base(endpoint)}/v3")


def identify(endpoint: Endpoint, hello: HttpResponse) -> Flow[Passed[str]]:
    """Check that this is Keystone v3, and find its version and its path."""
    base, version = _base(endpoint), _version(hello)
    if not version:
        base, version = yield from _look_around(endpoint, hello)
    return Passed(base, version=version, identity_path=f"{base}/v3")


def authenticate(
    endpoint: Endpoint, options: OpenstackOptions, identity: str, credentials: Credentials
) -> Flow[Passed[OpenstackSession]]:
    """Get a token, once.

    A user signs in without a project first: Keystone has the same answer for a wrong password and
    for a project without a role, and only the token distinguishes them.
    """
    access_key = credentials.access_key.get_secret_value()
    if options.takes_application_credential(access_key):
        session = _session(identity, options, (yield _by_application(identity, credentials)))
    else:
        answer = yield _by_password(identity, options, credentials)
        if answer.status != 201:
            raise _refused(answer, options.domain or USUAL_DOMAIN)
        session = yield from _in_project(_session(identity, options, answer))
    facts: Facts = {"project": session.project} if session.project else {}
    warnings = [Finding(SENT_IN_CLEAR)] if endpoint.scheme == "http" else []
    return Passed(session, *warnings, roles=session.roles, **facts, **session.who)


def authorize(endpoint: Endpoint, session: OpenstackSession) -> Flow[Passed[None]]:
    """Report from the catalogue in the token's answer which services the user can use."""
    yield from ()  # the token's answer is enough
    if not session.project:
        raise _without_project(session)
    region, interface = session.options.region, session.options.interface
    regions = tuple(sorted({one.region for one in session.catalog}))
    if region and region not in regions:
        raise Failed(REGION_INVALID, region=region, right_region=regions[:MOST_NAMED])
    wanted: Facts = {"interface": interface, **({"region": region} if region else {})}
    if not session.entries:
        raise Failed(CATALOG_WITHOUT_SERVICES, **wanted)
    named = {one.service for one in session.entries}
    missing = tuple(need for need, names in _NEEDED.items() if not named.intersection(names))
    warnings = [Finding(CATALOG_SERVICE_MISSING, {"missing": missing, **wanted})] if missing else []
    plain = sorted({e.service for e in session.entries if e.url.startswith("http://")})
    if endpoint.scheme == "https" and plain:
        warnings.append(Finding(CATALOG_SCHEME_MISMATCH, {"services": tuple(plain)[:MOST_NAMED]}))
    have = tuple(need for need in _NEEDED if need not in missing)
    return Passed(None, *warnings, regions=regions[:MOST_NAMED], have=have, lack=missing)


def service_endpoints(session: OpenstackSession) -> list[tuple[str, str]]:
    """Return the catalogue's endpoints with the wanted interface and region, the needed first."""
    several = len({one.region for one in session.entries}) > 1
    needed = {name for names in _NEEDED.values() for name in names}
    return [
        (f"{one.service} ({one.region})" if several else one.service, one.url)
        for one in sorted(session.entries, key=lambda one: one.service not in needed)
    ]


def recognizes(response: HttpResponse) -> bool:
    """Return whether only an OpenStack sends such an answer, to any request."""
    asks = response.header_says("www-authenticate", "keystone uri=")
    return asks or response.says("application/vnd.openstack.identity-v")


def _base(endpoint: Endpoint) -> str:
    """Return the path above the versions, also if the caller pasted one of them."""
    return re.sub(r"/v(3|2\.0)(/auth/tokens)?$", "", endpoint.path)


def _version(answer: HttpResponse) -> str:
    """Return the version in a description of Identity API v3, else nothing."""
    version = answer.json_object().get("version")
    found = version.get("id") if isinstance(version, dict) else None
    match = _VERSION.fullmatch(found) if isinstance(found, str) else None
    is_identity = b"application/vnd.openstack.identity-v3" in answer.body
    return match["number"] if match and is_identity and answer.status == 200 else ""


def _look_around(endpoint: Endpoint, hello: HttpResponse) -> Flow[tuple[str, str]]:
    """Return path and version of a Keystone that is not at the expected path."""
    keystone = _KEYSTONE_AT.search(hello.headers.get("www-authenticate", ""))
    if keystone:
        raise Failed(OTHER_OPENSTACK_SERVICE, keystone=keystone[1], status=hello.status)
    is_redirect = 300 <= hello.status < 400
    if not is_redirect and hello.status not in (401, 403, 404):
        raise not_the_product(hello)
    base = _base(endpoint)
    offered = _offered((yield HttpRequest("GET", f"{base}/")))
    if offered and all(version.startswith("v2.0") for version in offered):
        raise Failed(IDENTITY_REMOVED_VERSION, offered=offered)
    if offered and "v3" not in {version.partition(".")[0] for version in offered}:
        raise Failed(OTHER_OPENSTACK_SERVICE, status=hello.status, offered=offered)
    if not base:
        version = _version((yield HttpRequest("GET", "/identity/v3")))
        if version:
            return "/identity", version
    raise not_the_product(hello)


def _offered(answer: HttpResponse) -> tuple[str, ...]:
    """Return the versions in the version list that every OpenStack service has.

    Many other APIs list versions, but without the state of each in OpenStack's words.
    """
    versions = answer.json_object().get("versions")
    values = versions.get("values") if isinstance(versions, dict) else versions
    found = [one.get("id") for one in _objects(values) if one.get("status") in _STATES]
    return tuple(v for v in found if isinstance(v, str) and _VERSION.fullmatch(v))[:MOST_NAMED]


def _by_application(base: str, credentials: Credentials) -> HttpRequest:
    credential = {
        "id": credentials.access_key.get_secret_value(),
        "secret": credentials.secret_key.get_secret_value(),
    }
    identity = {"methods": ["application_credential"], "application_credential": credential}
    return replace(_asks_token(base, {"identity": identity}), presents_credentials=True)


def _by_password(base: str, options: OpenstackOptions, credentials: Credentials) -> HttpRequest:
    domain = options.domain or USUAL_DOMAIN
    user = {
        "name": credentials.access_key.get_secret_value(),
        "password": credentials.secret_key.get_secret_value(),
        "domain": {"id" if _HEX_ID.fullmatch(domain) else "name": domain},
    }
    identity = {"methods": ["password"], "password": {"user": user}}
    asking = _asks_token(base, {"identity": identity, "scope": "unscoped"})
    return replace(asking, presents_credentials=True)


def _asks_token(base: str, auth: Mapping[str, Any]) -> HttpRequest:
    asking = HttpRequest.with_json("POST", f"{base}/v3/auth/tokens", {"auth": auth})
    return replace(asking, sign_out=partial(_revoke, base))


def _revoke(base: str, answer: HttpResponse) -> HttpRequest | None:
    """Return what revokes the token in `answer`, so that it cannot be used any more."""
    token = answer.headers.get("x-subject-token", "")
    if answer.status != 201 or not _TOKEN.fullmatch(token):
        return None
    headers = {"X-Auth-Token": token, "X-Subject-Token": token}
    return HttpRequest("DELETE", f"{base}/v3/auth/tokens", headers)


def _in_project(session: OpenstackSession) -> Flow[OpenstackSession]:
    """Return the session in the wanted project, or in the only one; else unchanged.

    Its token is another one. Only newer versions revoke it with the first one.
    """
    headers = {"X-Auth-Token": session.token}
    answer = yield HttpRequest("GET", f"{session.base}/v3/auth/projects", headers)
    if answer.status != 200:
        raise refused_call(answer, "auth/projects")
    projects = [p for p in _objects(answer.json_object().get("projects")) if p.get("enabled")]
    chosen = _chosen(projects, session.options)
    if chosen is None:
        names = tuple(str(project.get("name")) for project in projects)
        return replace(session, projects=names[:MOST_NAMED])
    identity = {"methods": ["token"], "token": {"id": session.token}}
    scope = {"project": {"id": chosen.get("id")}}
    answer = yield _asks_token(session.base, {"identity": identity, "scope": scope})
    if answer.status != 201:  # the key pair was accepted before, so it is not the reason
        wanted = {"project": str(chosen.get("name"))}
        return replace(session, options=session.options.model_copy(update=wanted))
    return _session(session.base, session.options, answer)


def _chosen(
    projects: Sequence[Mapping[str, Any]], options: OpenstackOptions
) -> Mapping[str, Any] | None:
    if options.project is None:
        return projects[0] if len(projects) == 1 else None
    named = [p for p in projects if options.project in (p.get("id"), p.get("name"))]
    return next(iter(named), None)


def _session(base: str, options: OpenstackOptions, answer: HttpResponse) -> OpenstackSession:
    """Return the session that `answer` opens; raises if it opens none."""
    if answer.status != 201:
        raise _refused(answer)
    token = answer.json_object().get("token")
    subject = answer.headers.get("x-subject-token", "")
    if not isinstance(token, dict) or not _TOKEN.fullmatch(subject):
        raise Failed(SCHEMA_UNEXPECTED, status=answer.status)
    project = token.get("project")
    roles = sorted(str(role.get("name")) for role in _objects(token.get("roles")))
    return OpenstackSession(
        base=base,
        token=subject,
        options=options,
        project=str(project.get("name")) if isinstance(project, dict) else "",
        roles=tuple(roles)[:MOST_NAMED],
        catalog=tuple(_entries(token.get("catalog"))),
        who=_who(token),
    )


def _who(token: Mapping[str, Any]) -> Facts:
    user, project = _object(token.get("user")), _object(token.get("project"))
    domain = _object(user.get("domain"))
    return names(
        user=user.get("name"),
        user_id=user.get("id"),
        domain=domain.get("name"),
        domain_id=domain.get("id"),
        project_id=project.get("id"),
    )


def _entries(catalog: object) -> Iterator[Entry]:
    for service in _objects(catalog):
        for found in _objects(service.get("endpoints")):
            region = found.get("region") or found.get("region_id") or ""
            parts = (service.get("type"), found.get("interface"), region, found.get("url"))
            if all(isinstance(part, str) for part in parts):
                yield Entry(*map(str, parts))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects in `value`, which should be a list of them."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


# Keystone distinguishes these only in the message of its 401, the last four with insecure_debug
# alone, and 30.0 rejects a locked account with the message of a wrong password.
_SAYS = (
    ("unsupported method", SIGN_IN_METHOD_UNSUPPORTED),
    ("account is locked", ACCOUNT_LOCKED),
    ("password is expired", PASSWORD_EXPIRED),
    ("account is disabled", KEY_DISABLED),
    ("has no access to project", NO_ACCESS_TO_SCOPE),
    ("has no access to domain", NO_ACCESS_TO_SCOPE),
    ("Project is disabled", SCOPE_DISABLED),
    ("Domain is disabled", SCOPE_DISABLED),
)


def _refused(answer: HttpResponse, domain: str = "") -> Failed:
    """Return why no token was issued, to a user of `domain` or to an application credential."""
    error = answer.json_object().get("error")
    if not isinstance(error, dict):
        return refused_sign_in(answer)
    says, facts = str(error.get("message", "")), {"status": answer.status}
    if answer.status == 404:
        return Failed(ACCESS_KEY_NOT_FOUND, **facts)
    if answer.status != 401:
        return refused_sign_in(answer)
    if "openstack-auth-receipt" in answer.headers:
        return Failed(MFA_OR_SSO_REQUIRED, **facts)
    cause = next((cause for text, cause in _SAYS if text in says), INVALID_CREDENTIALS)
    is_open = cause is INVALID_CREDENTIALS and bool(domain)
    rivals = [Finding(USER_OF_OTHER_DOMAIN, {"domain": domain})] if is_open else []
    return Failed(cause, *rivals, **facts)


def _without_project(session: OpenstackSession) -> Failed:
    projects, wanted = session.projects, session.options.project
    if wanted:
        named: Facts = {"projects": projects} if projects else {}
        return Failed(PROJECT_NOT_FOUND, project=wanted, **named)
    return Failed(CATALOG_EMPTY, projects=projects) if projects else Failed(NO_ROLE)


_SLIPS = (
    Slip(
        "accessKey",
        r"[^@\\.]+@[^@\\.]+|[^@\\]+\\[^@\\]+",
        "a user with its domain",
        "the user's name alone, and the domain as options.domain",
    ),
    Slip(
        "accessKey",
        r"[^:/@]+[:/][^:/@]+",
        "a project and a user",
        "the user's name alone, and the project as options.project",
    ),
    Slip("secretKey", r"gAAAA[\w-]+=*", "a token of Keystone", "the user's password"),
    Slip(
        "secretKey",
        "[0-9a-f]{32}",
        "the secret of an EC2 credential, which is for S3",
        "the secret of an application credential",
        other="[0-9a-f]{32}",
    ),
)

PRODUCTS = (
    Product(
        name="openstack",
        title="OpenStack",
        aliases=("keystone",),
        access_key_is="application credential's ID, or a user's name",
        secret_key_is="application credential's secret, or the user's password",
        names_user=lambda name: not _HEX_ID.fullmatch(name),
        default_scheme="https",  # the secret itself is sent
        default_port=KEYSTONE_PORT,
        example="https://keystone.example.com:5000/v3",
        scheme_by_port={KEYSTONE_PORT: "https", 35357: "https", 13000: "https"},
        service_ports=(8774, 9696, 9292, 8776),
        slips=_SLIPS,
        options=OpenstackOptions,
        hello=hello,
        identify=identify,
        authenticate=authenticate,
        authorize=authorize,
        service_endpoints=service_endpoints,
        recognizes=recognizes,
        identity={
            "account": Told("name or ID of the user's domain", ("domain", "domain_id")),
            "tenant": Told("name or ID of the project", ("project", "project_id")),
            "user": Told("name or ID of the user", ("user", "user_id")),
        },
        sign_in_attempts=4,  # if an operator has set a lock-out, it is often after six
    ),
)
