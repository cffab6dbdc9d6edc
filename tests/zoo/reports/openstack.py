"""People who connect OpenStack: what Keystone says, where it is, and what it lists."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.stand_ins.answering import Asked, Reply
from tests.zoo.fault import Target
from tests.zoo.report import report
from tests.zoo.situations import HTML, over_http, over_tls, said
from tests.zoo.visit import PASSED

USER, PASSWORD = "svc-portal", "pw-portal"
APPLICATION, ITS_SECRET = "21dced0fd20347869b93710d2b98aae0", "rEaqvJka48mpv-gQ0n8Kf4Vd7Hs1Lw3Zt"
REQUEST = "req-4f2ad3a1-6c0e-4d50-9f7e-0c1d2e3f4a5b"
_MEDIA = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]


def keystone(asked: Asked, catalog: list[Mapping[str, Any]], below: str = "") -> Reply:
    """Answer as a Keystone does to its only user, who has the project shop."""
    if asked.call == f"GET {below}/v3":
        return said({"version": {"id": "v3.14", "status": "stable", "media-types": _MEDIA}})
    if asked.call == f"GET {below}/v3/auth/projects":
        return said({"projects": [{"id": "p1", "name": "shop", "enabled": True}]})
    if asked.call == f"POST {below}/v3/auth/tokens":
        token = {"user": {"name": USER}, "project": {"name": "shop"}, "roles": [{"name": "member"}]}
        given = {"token": {**token, "catalog": catalog}}
        return said(given, 201, X_Subject_Token="gAAAAABm3x4mple")
    if asked.method == "DELETE":
        return Reply(204)
    return _error(404, "Not Found", "The resource could not be found.")


def _error(code: int, title: str, message: str) -> Reply:
    error = {"error": {"code": code, "title": title, "message": message}}
    return said(error, code, x_openstack_request_id=REQUEST)


_KINDS = ("compute", "network", "image")


def with_services(asked: Asked, below: str = "", **others: str) -> Reply:
    """Answer as a Keystone whose catalogue has services that answer, and as those services do.

    `others` are what their further interfaces are said to be at.
    """
    if asked.path.startswith(tuple(f"/{kind}" for kind in _KINDS)):
        return said({"versions": []})
    here = f"http://{asked.headers['Host']}"
    return keystone(asked, [_service(k, **others, public=f"{here}/{k}") for k in _KINDS], below)


def _service(kind: str, **urls: str) -> Mapping[str, Any]:
    endpoints = [{"interface": i, "region": "RegionOne", "url": url} for i, url in urls.items()]
    return {"type": kind, "name": kind, "endpoints": endpoints}


@report(
    "https://github.com/bigstack-oss/cubecos/issues/1470",
    "A",
    "authenticate",
    right=["auth.*", "api.*", "!api.schema_unexpected", "!auth.invalid_credentials"],
    says=["unsupported method"],
    never=["(secretKey|password) (is|does)", "Report this to the operators"],
)
def keystone_takes_no_application_credentials() -> Iterator[Target]:
    """A Keystone was set up without the method application_credential, and says so with a 401.

    "Attempted to authenticate with an unsupported method."; the credential itself was right. The
    line "methods" of its configuration lacked it.
    """

    def rule(asked: Asked) -> Reply:
        if asked.method == "POST":
            says = "Attempted to authenticate with an unsupported method."
            error = {"code": 401, "title": "Unauthorized", "message": says}
            methods = {"methods": ["password", "token", "oauth1", "mapped"]}
            return said({"error": {**error, "identity": methods}}, 401)
        return keystone(asked, [])

    yield from over_http(rule, lambda at: Target(f"{at}/v3", "openstack", APPLICATION, ITS_SECRET))


@report(
    "https://github.com/terraform-provider-openstack/terraform-provider-openstack/issues/184",
    "B",
    PASSED,
    "product_identify",
    right=["api.wrong_base_path", "auth.sent_in_clear", "api.catalog_*"],
    open=["http.redirect_to_login"],
    never=["Report this to the operators"],
)
def horizon_is_above_keystone() -> Iterator[Target]:
    """Keystone is below /identity, as in a DevStack; everything else leads to Horizon's login.

    The client had cut the path off, was redirected to the dashboard, and read its page as JSON.
    """

    def rule(asked: Asked) -> Reply:
        if asked.path.startswith(("/identity", "/compute", "/network", "/image")):
            return with_services(asked, "/identity")
        if asked.path.startswith("/dashboard/auth/login"):
            return Reply(
                200, "<html><head><title>Login - OpenStack Dashboard</title>", headers=HTML
            )
        return Reply(302, headers={"Location": "/dashboard/auth/login/?next=/", **HTML})

    yield from over_http(rule, lambda at: Target(at, "openstack", USER, PASSWORD))


@report(
    "https://github.com/rackspace/php-opencloud/issues/716",
    "Z",
    PASSED,
    right=["auth.sent_in_clear", "api.catalog_service_missing"],
)
def internal_endpoints_are_out_of_reach() -> Iterator[Target]:
    """The catalogue lists internal endpoints that nobody outside can reach, beside public ones.

    The library there tried the internal ones too, and timed out; the public ones were all right.
    """
    yield from over_http(
        lambda asked: with_services(asked, internal="http://10.105.1.0:9696"),
        lambda at: Target(f"{at}/v3", "openstack", USER, PASSWORD),
    )


@report(
    "https://github.com/php-opencloud/openstack/issues/91",
    "Q",
    "authorize",
    "authenticate",
    right=["api.catalog_empty"],
    says=["shop", "options.project"],
)
def the_project_is_not_named() -> Iterator[Target]:
    """The sign-in names no project, so the catalogue is empty; the user has two of them.

    The request needed the project; then it worked.
    """

    def rule(asked: Asked) -> Reply:
        if asked.call == "GET /v3/auth/projects":
            both = [{"id": n, "name": n, "enabled": True} for n in ("shop", "shop-test")]
            return said({"projects": both})
        if asked.call == "POST /v3/auth/tokens":
            token = {"token": {"user": {"name": USER}, "methods": ["password"]}}
            return said(token, 201, X_Subject_Token="gAAAAABm3x4mple")
        return keystone(asked, [])

    yield from over_tls(rule, lambda at: Target(at, "openstack", USER, PASSWORD))


@report(
    "https://github.com/terraform-provider-openstack/terraform-provider-openstack/issues/1040",
    "E",
    PASSED,
    "product_identify",
    right=["api.wrong_base_path", "auth.sent_in_clear", "api.catalog_*", "api.version_*"],
    open=["http.404_base_path"],
    never=["web UI"],
)
def the_endpoint_is_of_version_2() -> Iterator[Target]:
    """The endpoint ends with /v2.0, as in old manuals; the Keystone has version 3 alone.

    POST /v2.0/tokens was answered with 404; with /v3 it worked.
    """

    def rule(asked: Asked) -> Reply:
        if asked.call == "GET /":
            link = {"rel": "self", "href": "http://192.168.10.20:5000/v3/"}
            version = {"id": "v3.14", "status": "stable", "links": [link], "media-types": _MEDIA}
            return said({"versions": {"values": [version]}}, 300)
        return with_services(asked)

    yield from over_http(rule, lambda at: Target(f"{at}/v2.0", "openstack", USER, PASSWORD))
