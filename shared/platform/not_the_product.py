"""Say what answered when it was not the product that was looked for."""

import re

from shared.diagnosis.causes import Cause
from shared.platform.http import HttpResponse
from shared.platform.intermediaries import in_between, seen
from shared.diagnosis.outcomes import Fact, Failed
from shared.platform.redirects import TO_LOGIN, redirected
from shared.text import printable

TLS_EXPECTED = Cause(
    code="tls.tls_on_http_url",
    owner="caller",
    summary="{host} expects TLS on port {port}, but the endpoint was tested over plain http",
    remedies=("Begin the endpoint with https://.",),
    field="endpoint",
)
CLIENT_CERTIFICATE = Cause(
    code="tls.client_cert_required",
    owner="caller",
    summary="{host} demands a client certificate on port {port}[, by {authorities}]",
    remedies=(
        "Use a port of the API that takes the key pair alone.",
        "Have {host} demand no client certificate on port {port} of those who have a key pair.",
    ),
    field="endpoint",
)
NOT_AN_API = Cause(
    code="http.html_not_api",
    owner="caller",
    summary="{host} port {port} answers with a web page (status {status})[, titled {title}], not "
    "as an API does",
    remedies=(
        "Give the address and port of {product}'s API instead of a web page's[; its usual port is "
        "{usual_port}].",
    ),
    field="endpoint",
)
WRONG_PRODUCT = Cause(
    code="api.wrong_product",
    owner="caller",
    summary="{host} port {port} answers with status {status}, but not as {product} does",
    remedies=(
        "Check that the endpoint is {product}'s API and that its path is right.",
        "Choose the productType of the platform that really is at {host}.",
    ),
    field="endpoint",
)
UI_PORT = Cause(
    code="api.wrong_port_role",
    owner="caller",
    summary="Port {port} of {host} serves {product}'s web UI, not its API[; that answers on port "
    "{api_port}]",
    remedies=("Use port {usual_port}, where {product} usually serves its API.",),
    field="endpoint",
)
STARTING_UP = Cause(
    code="api.starting_up",
    owner="platform",
    summary="{product} on {host} is not ready to serve yet[ ({error_code})]",
    remedies=("Wait until {product} has started on {host}, then test again.",),
)
UNEXPECTED = Cause(
    code="api.schema_unexpected",
    owner="platform",
    summary="{host} answers with status {status} in a way that {product} is not known to[: "
    "{missing} is missing]",
    remedies=("Report this to the operators together with the platform's version.",),
)

BAD_REQUEST = Cause(
    code="http.400_bad_request",
    owner="caller",
    summary="{host} port {port} can't make anything of {product}'s first request (400)",
    remedies=(
        "Check that port {port} is {product}'s API[; its usual port is {usual_port}].",
        "Look for the reason in the log of what answers on {host}.",
    ),
    field="endpoint",
)
GATE = Cause(
    code="auth.scheme_unsupported",
    owner="platform",
    summary="{host} port {port} wants a sign-in of its own ({schemes}) before {product}'s API is "
    "reached",
    remedies=(
        "Let the API's path pass the gateway at {host} without its own sign-in.",
        "Give the address of {product}'s API itself.",
    ),
)
FORBIDDEN = Cause(
    code="http.403_forbidden",
    owner="platform",
    summary="{host} port {port} refuses the request before any sign-in (403)",
    remedies=(
        "Allow this service's address in the access list of {host} or of the proxy before it.",
        "Check that the endpoint is {product}'s API[; its usual port is {usual_port}].",
    ),
)
NOT_FOUND = Cause(
    code="http.404_base_path",
    owner="caller",
    summary="{host} port {port} has nothing[ at {asked}] (404)",
    remedies=(
        "Check the endpoint's path, and that port {port} is {product}'s API[; its usual port is "
        "{usual_port}].",
        "Choose the productType of the platform that really is at {host}.",
    ),
    field="endpoint",
)
METHOD = Cause(
    code="http.405_406_415",
    owner="caller",
    summary="{host} port {port} does not take {product}'s first request (status {status})",
    remedies=(
        "Choose the productType of the platform that really is at {host}.",
        "Check that no proxy before {host} limits the methods[; it allows {allowed}].",
    ),
    field="endpoint",
)
SERVER_ERROR = Cause(
    code="http.500",
    owner="platform",
    summary="{host} port {port} answers {status}: it fails itself",
    remedies=(
        "Look for the reason in the log of the service on {host}[; the request is {reference}].",
    ),
)

# nginx says it with 400, as Apache and Tomcat do; Go's net/http says the last one.
_TLS_PORT_SAYS = (
    "plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
    "combination of host and port requires TLS",
    "HTTP request to an HTTPS server",
)
# nginx takes any handshake, then says it with 400 (its 496 is for its own log alone); Apache says
# it with 403 where a path alone demands one, which TLS 1.3 has no second handshake for.
_CERTIFICATE_IS_DEMANDED = {
    400: "No required SSL certificate was sent",
    403: "Cannot perform Post-Handshake Authentication",
}
_CAUSE_BY_STATUS = {
    400: BAD_REQUEST,
    403: FORBIDDEN,
    404: NOT_FOUND,
    405: METHOD,
    406: METHOD,
    415: METHOD,
    501: METHOD,
}
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]{1,20})(?=\s|,|$)")
_QUOTED = re.compile(r'"[^"]*"')
_PASSWORD_FIELD = re.compile(r"type=[\"']?password", re.IGNORECASE)
LONGEST_REFERENCE = 60

UNSURE = (WRONG_PRODUCT, NOT_AN_API, TO_LOGIN, BAD_REQUEST, FORBIDDEN, NOT_FOUND, METHOD)
"""Causes that another look can tell a better one for: nobody knows yet what answers."""


def not_the_product(response: HttpResponse, otherwise: Cause | None = None) -> Failed:
    """Return the failure that tells best what `response` is instead of the product's answer.

    `otherwise` is the cause for an answer of which nothing can be told, where more than the first
    request has been asked: its status says nothing of the endpoint any more.
    """
    if failed := redirected(response):
        return failed
    if response.status == 400 and any(saying in response.beginning for saying in _TLS_PORT_SAYS):
        return Failed(TLS_EXPECTED, status=response.status)
    demand = _CERTIFICATE_IS_DEMANDED.get(response.status)
    if demand and demand in response.beginning:
        return Failed(CLIENT_CERTIFICATE, status=response.status)
    if failed := in_between(response):
        return failed
    if otherwise is None and response.status >= 400:
        return _by_status(response)
    if response.looks_like_html:
        is_login = response.status < 400 and _PASSWORD_FIELD.search(response.beginning)
        return Failed(TO_LOGIN if is_login else NOT_AN_API, **seen(response))
    return Failed(otherwise or WRONG_PRODUCT, **seen(response))


def _by_status(response: HttpResponse) -> Failed:
    facts, status = seen(response), response.status
    challenge = response.headers.get("www-authenticate", "")
    schemes = tuple(_SCHEME.findall(_QUOTED.sub("", challenge[:500])))
    if status == 401 and schemes:
        return Failed(GATE, schemes=schemes, **facts)
    if status >= 500 and status not in _CAUSE_BY_STATUS:
        return Failed(SERVER_ERROR, **_reference(response), **facts)
    if allowed := response.headers.get("allow"):
        facts["allowed"] = allowed
    if response.url:
        facts["asked"] = response.url
    return Failed(_CAUSE_BY_STATUS.get(status, WRONG_PRODUCT), **facts)


def _reference(response: HttpResponse) -> dict[str, Fact]:
    """Return the id by which the platform's log knows the request, if it gave one."""
    names = ("x-request-id", "x-correlation-id", "x-amzn-requestid", "x-trace-id", "request-id")
    given = next((response.headers[name] for name in names if name in response.headers), "")
    return {"reference": printable(given, LONGEST_REFERENCE)} if given else {}
